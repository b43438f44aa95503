# ConvNeXt-B fine-tuned on your own videos: inherit this and name them (docs/data.md). Start it from COCO or
# YouTube-VIS weights: `--cfg-options load_from=...`.
_base_ = [
    "../_base_/models/video_convnext-b_9_layers.py",
    "../_base_/datasets/own_videos.py",
    "../_base_/schedules/adamw_368k.py",
    "../_base_/default_runtime.py",
]

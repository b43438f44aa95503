# ConvNeXt-B fine-tuned on your own videos: inherit this and name them (docs/data.md). Start it from COCO or
# YouTube-VIS weights: `--cfg-options load_from=...`.
_base_ = [
    "../_base_/backbones/clip_convnext-b.py",
    "../_base_/models/clipvis_video.py",
    "../_base_/datasets/own_videos.py",
    "../_base_/schedules/adamw_368k.py",
    "../_base_/default_runtime.py",
]

model = dict(
    backbone=_base_.clip_backbone,
    head=dict(query_decoder=dict(num_layers=9)),
)

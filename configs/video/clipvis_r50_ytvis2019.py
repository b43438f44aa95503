# R50, COCO model fine-tuned on YouTube-VIS 2019, one frame a clip. Start it from COCO weights:
# `--cfg-options load_from=...`.
_base_ = [
    "../_base_/models/video_r50_9_layers.py",
    "../_base_/datasets/ytvis2019.py",
    "../_base_/schedules/adamw_368k.py",
    "../_base_/default_runtime.py",
]

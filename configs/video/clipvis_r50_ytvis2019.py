# R50, COCO model fine-tuned on YouTube-VIS 2019, one frame a clip. Start it from COCO weights:
# `--cfg-options load_from=...`.
_base_ = [
    "../_base_/backbones/clip_r50.py",
    "../_base_/models/clipvis_video.py",
    "../_base_/datasets/ytvis2019.py",
    "../_base_/schedules/adamw_368k.py",
    "../_base_/default_runtime.py",
]

model = dict(
    backbone=_base_.clip_backbone,
    head=dict(query_decoder=dict(num_layers=9)),
)

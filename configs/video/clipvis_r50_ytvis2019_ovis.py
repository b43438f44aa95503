# R50, YouTube-VIS 2019 model run on the videos of OVIS.
_base_ = [
    "../_base_/backbones/clip_r50.py",
    "../_base_/models/clipvis_video.py",
    "../_base_/datasets/ovis.py",
    "../_base_/default_runtime.py",
]

model = dict(
    backbone=_base_.clip_backbone,
    head=dict(query_decoder=dict(num_layers=9)),
)

test_cfg = dict(type="TestLoop")

# ConvNeXt-B, YouTube-VIS 2019 model run on the LV-VIS test set: writes a file for the server.
_base_ = [
    "../_base_/backbones/clip_convnext-b.py",
    "../_base_/models/clipvis_video.py",
    "../_base_/datasets/lvvis_test.py",
    "../_base_/default_runtime.py",
]

model = dict(
    backbone=_base_.clip_backbone,
    head=dict(query_decoder=dict(num_layers=9)),
)

test_cfg = dict(type="TestLoop")

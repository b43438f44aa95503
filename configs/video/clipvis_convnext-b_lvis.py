# ConvNeXt-B, LVIS image model run on the videos of LV-VIS.
_base_ = [
    "../_base_/backbones/clip_convnext-b.py",
    "../_base_/models/clipvis_video.py",
    "../_base_/datasets/lvvis.py",
    "../_base_/default_runtime.py",
]

model = dict(
    backbone=_base_.clip_backbone,
    head=dict(query_decoder=dict(num_layers=6)),
)

test_cfg = dict(type="TestLoop")

# R50 on LVIS v1 without rare categories: the released open-vocabulary image model.
_base_ = [
    "../_base_/backbones/clip_r50.py",
    "../_base_/models/clipvis_image.py",
    "../_base_/datasets/lvis_norare.py",
    "../_base_/schedules/adamw_368k.py",
    "../_base_/default_runtime.py",
]

model = dict(backbone=_base_.clip_backbone, head=dict(query_decoder=dict(num_layers=6)))

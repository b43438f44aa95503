# ConvNeXt-B on COCO 2017: the model that the YouTube-VIS fine-tuning starts from.
_base_ = [
    "../_base_/backbones/clip_convnext-b.py",
    "../_base_/models/clipvis_image.py",
    "../_base_/datasets/coco.py",
    "../_base_/schedules/adamw_368k.py",
    "../_base_/default_runtime.py",
]

model = dict(backbone=_base_.clip_backbone, head=dict(query_decoder=dict(num_layers=9)))

# weights/photo_mini.safetensors for images: the network, without data. projects/photo_mini trains and tests it.
_base_ = [
    "../_base_/backbones/photo_mini.py",
    "../_base_/heads/photo_mini.py",
    "../_base_/models/clipvis_image.py",
]

model = dict(
    backbone=_base_.encoder,
    head=_base_.photo_mini_head,
    data_preprocessor=_base_.pixels,
)

inference = dict(short_side=256, max_long_side=384)

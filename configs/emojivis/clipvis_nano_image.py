# weights/clipvis_nano.safetensors for images: the network, without data. projects/emojivis trains and tests it.
_base_ = [
    "../_base_/backbones/clip_nano.py",
    "../_base_/heads/narrow.py",
    "../_base_/models/clipvis_image.py",
]

model = dict(
    backbone=_base_.clip_backbone,
    head=_base_.narrow_head,
)

inference = dict(short_side=320, max_long_side=640)

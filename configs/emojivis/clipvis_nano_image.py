# CLIP-VIS nano, trained on images with masks of the base categories. clipvis_nano_video.py takes its weights.
_base_ = [
    "../_base_/backbones/clip_nano.py",
    "../_base_/heads/narrow.py",
    "../_base_/models/clipvis_image.py",
    "../_base_/datasets/emojivis_images.py",
    "../_base_/schedules/quick.py",
    "../_base_/default_runtime.py",
]

model = dict(
    backbone=_base_.clip_backbone,
    head=dict(in_channels=_base_.clip_channels, **_base_.narrow_head),
    criterion=dict(num_points=2048),
)

train_cfg = dict(max_iters=10000, val_interval=2500)
param_scheduler = [
    dict(type="LinearLR", by_epoch=False, begin=0, end=100, start_factor=0.01),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=1500, end=10000, eta_min=1e-6),
]
default_hooks = dict(checkpoint=dict(interval=500, max_keep_ckpts=1))
randomness = dict(seed=0)
inference = dict(short_side=320, max_long_side=640)

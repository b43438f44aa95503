# photo-mini's mask decoder, trained on a few photos in about an hour of one core (docs/photo_mini.md).
_base_ = [
    "../_base_/backbones/photo_mini.py",
    "../_base_/heads/photo_mini.py",
    "../_base_/models/clipvis_image.py",
    "../_base_/datasets/photos.py",
    "../_base_/schedules/quick.py",
    "../_base_/default_runtime.py",
]
model = dict(
    backbone=_base_.encoder,
    head=dict(in_channels=_base_.channels, **_base_.photo_mini_head),
    criterion=dict(num_points=1024),
    data_preprocessor=_base_.pixels,
)

custom_hooks = _base_.custom_hooks
custom_hooks[1].class_agnostic = True

train_cfg = dict(max_iters=5200, val_interval=1300)
optim_wrapper = dict(optimizer=dict(lr=7e-4))
param_scheduler = [
    dict(type="LinearLR", by_epoch=False, begin=0, end=200, start_factor=0.01),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=200, end=5200, eta_min_ratio=0.01),
]
randomness = dict(seed=0)
default_hooks = dict(checkpoint=dict(interval=500, max_keep_ckpts=2))
inference = dict(short_side=256, max_long_side=384)

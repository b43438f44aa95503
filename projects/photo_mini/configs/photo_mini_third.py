# The shipped decoder: goes on from photo_mini_image_longer.py on the photos of the second edition.
_base_ = [
    "../../../configs/photo_mini/photo_mini_image.py",
    "_base_/photos_second.py",
    "../../../configs/_base_/schedules/quick.py",
    "../../../configs/_base_/default_runtime.py",
]
model = dict(criterion=dict(num_points=1024))

load_from = "work_dirs/photo_mini_image_longer/iter_5000.pth"

custom_hooks = [
    dict(type="VocabularyHook", class_agnostic=True),
    dict(type="SamplerStateHook"),
]

train_cfg = dict(max_iters=9000, val_interval=4500)
optim_wrapper = dict(optimizer=dict(lr=5e-4))
param_scheduler = [
    dict(type="LinearLR", by_epoch=False, begin=0, end=200, start_factor=0.01),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=200, end=9000, eta_min_ratio=0.01),
]
randomness = dict(seed=0)
default_hooks = dict(checkpoint=dict(interval=500, max_keep_ckpts=2))

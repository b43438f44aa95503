# CLIP-VIS nano, trained on images with masks of the base categories. clipvis_nano_video.py takes its weights.
_base_ = [
    "../../../configs/emojivis/clipvis_nano_image.py",
    "_base_/emojivis_images.py",
    "../../../configs/_base_/schedules/quick.py",
    "../../../configs/_base_/default_runtime.py",
]

custom_imports = dict(imports=[*_base_.custom_imports.imports, "projects.emojivis.emojivis.datasets"])

model = dict(criterion=dict(num_points=2048))

train_cfg = dict(max_iters=10000, val_interval=2500)
param_scheduler = [
    dict(type="LinearLR", by_epoch=False, begin=0, end=100, start_factor=0.01),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=1500, end=10000, eta_min=1e-6),
]
default_hooks = dict(checkpoint=dict(interval=500, max_keep_ckpts=1))
randomness = dict(seed=0)

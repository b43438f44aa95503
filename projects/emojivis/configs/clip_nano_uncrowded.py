# Second part of clip_nano.py's training: fewer and larger objects, whose features then stay apart better.
_base_ = "./clip_nano.py"

_scene = dict(objects=(1, 2), sprite_size=(56, 124))
train_dataloader = dict(dataset=dict(scene=_scene))

load_from = "work_dirs/clip_nano/iter_1500.pth"
train_cfg = dict(max_iters=900)
optim_wrapper = dict(optimizer=dict(lr=6e-4))
param_scheduler = [
    dict(type="LinearLR", by_epoch=False, begin=0, end=50, start_factor=0.01),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=50, end=900, eta_min=1e-6),
]

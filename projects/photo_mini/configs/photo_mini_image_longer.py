# Goes on from the weights of photo_mini_image.py with a second, lower cycle of the learning rate.
_base_ = "./photo_mini_image.py"

load_from = "work_dirs/photo_mini_image/iter_5200.pth"

train_cfg = dict(max_iters=5000, val_interval=2500)
optim_wrapper = dict(optimizer=dict(lr=5e-4))
param_scheduler = [
    dict(type="LinearLR", by_epoch=False, begin=0, end=200, start_factor=0.01),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=200, end=5000, eta_min_ratio=0.01),
]

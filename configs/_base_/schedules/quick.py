# A short schedule for small models on a CPU: the published optimiser and clipping, a higher learning rate,
# and steps at 3/4 and 9/10 of the way.
train_cfg = dict(type="IterBasedTrainLoop", max_iters=2500, val_interval=500)
val_cfg = dict(type="ValLoop")

optim_wrapper = dict(
    type="OptimWrapper",
    constructor="CLIPVISOptimWrapperConstructor",
    optimizer=dict(type="AdamW", lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05),
    clip_grad=dict(max_norm=0.01, norm_type=2),
)

param_scheduler = [
    dict(type="LinearLR", by_epoch=False, begin=0, end=100, start_factor=0.01),
    dict(type="MultiStepLR", by_epoch=False, begin=0, end=2500, milestones=[1900, 2300], gamma=0.1),
]

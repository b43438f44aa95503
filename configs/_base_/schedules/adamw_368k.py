# The released schedule: 368,750 iterations of 16 images, steps at 8/9 and 26/27 of them, with `--amp`. The
# released runs did not rescale the learning rate or the iterations for other batch sizes, nor does this
# config; `--auto-scale-lr` multiplies the learning rate by (processes x batch_size) / base_batch_size.
train_cfg = dict(type="IterBasedTrainLoop", max_iters=368750, val_interval=10000)
val_cfg = dict(type="ValLoop")

optim_wrapper = dict(
    type="OptimWrapper",
    constructor="CLIPVISOptimWrapperConstructor",
    optimizer=dict(type="AdamW", lr=1e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05),
    clip_grad=dict(max_norm=0.01, norm_type=2),
)

param_scheduler = dict(type="MultiStepLR", by_epoch=False, begin=0, end=368750, milestones=[327778, 355092], gamma=0.1)

auto_scale_lr = dict(base_batch_size=16, enable=False)

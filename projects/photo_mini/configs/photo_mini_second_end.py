# Photo-mini's second edition, second part (not shipped: ../README.md): clips of two frames from photos, across which
# the camera and pasted objects move, and a loss for matching embeddings. The learning rate falls to 1 %.
_base_ = [
    "../../../configs/photo_mini/photo_mini_video.py",
    "_base_/photos_second.py",
    "../../../configs/_base_/schedules/quick.py",
    "../../../configs/_base_/default_runtime.py",
]
custom_imports = dict(
    imports=[
        *_base_.custom_imports.imports,
        "projects.photo_mini.photo_mini.matching_loss",
        "projects.photo_mini.photo_mini.moving_photos",
    ]
)
model = dict(
    type="CLIPVISMatchingVideo",
    head=dict(query_decoder=dict(num_queries=100)),
    criterion=dict(num_points=1024),
)

# Photos with everything annotated teach what is nothing: they are shown twice as often as in the first part.
exhaustive_again = [source for source in _base_.second_sources if source["exhaustive"]]
train_dataloader = dict(
    batch_size=2,
    dataset=dict(
        dataset=dict(datasets=_base_.second_sources + exhaustive_again),
        pipeline=[dict(type="MovePhoto", num_frames=2), dict(type="PackMovedPhoto")],
    ),
)
val_dataloader = None
val_cfg = None
val_evaluator = None
test_dataloader = None
test_cfg = None
test_evaluator = None

load_from = "work_dirs/photo_mini_second/iter_500.pth"

custom_hooks = [
    dict(type="SamplerStateHook"),
    dict(type="EMAHook", ema_type="ExponentialMovingAverage", momentum=0.01),
]

train_cfg = dict(max_iters=420, val_interval=100000)
optim_wrapper = dict(optimizer=dict(lr=3e-4))
param_scheduler = [
    dict(type="LinearLR", by_epoch=False, begin=0, end=20, start_factor=0.1),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=20, end=420, eta_min_ratio=0.01),
]
randomness = dict(seed=1)
default_hooks = dict(checkpoint=dict(interval=50, max_keep_ckpts=2))

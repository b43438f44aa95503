# Photo-mini's second edition: from the first edition's weights, grown to 100 queries (../photo_mini/grow_queries.py),
# on more photos. The learning rate stays; photo_mini_second_end.py lets it fall.
# Checkpoints hold the mean of the weights on the way.
_base_ = [
    "../../../configs/photo_mini/photo_mini_image.py",
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
model = dict(head=dict(query_decoder=dict(num_queries=100)), criterion=dict(num_points=1024))

load_from = "work_dirs/photo_mini/grown.safetensors"

custom_hooks = [
    dict(type="VocabularyHook", class_agnostic=True),
    dict(type="SamplerStateHook"),
    dict(type="EMAHook", ema_type="ExponentialMovingAverage", momentum=0.003),
]

train_cfg = dict(max_iters=500, val_interval=100000)
optim_wrapper = dict(optimizer=dict(lr=4e-4))
param_scheduler = [dict(type="LinearLR", by_epoch=False, begin=0, end=50, start_factor=0.01)]
randomness = dict(seed=0)
default_hooks = dict(checkpoint=dict(interval=100, max_keep_ckpts=2))

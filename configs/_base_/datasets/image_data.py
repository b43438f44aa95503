# What the image sets share: large scale jitter for training, shorter side 800 for testing. A set
# adds its type, folders, jsons and vocabulary.
train_pipeline = [
    dict(type="LoadRGBImage"),
    dict(type="LargeScaleJitter", size=(1024, 1024), scale_range=(0.1, 2.0), flip_prob=0.5),
    dict(
        type="PackDetInputs",
        meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor", "flip"),
    ),
]

test_pipeline = [
    dict(type="LoadRGBImage"),
    dict(type="ResizeFrame", short_sides=800, max_size=1333),
    dict(
        type="PackDetInputs",
        meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor"),
    ),
]

train_dataloader = dict(
    batch_size=2,  # of each process; the published runs had 8 processes
    num_workers=4,
    persistent_workers=True,
    worker_init_fn=dict(type="clipvis_data.loader_workers.stay_with_main"),
    sampler=dict(type="RepeatFactorSampler", threshold=0.001),
    batch_sampler=dict(type="AspectRatioBatches"),
    dataset=dict(filter_cfg=dict(filter_empty_gt=True), pipeline=train_pipeline),
)

val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    worker_init_fn=dict(type="clipvis_data.loader_workers.stay_with_main"),
    drop_last=False,
    sampler=dict(type="DefaultSampler", shuffle=False, round_up=False),
    dataset=dict(test_mode=True, pipeline=test_pipeline),
)
test_dataloader = val_dataloader

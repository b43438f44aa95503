# What the video sets share: single frames at shorter side 800 for training, whole videos at 480 for
# testing. A set adds its folders, jsons and vocabulary.
train_pipeline = [
    dict(type="ClipFrameSample", num_frames=1, frame_range=20),
    dict(type="ClipInstanceTable"),
    # share_random_params=True draws one size and one flip for all frames of a clip.
    dict(
        type="TransformBroadcaster",
        share_random_params=False,
        transforms=[
            dict(type="LoadRGBImage"),
            dict(type="ResizeFrame", short_sides=800, max_size=1333),
            dict(type="FlipFrame", prob=0.5),
            dict(type="RasteriseRows"),
        ],
    ),
    dict(type="PackClip"),
]

test_pipeline = [
    dict(
        type="LazyFrames",  # one frame at a time, when the model asks for it
        transforms=[
            dict(type="LoadRGBImage"),
            dict(type="ResizeFrame", short_sides=480, max_size=1333),
        ],
    ),
    dict(type="PackClip"),
]

train_dataloader = dict(
    batch_size=2,  # clips of each process; the published runs had 8 processes
    num_workers=4,
    persistent_workers=True,
    worker_init_fn=dict(type="clipvis_data.loader_workers.stay_with_main"),
    sampler=dict(type="EndlessSampler"),
    dataset=dict(type="VideoInstanceDataset", pipeline=train_pipeline),
)

val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    worker_init_fn=dict(type="clipvis_data.loader_workers.stay_with_main"),
    drop_last=False,
    sampler=dict(type="DefaultSampler", shuffle=False, round_up=False),
    dataset=dict(type="VideoInstanceDataset", test_mode=True, pipeline=test_pipeline),
)
test_dataloader = val_dataloader

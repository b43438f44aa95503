# Can the trainer learn? A narrow video model of random weights memorises a few clips (docs/benchmarks.md).
# The folder $CLIPVIS_QUICK_CLIPS holds instances.json (YouTube-VIS form) and JPEGImages/.
_base_ = [
    "../_base_/backbones/clip_tiny_random.py",
    "../_base_/heads/narrow.py",
    "../_base_/models/clipvis_video.py",
    "../_base_/datasets/video_data.py",
    "../_base_/schedules/quick.py",
    "../_base_/default_runtime.py",
]
model = dict(
    backbone=_base_.clip_backbone,
    head=_base_.narrow_head,
    criterion=dict(num_points=2048),
)

clips = dict(
    data_root="{{$CLIPVIS_QUICK_CLIPS:datasets/quick_clips}}",
    ann_file="instances.json",
    data_prefix=dict(img_path="JPEGImages"),
)
small = dict(type="ResizeFrame", short_sides=192, max_size=1333)
train_pipeline = [
    dict(type="ClipFrameSample", num_frames=1, frame_range=20),
    dict(type="ClipInstanceTable"),
    dict(
        type="TransformBroadcaster",
        share_random_params=False,
        transforms=[
            dict(type="LoadRGBImage"),
            small,
            dict(type="FlipFrame", prob=0.5),
            dict(type="RasteriseRows"),
        ],
    ),
    dict(type="PackClip"),
]
test_pipeline = [
    dict(type="LazyFrames", transforms=[dict(type="LoadRGBImage"), small]),
    dict(type="PackClip"),
]

train_dataloader = dict(batch_size=4, num_workers=1, dataset=dict(pipeline=train_pipeline, **clips))
val_dataloader = dict(num_workers=1, dataset=dict(pipeline=test_pipeline, **clips))
test_dataloader = val_dataloader
val_evaluator = dict(type="TrackMetric", benchmark="ytvis2019", class_agnostic=True)
test_evaluator = val_evaluator
custom_hooks = [
    dict(type="VocabularyHook", class_agnostic=True),
    dict(type="SamplerStateHook"),
]

randomness = dict(seed=0)
default_hooks = dict(checkpoint=dict(interval=500, max_keep_ckpts=1))
inference = dict(short_side=192)

# photo-mini fine-tuned on your own videos, on a CPU: inherit this and name their folder (docs/exports.md). Without
# videos held back the validation only shows how well the labels are learnt.
_base_ = [
    "../photo_mini/photo_mini_video.py",
    "../_base_/datasets/own_videos.py",
    "../_base_/schedules/quick.py",
    "../_base_/default_runtime.py",
]
load_from = "{{ fileDirname }}/../../weights/photo_mini.safetensors"
model = dict(criterion=dict(num_points=1024))

small = dict(type="ResizeFrame", short_sides=256, max_size=512)
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
train_dataloader = dict(num_workers=1, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(num_workers=1, dataset=dict(ann_file="train.json", pipeline=test_pipeline))
test_dataloader = val_dataloader

train_cfg = dict(max_iters=1000, val_interval=500)
optim_wrapper = dict(optimizer=dict(lr=1e-4))
param_scheduler = [
    dict(type="LinearLR", by_epoch=False, begin=0, end=50, start_factor=0.01),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=50, end=1000, eta_min_ratio=0.01),
]
randomness = dict(seed=0)
default_hooks = dict(checkpoint=dict(interval=500, max_keep_ckpts=2))

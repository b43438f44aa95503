# Can the trainer learn? A narrow image model of random weights memorises a few photos (docs/benchmarks.md).
# The folder $CLIPVIS_QUICK_PHOTOS holds annotations/instances_train2017.json (COCO form) and images/train2017/.
_base_ = [
    "../_base_/backbones/clip_tiny_random.py",
    "../_base_/heads/narrow.py",
    "../_base_/models/clipvis_image.py",
    "../_base_/datasets/image_data.py",
    "../_base_/schedules/quick.py",
    "../_base_/default_runtime.py",
]
model = dict(
    backbone=_base_.clip_backbone,
    head=_base_.narrow_head,
    criterion=dict(num_points=2048),
    # Tests see the same padded size as training: what is memorised depends on places, which count from 0 to 1.
    data_preprocessor=dict(pad_size_divisor=320),
)
model["head"]["query_decoder"]["num_queries"] = 50

photos = dict(
    type="CocoInstanceDataset",
    data_root="{{$CLIPVIS_QUICK_PHOTOS:datasets/quick_photos}}",
    ann_file="annotations/instances_train2017.json",
    data_prefix=dict(img="images/train2017"),
)
train_pipeline = [
    dict(type="LoadRGBImage"),
    # Little jitter: the photos themselves are to be memorised.
    dict(type="LargeScaleJitter", size=(320, 320), scale_range=(0.95, 1.05), flip_prob=0.0),
    dict(
        type="PackDetInputs",
        meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor", "flip"),
    ),
]
test_pipeline = [
    dict(type="LoadRGBImage"),
    dict(type="ResizeFrame", short_sides=240, max_size=320),
    dict(type="PackDetInputs", meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")),
]

train_dataloader = dict(batch_size=2, num_workers=1, dataset=dict(pipeline=train_pipeline, **photos))
val_dataloader = dict(num_workers=1, dataset=dict(pipeline=test_pipeline, **photos))
test_dataloader = val_dataloader
val_evaluator = dict(type="CLIPVISCocoMetric", class_agnostic=True, min_area=1024)
test_evaluator = val_evaluator
custom_hooks = [
    dict(type="VocabularyHook", class_agnostic=True),
    dict(type="SamplerStateHook"),
]

train_cfg = dict(max_iters=3000, val_interval=500)
param_scheduler = [
    dict(type="LinearLR", by_epoch=False, begin=0, end=100, start_factor=0.01),
    dict(type="MultiStepLR", by_epoch=False, begin=0, end=3000, milestones=[2300, 2800], gamma=0.1),
]
randomness = dict(seed=0)
default_hooks = dict(checkpoint=dict(interval=500, max_keep_ckpts=1))
inference = dict(short_side=240, max_long_side=320)

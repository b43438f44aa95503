# Photos with masks from several sources, as COCO jsons: $CLIPVIS_PHOTOS/annotations/SOURCE.json, and
# images/ with the files they name (../../README.md). Only where a source is exhaustive is what it does not
# annotate background. Validation on $CLIPVIS_QUICK_PHOTOS, whose photos are left out of training.
_base_ = "../../../../configs/_base_/datasets/image_data.py"

data_root = "{{$CLIPVIS_PHOTOS:datasets/photos}}"

_exhaustive = dict(coco_full=3)  # how often an epoch shows each source
_partial = dict(lvis_val100=3, coco_traffic=1, coco_pose=2, coco_person=1, feral_cat=1, balloon=1)

# Pasting comes after the jitter and mixes two of its results. Objects under 10 x 10 pixels are left out.
train_pipeline = [
    dict(type="LoadRGBImage"),
    dict(type="LargeScaleJitter", size=(256, 256), scale_range=(0.8, 1.8), flip_prob=0.5),
]
paste_pipeline = [
    dict(type="PasteInstances", prob=0.5, max_pasted=8),
    dict(
        type="FilterAnnotations",
        by_box=False,
        by_mask=True,
        min_gt_mask_area=100,
        keep_empty=False,  # which keeps photos without an object that is left
    ),
    dict(
        type="PackDetInputs",
        meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor", "exhaustive"),
    ),
]

sources = [
    dict(
        type="CocoInstanceDataset",
        data_root=data_root,
        ann_file=f"annotations/{name}.json",
        data_prefix=dict(img="images"),
        exhaustive=name in _exhaustive,
        leave_out="in_tinycoco",
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=train_pipeline,
    )
    for name, times in (_exhaustive | _partial).items()
    for _ in range(times)
]

train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    sampler=dict(_delete_=True, type="EndlessSampler"),
    batch_sampler=None,
    dataset=dict(
        _delete_=True,
        type="MultiImageMixDataset",
        dataset=dict(type="ConcatDataset", datasets=sources),
        pipeline=paste_pipeline,
    ),
)

test_pipeline = [
    dict(type="LoadRGBImage"),
    dict(type="ResizeFrame", short_sides=256, max_size=384),
    dict(type="PackDetInputs", meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")),
]

val_dataloader = dict(
    num_workers=1,
    dataset=dict(
        type="CocoInstanceDataset",
        data_root="{{$CLIPVIS_QUICK_PHOTOS:datasets/quick_photos}}",
        ann_file="annotations/instances_train2017.json",
        data_prefix=dict(img="images/train2017"),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader

# Everything is named one word in these tests: the 100 predictions of a photo are then 100 masks.
val_evaluator = dict(type="CLIPVISCocoMetric", class_agnostic=True, min_area=1024)
test_evaluator = val_evaluator

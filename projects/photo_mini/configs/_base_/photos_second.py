# The photos of the second edition: more sources, and photos held back for measuring what a word finds. Two folders
# of the same layout, $CLIPVIS_PHOTOS and $CLIPVIS_MORE_PHOTOS (../../README.md).
_base_ = "./photos.py"

more_root = "{{$CLIPVIS_MORE_PHOTOS:datasets/photos_more}}"

# Every eighth photo of coco_full, by the id in its json, is in no training: all of its 80 categories are annotated.
held_back_ids = list(range(8, 485, 8))

_first_exhaustive = dict(coco_full=8)  # how often an epoch shows each source
_first_partial = dict(lvis_val100=4, coco_traffic=2, coco_pose=2, coco_person=1, feral_cat=1, balloon=1)
_more_exhaustive = dict(food=1)
_more_partial = dict(animals=1, ccp=1, pets=1, plants=1)

second_pipeline = [
    dict(type="LoadRGBImage"),
    dict(type="LargeScaleJitter", size=(256, 256), scale_range=(0.8, 2.2), flip_prob=0.5),
    dict(type="PhotoMetricDistortion", hue_delta=12),
]
more_pasting = dict(type="PasteInstances", prob=0.7, max_pasted=8)

second_sources = [
    dict(
        type="CocoInstanceDataset",
        data_root=root,
        ann_file=f"annotations/{name}.json",
        data_prefix=dict(img="images"),
        exhaustive=exhaustive,
        leave_out="in_tinycoco",
        leave_out_ids=held_back_ids if name == "coco_full" else [],
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=second_pipeline,
    )
    for root, exhaustive, times in (
        (_base_.data_root, True, _first_exhaustive),
        (_base_.data_root, False, _first_partial),
        (more_root, True, _more_exhaustive),
        (more_root, False, _more_partial),
    )
    for name, count in times.items()
    for _ in range(count)
]

train_dataloader = dict(
    dataset=dict(dataset=dict(datasets=second_sources), pipeline=[more_pasting, *_base_.paste_pipeline[1:]])
)

# COCO 2017 instances.
_base_ = "./image_pipelines.py"

data_root = "{{$DETECTRON2_DATASETS:datasets}}/coco"

train_dataloader = dict(
    batch_size=2,  # of each process; the published runs had 8 processes
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="RepeatFactorSampler", threshold=0.001),
    batch_sampler=dict(type="AspectRatioBatches"),
    dataset=dict(
        type="CocoInstanceDataset",
        data_root=data_root,
        ann_file="annotations/instances_train2017.json",
        data_prefix=dict(img="train2017"),
        vocabulary="coco2017",
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=_base_.train_pipeline,
    ),
)

val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type="DefaultSampler", shuffle=False, round_up=False),
    dataset=dict(
        type="CocoInstanceDataset",
        data_root=data_root,
        ann_file="annotations/instances_val2017.json",
        data_prefix=dict(img="val2017"),
        vocabulary="coco2017",
        test_mode=True,
        pipeline=_base_.test_pipeline,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(
    type="CocoMetric", ann_file=f"{data_root}/annotations/instances_val2017.json", metric="segm"
)
test_evaluator = val_evaluator

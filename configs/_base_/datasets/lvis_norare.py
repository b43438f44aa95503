# LVIS v1. Training leaves out the annotations of the 337 rare categories, which are the novel ones.
_base_ = "./image_pipelines.py"

data_root = "{{$DETECTRON2_DATASETS:datasets}}"

train_dataloader = dict(
    batch_size=2,  # of each process; the published runs had 8 processes
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="RepeatFactorSampler", threshold=0.001),
    batch_sampler=dict(type="AspectRatioBatches"),
    dataset=dict(
        type="LVISInstanceDataset",
        data_root=data_root,
        ann_file="lvis/lvis_v1_train.json",
        data_prefix=dict(img="coco"),
        vocabulary="lvis_v1",
        drop_frequencies=("r",),
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
        type="LVISInstanceDataset",
        data_root=data_root,
        ann_file="lvis/lvis_v1_val.json",
        data_prefix=dict(img="coco"),
        vocabulary="lvis_v1",
        test_mode=True,
        pipeline=_base_.test_pipeline,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type="CLIPVISLVISMetric", ann_file=f"{data_root}/lvis/lvis_v1_val.json")
test_evaluator = val_evaluator

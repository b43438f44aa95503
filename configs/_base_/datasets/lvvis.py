# LV-VIS. Training takes the json with boxes or the download.
_base_ = "./video_pipelines.py"

data_root = "{{$DETECTRON2_DATASETS:datasets}}/lvvis"

train_dataloader = dict(
    batch_size=2,  # clips of each process; the published runs had 8 processes
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="EndlessSampler"),
    dataset=dict(
        type="VideoInstanceDataset",
        data_root=data_root,
        ann_file=[
            "train/train_ytvis_style.json",
            "train/train_instances_.json",
            "train/train_instances.json",
        ],
        data_prefix=dict(img_path="train/JPEGImages"),
        vocabulary="lvvis",
        cut_at_size_change=True,
        pipeline=_base_.train_pipeline,
    ),
)

val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type="DefaultSampler", shuffle=False, round_up=False),
    dataset=dict(
        type="VideoInstanceDataset",
        data_root=data_root,
        ann_file=["val/val_instances_.json", "val/val_instances.json"],
        data_prefix=dict(img_path="val/JPEGImages"),
        vocabulary="lvvis",
        test_mode=True,
        pipeline=_base_.test_pipeline,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type="LVVISTrackMetric", ann_file=f"{data_root}/val/val_instances_.json")
test_evaluator = val_evaluator

# YouTube-VIS 2019. The validation annotations are not public: testing writes a file for the server.
_base_ = "./video_pipelines.py"

data_root = "{{$DETECTRON2_DATASETS:datasets}}/ytvis2019"

train_dataloader = dict(
    batch_size=2,  # clips of each process; the published runs had 8 processes
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="EndlessSampler"),
    dataset=dict(
        type="VideoInstanceDataset",
        data_root=data_root,
        ann_file="train.json",
        data_prefix=dict(img_path="train/JPEGImages"),
        vocabulary="ytvis2019",
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
        ann_file="valid.json",
        data_prefix=dict(img_path="valid/JPEGImages"),
        vocabulary="ytvis2019",
        test_mode=True,
        pipeline=_base_.test_pipeline,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(
    type="YTVISTrackMetric",
    year=2019,
    format_only=True,
    outfile_prefix="work_dirs/ytvis2019_results",
)
test_evaluator = val_evaluator

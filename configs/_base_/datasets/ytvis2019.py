# YouTube-VIS 2019. The validation annotations are not public: testing writes a file for the server.
_base_ = "./video_data.py"

data_root = "{{$DETECTRON2_DATASETS:datasets}}/ytvis2019"

train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file="train.json",
        data_prefix=dict(img_path="train/JPEGImages"),
        vocabulary="ytvis2019",
    )
)

val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file="valid.json",
        data_prefix=dict(img_path="valid/JPEGImages"),
        vocabulary="ytvis2019",
    )
)
test_dataloader = val_dataloader

val_evaluator = dict(
    type="YTVISTrackMetric",
    year=2019,
    format_only=True,
    outfile_prefix="work_dirs/ytvis2019_results",
)
test_evaluator = val_evaluator

# YouTube-VIS 2021. The validation annotations are not public: testing writes a file for the server.
_base_ = "./video_data.py"

data_root = "{{$DETECTRON2_DATASETS:datasets}}/ytvis2021"

train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file="train.json",
        data_prefix=dict(img_path="train/JPEGImages"),
        vocabulary="ytvis2021",
    )
)

val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file="valid.json",
        data_prefix=dict(img_path="valid/JPEGImages"),
        vocabulary="ytvis2021",
    )
)
test_dataloader = val_dataloader

val_evaluator = dict(
    type="YTVISTrackMetric",
    year=2021,
    format_only=True,
    outfile_prefix="work_dirs/ytvis2021_results",
)
test_evaluator = val_evaluator

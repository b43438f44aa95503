# OVIS. The validation annotations are not public: testing writes a file for the server.
_base_ = "./video_data.py"

data_root = "{{$DETECTRON2_DATASETS:datasets}}/ovis"

train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file="annotations_train.json",
        data_prefix=dict(img_path="train"),
        vocabulary="ovis",
    )
)

val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file=["annotations_valid.json", "annotations/annotations_valid.json"],
        data_prefix=dict(img_path="valid"),
        vocabulary="ovis",
    )
)
test_dataloader = val_dataloader

val_evaluator = dict(
    type="OVISTrackMetric",
    format_only=True,
    outfile_prefix="work_dirs/ovis_results",
)
test_evaluator = val_evaluator

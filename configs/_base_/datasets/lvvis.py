# LV-VIS. Training takes the json with boxes or the download.
_base_ = "./video_data.py"

data_root = "{{$DETECTRON2_DATASETS:datasets}}/lvvis"

train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file=[
            "train/train_ytvis_style.json",
            "train/train_instances_.json",
            "train/train_instances.json",
        ],
        data_prefix=dict(img_path="train/JPEGImages"),
        vocabulary="lvvis",
    )
)

val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file=["val/val_instances_.json", "val/val_instances.json"],
        data_prefix=dict(img_path="val/JPEGImages"),
        vocabulary="lvvis",
    )
)
test_dataloader = val_dataloader

val_evaluator = dict(type="LVVISTrackMetric")
test_evaluator = val_evaluator

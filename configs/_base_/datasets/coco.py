# COCO 2017 instances.
_base_ = "./image_data.py"

data_root = "{{$DETECTRON2_DATASETS:datasets}}/coco"

train_dataloader = dict(
    dataset=dict(
        type="CocoInstanceDataset",
        data_root=data_root,
        ann_file="annotations/instances_train2017.json",
        data_prefix=dict(img="train2017"),
        vocabulary="coco2017",
    )
)

val_dataloader = dict(
    dataset=dict(
        type="CocoInstanceDataset",
        data_root=data_root,
        ann_file="annotations/instances_val2017.json",
        data_prefix=dict(img="val2017"),
        vocabulary="coco2017",
    )
)
test_dataloader = val_dataloader

val_evaluator = dict(type="CLIPVISCocoMetric")
test_evaluator = val_evaluator

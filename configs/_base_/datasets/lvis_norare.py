# LVIS v1. Training leaves out the annotations of the 337 rare categories, which are the novel ones.
_base_ = "./image_data.py"

data_root = "{{$DETECTRON2_DATASETS:datasets}}"

train_dataloader = dict(
    dataset=dict(
        type="LVISInstanceDataset",
        data_root=data_root,
        ann_file="lvis/lvis_v1_train.json",
        data_prefix=dict(img="coco"),
        vocabulary="lvis_v1",
        drop_frequencies=("r",),
    )
)

val_dataloader = dict(
    dataset=dict(
        type="LVISInstanceDataset",
        data_root=data_root,
        ann_file="lvis/lvis_v1_val.json",
        data_prefix=dict(img="coco"),
        vocabulary="lvis_v1",
    )
)
test_dataloader = val_dataloader

val_evaluator = dict(type="CLIPVISLVISMetric")
test_evaluator = val_evaluator

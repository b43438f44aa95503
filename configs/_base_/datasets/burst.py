# BURST, converted by `tools/prepare_data.py burst-to-ytvis`; only annotated frames (1 a second)
# count.
_base_ = "./video_data.py"

data_root = "{{$DETECTRON2_DATASETS:datasets}}/burst"

train_dataloader = None

val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file=["val/b2y_val.json", "b2y_val.json"],
        data_prefix=dict(img_path="val"),
        vocabulary="burst",
        require_boxes=False,
    )
)
test_dataloader = val_dataloader

val_evaluator = dict(type="BURSTTrackMetric")
test_evaluator = val_evaluator

# BURST, converted by `tools/prepare_data.py burst-to-ytvis`; only annotated frames (1 a second)
# count.
_base_ = "./video_pipelines.py"

data_root = "{{$DETECTRON2_DATASETS:datasets}}/burst"

val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type="DefaultSampler", shuffle=False, round_up=False),
    dataset=dict(
        type="VideoInstanceDataset",
        data_root=data_root,
        ann_file=["val/b2y_val.json", "b2y_val.json"],
        data_prefix=dict(img_path="val"),
        vocabulary="burst",
        require_boxes=False,
        test_mode=True,
        pipeline=_base_.test_pipeline,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type="BURSTTrackMetric", ann_file=f"{data_root}/val/b2y_val.json")
test_evaluator = val_evaluator

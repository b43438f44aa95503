# EmojiVIS as images with masks of the base categories: painted on the fly for training, on disk for validation and
# test, as the first frames of clips (`prepare_emojivis.py`, as for emojivis_clips.py).
_base_ = "../../../../configs/_base_/datasets/image_data.py"

data_root = "{{$DETECTRON2_DATASETS:datasets}}/emojivis"

train_pipeline = [
    dict(type="LargeScaleJitter", size=(256, 320), scale_range=(0.9, 1.5), flip_prob=0.5),
    dict(
        type="PackDetInputs",
        meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor", "flip"),
    ),
]
test_pipeline = [
    dict(type="LoadRGBImage"),
    dict(type="ResizeFrame", short_sides=320, max_size=416),
    dict(type="PackDetInputs", meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")),
]

train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    sampler=dict(_delete_=True, type="EndlessSampler"),
    batch_sampler=None,
    dataset=dict(
        _delete_=True,
        type="EmojiImageDataset",
        split="train",
        length=100_000,
        pipeline=train_pipeline,
    ),
)

val_dataloader = dict(
    num_workers=1,
    dataset=dict(
        type="CocoInstanceDataset",
        data_root=data_root,
        ann_file="val_images.json",
        data_prefix=dict(img="val/JPEGImages"),
        vocabulary="{{fileDirname}}/../../emojivis/emojivis.json",
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type="CLIPVISCocoMetric", prefix="emojivis")
test_evaluator = val_evaluator

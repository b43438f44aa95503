# EmojiVIS as clips: painted on the fly for training (base categories only), on disk for validation and test, which are
# the same split: `python projects/emojivis/tools/prepare_emojivis.py datasets/emojivis --split val`. For the other
# style, `--split test`, see clipvis_nano_video_fluent.py.
_base_ = "../../../../configs/_base_/datasets/video_data.py"

data_root = "{{$DETECTRON2_DATASETS:datasets}}/emojivis"

train_pipeline = [
    dict(type="ClipFrameSample", num_frames=1, frame_range=20),
    dict(type="ClipInstanceTable"),
    dict(
        type="TransformBroadcaster",
        transforms=[
            dict(type="ResizeFrame", short_sides=320, max_size=416),
            dict(type="FlipFrame", prob=0.5),
            dict(type="RasteriseRows"),
        ],
    ),
    dict(type="PackClip"),
]
test_pipeline = [
    dict(
        type="LazyFrames",
        transforms=[
            dict(type="LoadRGBImage"),
            dict(type="ResizeFrame", short_sides=320, max_size=416),
        ],
    ),
    dict(type="PackClip"),
]

train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    dataset=dict(type="EmojiVideoDataset", split="train", length=100_000, pipeline=train_pipeline),
)

val_dataloader = dict(
    num_workers=1,
    dataset=dict(
        data_root=data_root,
        ann_file="val.json",
        data_prefix=dict(img_path="val/JPEGImages"),
        vocabulary="{{fileDirname}}/../../emojivis/emojivis.json",
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader

# The json says which categories are base and novel; the rules are those of YouTube-VIS without its faults.
val_evaluator = dict(type="TrackMetric", benchmark="ytvis2019", protocol="corrected", prefix="emojivis")
test_evaluator = val_evaluator

# photo-mini as the video model: the image model's weights, and time. The test asks for the best of 20 tracks of each
# annotated object in $CLIPVIS_QUICK_CLIPS (YouTube-VIS form), where most objects are not annotated.
_base_ = [
    "../../../configs/photo_mini/photo_mini_video.py",
    "../../../configs/_base_/datasets/video_data.py",
    "../../../configs/_base_/default_runtime.py",
]

train_dataloader = None
test_pipeline = [
    dict(
        type="LazyFrames",
        transforms=[dict(type="LoadRGBImage"), dict(type="ResizeFrame", short_sides=256, max_size=512)],
    ),
    dict(type="PackClip"),
]
val_dataloader = dict(
    num_workers=1,
    dataset=dict(
        data_root="{{$CLIPVIS_QUICK_CLIPS:datasets/quick_clips}}",
        ann_file="instances.json",
        data_prefix=dict(img_path="JPEGImages"),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="BestTrackMetric", num_tracks=20)
test_evaluator = val_evaluator
test_cfg = dict(type="TestLoop")

# What the image sets share: large scale jitter for training, shorter side 800 for testing.
train_pipeline = [
    dict(type="LoadRGBImage"),
    dict(type="LargeScaleJitter", size=(1024, 1024), scale_range=(0.1, 2.0), flip_prob=0.5),
    dict(
        type="PackDetInputs",
        meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor", "flip"),
    ),
]

test_pipeline = [
    dict(type="LoadRGBImage"),
    dict(type="ResizeFrame", short_sides=800, max_size=1333),
    dict(
        type="PackDetInputs",
        meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor"),
    ),
]

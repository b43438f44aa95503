# ConvNeXt-B, YouTube-VIS 2019 model run on the videos of OVIS.
_base_ = [
    "../_base_/models/video_convnext-b_9_layers.py",
    "../_base_/datasets/ovis.py",
    "../_base_/default_runtime.py",
]

# ConvNeXt-B, LVIS image model run on the videos of BURST.
_base_ = [
    "../_base_/models/video_convnext-b_6_layers.py",
    "../_base_/datasets/burst.py",
    "../_base_/default_runtime.py",
]

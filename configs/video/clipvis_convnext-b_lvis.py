# ConvNeXt-B, LVIS image model run on the videos of LV-VIS.
_base_ = [
    "../_base_/models/video_convnext-b_6_layers.py",
    "../_base_/datasets/lvvis.py",
    "../_base_/default_runtime.py",
]

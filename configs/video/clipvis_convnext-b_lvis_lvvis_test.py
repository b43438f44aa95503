# ConvNeXt-B, LVIS image model run on the LV-VIS test set: writes a file for the server.
_base_ = [
    "../_base_/models/video_convnext-b_6_layers.py",
    "../_base_/datasets/lvvis_test.py",
    "../_base_/default_runtime.py",
]

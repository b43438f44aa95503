# ConvNeXt-B, YouTube-VIS 2019 model run on the LV-VIS test set: writes a file for the server.
_base_ = [
    "../_base_/models/video_convnext-b_9_layers.py",
    "../_base_/datasets/lvvis_test.py",
    "../_base_/default_runtime.py",
]

# R50, LVIS image model run on the LV-VIS test set: writes a file for the server.
_base_ = [
    "../_base_/models/video_r50_6_layers.py",
    "../_base_/datasets/lvvis_test.py",
    "../_base_/default_runtime.py",
]

# R50, LVIS image model run on the videos of LV-VIS.
_base_ = [
    "../_base_/models/video_r50_6_layers.py",
    "../_base_/datasets/lvvis.py",
    "../_base_/default_runtime.py",
]

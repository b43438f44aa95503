# R50, LVIS image model run on the videos of YouTube-VIS 2021.
_base_ = [
    "../_base_/models/video_r50_6_layers.py",
    "../_base_/datasets/ytvis2021.py",
    "../_base_/default_runtime.py",
]

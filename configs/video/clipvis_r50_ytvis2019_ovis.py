# R50, YouTube-VIS 2019 model run on the videos of OVIS.
_base_ = [
    "../_base_/models/video_r50_9_layers.py",
    "../_base_/datasets/ovis.py",
    "../_base_/default_runtime.py",
]

# CLIP-VIS nano on clips: evaluates the weights of clipvis_nano_image.py, or trains on frames of clips.
_base_ = [
    "../_base_/backbones/clip_nano.py",
    "../_base_/heads/narrow.py",
    "../_base_/models/clipvis_video.py",
    "../_base_/datasets/emojivis_clips.py",
    "../_base_/schedules/quick.py",
    "../_base_/default_runtime.py",
]

model = dict(
    backbone=_base_.clip_backbone,
    head=dict(in_channels=_base_.clip_channels, **_base_.narrow_head),
    criterion=dict(num_points=2048),
)

default_hooks = dict(checkpoint=dict(interval=500, max_keep_ckpts=1))
randomness = dict(seed=0)
inference = dict(short_side=320, max_long_side=640)

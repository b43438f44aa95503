# CLIP-VIS nano on clips: evaluates the weights of clipvis_nano_image.py, or trains on frames of clips.
_base_ = [
    "../../../configs/emojivis/clipvis_nano_video.py",
    "_base_/emojivis_clips.py",
    "../../../configs/_base_/schedules/quick.py",
    "../../../configs/_base_/default_runtime.py",
]

custom_imports = dict(imports=[*_base_.custom_imports.imports, "projects.emojivis.emojivis.datasets"])

model = dict(criterion=dict(num_points=2048))

default_hooks = dict(checkpoint=dict(interval=500, max_keep_ckpts=1))
randomness = dict(seed=0)

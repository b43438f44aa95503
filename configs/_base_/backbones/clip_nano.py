# The small CLIP that clip_nano.py and clip_nano_uncrowded.py of projects/emojivis train.
clip_backbone = dict(
    type="FrozenCLIP",
    model_name="clip-nano",
    pretrained="work_dirs/clip_nano_uncrowded/clip_nano.safetensors",
    quick_gelu=False,
)

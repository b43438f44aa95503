# The small CLIP that configs/emojivis/clip_nano.py and clip_nano_uncrowded.py train (docs/emojivis.md).
clip_backbone = dict(
    type="FrozenCLIP",
    model_name="clip-nano",
    pretrained="work_dirs/clip_nano_uncrowded/clip_nano.safetensors",
    quick_gelu=False,
)
clip_channels = [96, 192, 384, 768]

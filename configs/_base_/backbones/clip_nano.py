# The small CLIP that configs/emojivis/clip_nano.py trains (docs/emojivis.md).
clip_backbone = dict(
    type="FrozenCLIP",
    model_name="clip-nano",
    pretrained="work_dirs/clip_nano/clip_nano.safetensors",
    quick_gelu=False,
)
clip_channels = [96, 192, 384, 768]

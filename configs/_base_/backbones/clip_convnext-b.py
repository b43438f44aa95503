# LAION's CLIP ConvNeXt-B.
clip_backbone = dict(
    type="FrozenCLIP",
    model_name="convnext_base_w_320",
    pretrained="laion_aesthetic_s13b_b82k",
    quick_gelu=False,
)

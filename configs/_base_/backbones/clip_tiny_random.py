# A small CLIP of random weights, which knows nothing: for tests of the trainer. Kaiming's scale keeps the
# features' size through the stages (the published code's zero in each block's last norm would skip the blocks).
clip_backbone = dict(
    type="FrozenCLIP",
    model_name="clip-tiny",
    pretrained=None,
    quick_gelu=True,
    init_cfg=[
        dict(type="Kaiming", layer="Conv2d", mode="fan_in"),
        dict(type="Constant", layer="BatchNorm2d", val=1.0, bias=0.0),
    ],
)

_base_ = "./clipvis.py"

model = dict(
    backbone=dict(
        type="FrozenCLIP",
        model_name="convnext_base_w_320",
        pretrained="laion_aesthetic_s13b_b82k",
        quick_gelu=False,
    ),
    head=dict(in_channels=[128, 256, 512, 1024]),
)

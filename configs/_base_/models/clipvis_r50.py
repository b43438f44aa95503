_base_ = "./clipvis.py"

model = dict(
    backbone=dict(type="FrozenCLIP", model_name="RN50", pretrained="openai", quick_gelu=True),
    head=dict(in_channels=[256, 512, 1024, 2048]),
)

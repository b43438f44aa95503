# The video model with CLIP ConvNeXt-B and 9 decoder layers, as trained on COCO and YouTube-VIS 2019.
_base_ = ["../backbones/clip_convnext-b.py", "./clipvis_video.py"]
model = dict(backbone=_base_.clip_backbone, head=dict(query_decoder=dict(num_layers=9)))

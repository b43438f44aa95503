# The video model with CLIP R50 and 6 decoder layers, as trained on LVIS.
_base_ = ["../backbones/clip_r50.py", "./clipvis_video.py"]
model = dict(backbone=_base_.clip_backbone, head=dict(query_decoder=dict(num_layers=6)))

# Second part of clipvis_nano_image.py's training: half of the backgrounds are parts of photographs, so that a street or
# a room is background, too. $CLIPVIS_BACKGROUNDS is a folder of JPEGs, a few hundred of any kind.
_base_ = "./clipvis_nano_image.py"

train_dataloader = dict(
    dataset=dict(world=dict(backgrounds="{{$CLIPVIS_BACKGROUNDS:datasets/backgrounds}}"))
)

load_from = "work_dirs/clipvis_nano_image/iter_2400.pth"
train_cfg = dict(max_iters=1000, val_interval=500)
param_scheduler = [
    dict(type="LinearLR", by_epoch=False, begin=0, end=50, start_factor=0.01),
    dict(type="MultiStepLR", by_epoch=False, begin=0, end=1000, milestones=[750, 930], gamma=0.1),
]

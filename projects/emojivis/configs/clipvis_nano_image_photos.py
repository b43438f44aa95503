# clipvis_nano_image.py with parts of photographs as half of the backgrounds, so that a street or a room is background,
# too. $CLIPVIS_BACKGROUNDS is a folder of JPEGs, a few hundred of any kind.
_base_ = "./clipvis_nano_image.py"

train_dataloader = dict(dataset=dict(world=dict(backgrounds="{{$CLIPVIS_BACKGROUNDS:datasets/backgrounds}}")))

# A user's own videos in the YouTube-VIS form: name the folder, the jsons and the words in the config
# that inherits this one. Without a word list the names in the json are the words.
_base_ = "./video_data.py"

data_root = "{{$DETECTRON2_DATASETS:datasets}}/own_videos"

train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file="train.json",
        data_prefix=dict(img_path="frames"),
    )
)

val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file="val.json",
        data_prefix=dict(img_path="frames"),
    )
)
test_dataloader = val_dataloader

val_evaluator = dict(type="TrackMetric", benchmark="ytvis2019")
test_evaluator = val_evaluator

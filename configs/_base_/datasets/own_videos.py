# A user's own videos in the YouTube-VIS form: name the folder, the jsons and the words in the config
# that inherits this one. Without a word list the names in the json are the words.
_base_ = "./video_pipelines.py"

data_root = "{{$DETECTRON2_DATASETS:datasets}}/own_videos"

train_dataloader = dict(
    batch_size=2,  # clips of each process; the published runs had 8 processes
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="EndlessSampler"),
    dataset=dict(
        type="VideoInstanceDataset",
        data_root=data_root,
        ann_file="train.json",
        data_prefix=dict(img_path="frames"),
        pipeline=_base_.train_pipeline,
    ),
)

val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type="DefaultSampler", shuffle=False, round_up=False),
    dataset=dict(
        type="VideoInstanceDataset",
        data_root=data_root,
        ann_file="val.json",
        data_prefix=dict(img_path="frames"),
        test_mode=True,
        pipeline=_base_.test_pipeline,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type="TrackMetric", benchmark="ytvis2019")
test_evaluator = val_evaluator

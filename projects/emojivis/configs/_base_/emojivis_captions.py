# EmojiVIS as image-caption pairs, painted on the fly: one to three objects of all 400 categories on 128 x 128
# pixels. Validation names single objects on backgrounds that training does not show.
scene = dict(size=(128, 128), objects=(1, 3), sprite_size=(44, 116), distractors=(0, 1))

train_dataloader = dict(
    batch_size=128,
    num_workers=1,
    persistent_workers=True,
    worker_init_fn=dict(type="clipvis_data.loader_workers.stay_with_main"),
    sampler=dict(type="EndlessSampler", shuffle=False),  # in order, so that captions of a batch differ
    dataset=dict(type="EmojiCaptionDataset", split="train", length=1_000_000, scene=scene),
)

val_dataloader = dict(
    batch_size=100,
    num_workers=1,
    persistent_workers=True,
    worker_init_fn=dict(type="clipvis_data.loader_workers.stay_with_main"),
    drop_last=False,
    sampler=dict(type="DefaultSampler", shuffle=False, round_up=False),
    dataset=dict(
        type="EmojiImageDataset",
        split="val",
        length=800,
        scene={**scene, "objects": (1, 1)},
        test_mode=True,
        pipeline=[
            dict(type="LargeScaleJitter", size=(128, 128), scale_range=(1.0, 1.0), flip_prob=0.0),
            dict(type="PackDetInputs", meta_keys=("img_id", "img_path", "ori_shape", "img_shape")),
        ],
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type="ZeroShotAccuracy")
test_evaluator = val_evaluator

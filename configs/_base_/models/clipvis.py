# What the image and the video model share. Experiments add a CLIP backbone and choose the decoder depth.
model = dict(
    head=dict(
        type="CLIPVISHead",
        channels=256,
        num_heads=8,
        pixel_decoder=dict(type="CLIPVISPixelDecoder", num_layers=6, num_points=4, ffn_channels=1024, norm_groups=32),
        query_decoder=dict(type="CLIPVISQueryDecoder", num_queries=100, num_layers=9, ffn_channels=2048),
    ),
    criterion=dict(
        type="ClassAgnosticMaskCriterion",
        num_points=12544,
        oversample_ratio=3.0,
        importance_sample_ratio=0.75,
        match_costs=[
            dict(type="ClassificationCost", weight=2.0),
            dict(type="CrossEntropyLossCost", weight=5.0, use_sigmoid=True),
            dict(type="DiceCost", weight=5.0, pred_act=True, eps=1.0),
        ],
        loss_object=dict(type="CrossEntropyLoss", loss_weight=2.0, class_weight=[1.0, 0.4]),
        loss_mask=dict(type="CrossEntropyLoss", loss_weight=5.0, use_sigmoid=True),
        loss_dice=dict(
            type="DiceLoss",
            loss_weight=5.0,
            use_sigmoid=True,
            activate=True,
            naive_dice=True,
            eps=1.0,
        ),
        loss_iou_weight=2.0,
    ),
)

# What the image and the video model share. Experiments add a CLIP backbone and choose the decoder depth.
model = dict(
    head=dict(
        type="CLIPVISHead",
        num_queries=100,
        feat_channels=256,
        pixel_decoder=dict(
            type="CLIPVISPixelDecoder",
            strides=[4, 8, 16, 32],
            num_outs=3,
            norm_cfg=dict(type="GN", num_groups=32),
            act_cfg=dict(type="ReLU"),
            encoder=dict(
                num_layers=6,
                layer_cfg=dict(
                    self_attn_cfg=dict(
                        embed_dims=256,
                        num_heads=8,
                        num_levels=3,
                        num_points=4,
                        dropout=0.0,
                        batch_first=True,
                    ),
                    ffn_cfg=dict(
                        embed_dims=256,
                        feedforward_channels=1024,
                        num_fcs=2,
                        ffn_drop=0.0,
                        act_cfg=dict(type="ReLU", inplace=True),
                    ),
                ),
            ),
            positional_encoding=dict(num_feats=128, normalize=True),
        ),
        transformer_decoder=dict(
            num_layers=9,
            return_intermediate=True,
            layer_cfg=dict(
                self_attn_cfg=dict(embed_dims=256, num_heads=8, dropout=0.0, batch_first=True),
                cross_attn_cfg=dict(embed_dims=256, num_heads=8, dropout=0.0, batch_first=True),
                ffn_cfg=dict(
                    embed_dims=256,
                    feedforward_channels=2048,
                    num_fcs=2,
                    ffn_drop=0.0,
                    act_cfg=dict(type="ReLU", inplace=True),
                ),
            ),
            init_cfg=None,
        ),
        positional_encoding=dict(type="SinePositionalEncoding", num_feats=128, normalize=True),
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

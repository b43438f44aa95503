# A narrow head for photo-mini: 96 channels, 50 queries, 2 encoder and 3 decoder layers, where the published
# head has 256, 100, 6 and 6 or 9.
_attention = dict(embed_dims=96, num_heads=3)
_ffn = dict(embed_dims=96, feedforward_channels=384)

photo_mini_head = dict(
    num_queries=50,
    feat_channels=96,
    pixel_decoder=dict(
        norm_cfg=dict(num_groups=8),
        encoder=dict(num_layers=2, layer_cfg=dict(self_attn_cfg=_attention, ffn_cfg=_ffn)),
        positional_encoding=dict(num_feats=48),
    ),
    transformer_decoder=dict(
        num_layers=3,
        layer_cfg=dict(self_attn_cfg=_attention, cross_attn_cfg=_attention, ffn_cfg=_ffn),
    ),
    positional_encoding=dict(num_feats=48),
)

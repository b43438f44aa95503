# A narrow head for small models: 64 channels, 20 queries, 3 encoder and 3 decoder layers, where the
# published head has 256, 100, 6 and 6 or 9.
_attention = dict(embed_dims=64, num_heads=4)
_ffn = dict(embed_dims=64, feedforward_channels=256)

narrow_head = dict(
    num_queries=20,
    feat_channels=64,
    pixel_decoder=dict(
        norm_cfg=dict(num_groups=8),
        encoder=dict(num_layers=3, layer_cfg=dict(self_attn_cfg=_attention, ffn_cfg=_ffn)),
        positional_encoding=dict(num_feats=32),
    ),
    transformer_decoder=dict(
        num_layers=3,
        layer_cfg=dict(self_attn_cfg=_attention, cross_attn_cfg=_attention, ffn_cfg=_ffn),
    ),
    positional_encoding=dict(num_feats=32),
)

# A narrow head for small models: 64 channels, 20 queries, 3 encoder and 3 decoder layers, where the
# published head has 256, 100, 6 and 6 or 9.
narrow_head = dict(
    channels=64,
    num_heads=4,
    pixel_decoder=dict(num_layers=3, ffn_channels=256, norm_groups=8),
    query_decoder=dict(num_queries=20, num_layers=3, ffn_channels=256),
)

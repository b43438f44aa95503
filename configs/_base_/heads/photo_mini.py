# A narrow head for photo-mini: 96 channels, 50 queries, 2 encoder and 3 decoder layers, where the published
# head has 256, 100, 6 and 6 or 9.
photo_mini_head = dict(
    channels=96,
    num_heads=3,
    pixel_decoder=dict(num_layers=2, ffn_channels=384, norm_groups=8),
    query_decoder=dict(num_queries=50, num_layers=3, ffn_channels=384),
)

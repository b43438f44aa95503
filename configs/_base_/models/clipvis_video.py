# The video model: the image model's network, plus time.
_base_ = "./clipvis.py"

model = dict(
    type="CLIPVISVideo",
    num_memory=9,
    num_match=5,
    topk=50,
    data_preprocessor=dict(
        type="TrackDataPreprocessor",
        mean=[122.7709383, 116.7460125, 104.09373615],
        std=[68.5005327, 66.6321579, 70.32316305],
        bgr_to_rgb=False,
        pad_size_divisor=32,
        pad_mask=True,
    ),
)

# How tools/infer.py and CLIPVISInferencer resize frames.
inference = dict(short_side=480, max_long_side=1333)

# The image model: one image at a time.
_base_ = "./clipvis.py"

model = dict(
    type="CLIPVISImage",
    topk=100,
    data_preprocessor=dict(
        type="DetDataPreprocessor",
        mean=[122.7709383, 116.7460125, 104.09373615],
        std=[68.5005327, 66.6321579, 70.32316305],
        bgr_to_rgb=False,
        pad_size_divisor=32,
        pad_mask=True,
    ),
)

# How tools/infer.py and CLIPVISInferencer resize an image.
inference = dict(short_side=800, max_long_side=1333)

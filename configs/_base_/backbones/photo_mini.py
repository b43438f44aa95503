# EfficientNet-Lite0 with ImageNet's 1,000 classes and COCO's 80, and a table of word vectors (projects/photo_mini).
encoder = dict(
    type="ConSEEncoder",
    num_labels=1080,
    embed_dim=256,
    pretrained="work_dirs/photo_mini/encoder.safetensors",
)
# The weights want RGB from -1 to 1 (127 and 128 as in TensorFlow's recipe), not ImageNet's mean and deviation.
pixels = dict(mean=[127.0, 127.0, 127.0], std=[128.0, 128.0, 128.0])

# A small CLIP from image-caption pairs of EmojiVIS: `python tools/train.py projects/emojivis/configs/clip_nano.py`.
_base_ = ["_base_/emojivis_captions.py", "../../../configs/_base_/default_runtime.py"]

custom_imports = dict(
    imports=[
        *_base_.custom_imports.imports,
        "projects.emojivis.emojivis.datasets",
        "projects.emojivis.emojivis.contrastive",
    ]
)

model = dict(
    type="ContrastiveCLIP",
    model_name="clip-nano",
    data_preprocessor=dict(
        type="ImgDataPreprocessor",
        mean=[122.7709383, 116.7460125, 104.09373615],
        std=[68.5005327, 66.6321579, 70.32316305],
        bgr_to_rgb=False,
    ),
)

train_cfg = dict(type="IterBasedTrainLoop", max_iters=1500, val_interval=300)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")

optim_wrapper = dict(
    type="BFloat16OptimWrapper",
    constructor="CLIPVISOptimWrapperConstructor",
    optimizer=dict(type="AdamW", lr=1e-3, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.05),
    clip_grad=dict(max_norm=1.0, norm_type=2),
)
param_scheduler = [
    dict(type="LinearLR", by_epoch=False, begin=0, end=100, start_factor=0.01),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=100, end=1500, eta_min=1e-6),
]

default_hooks = dict(
    logger=dict(interval=20),
    checkpoint=dict(interval=250, max_keep_ckpts=1),
    visualization=dict(num_samples=0),  # there are no masks to draw
)
custom_hooks = [
    dict(type="VocabularyHook"),
    dict(type="SamplerStateHook"),
    dict(type="ExportCLIPHook", filename="clip_nano.safetensors"),
]
randomness = dict(seed=0)

# OpenAI's CLIP RN50. Its text tower needs QuickGELU, however the weights are loaded.
clip_backbone = dict(type="FrozenCLIP", model_name="RN50", pretrained="openai", quick_gelu=True)

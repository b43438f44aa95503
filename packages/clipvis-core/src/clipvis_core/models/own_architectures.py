"""open_clip, with the small architectures of `clipvis_core/model_configs` beside its own."""

from pathlib import Path

import open_clip

open_clip.add_model_config(Path(__file__).parents[1] / "model_configs")

__all__ = ["open_clip"]

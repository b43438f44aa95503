"""Fixed weights, fixed input, stored numbers: what changes here has changed the method.

`python tests/core/test_regression.py` prints the numbers anew. The parity tests say whether they are right; these
run everywhere, without the reference files.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

STORED = Path(__file__).with_suffix(".json")


@torch.no_grad()
def measure(model, clip: torch.Tensor) -> dict[str, float]:
    """Mean absolute values stage by stage, and losses of fixed predictions."""
    features = model.extract_feat(clip)
    mask_features, scales = model.head.decode_pixels(features.levels)
    prediction = model.head(features.levels)[-1]
    stages = {f"res{level}": feature for level, feature in enumerate(features.levels, start=2)}
    stages |= {f"scale{level}": scale for level, scale in enumerate(scales)}
    stages |= {
        "mask_features": mask_features,
        "object_logits": prediction.object_logits,
        "ious": prediction.ious,
        "mask_logits": prediction.mask_logits,
        "embeddings": prediction.embeddings,
        "class_logits": model.classify(prediction.mask_logits, features.dense),
        "text_rows": model.vocabulary_embedding().rows,
    }
    return {name: stage.abs().mean().item() for name, stage in stages.items()}


def test_numbers_have_not_moved(video_model, clip):
    stored = json.loads(STORED.read_text())
    assert measure(video_model, clip) == pytest.approx(stored, rel=2e-3)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    import conftest

    root = Path(__file__).resolve().parents[2]
    small = conftest.build_model(conftest.small_config(root, "video"), checkpoint=None)
    conftest.fill_by_name(small)
    small.set_vocabulary([["dog", "puppy"], ["grass"], ["person"]])
    STORED.write_text(json.dumps(measure(small, conftest.clip.__wrapped__()), indent=1) + "\n")

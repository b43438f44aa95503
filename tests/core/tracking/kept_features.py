"""Features made without a network."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from pycocotools import mask as coco_mask

from clipvis_core.tracking.feature_facts import FeatureFacts
from clipvis_core.tracking.frame_features import FrameFeatures

FACTS = FeatureFacts(
    name="clip", height=24, width=32, frame_rate=Fraction(25), topk=10, weighted=True, logit_scale=20.0, encoder="ab12"
)


def random_frame(rng: np.random.Generator, queries: int = 6, dim: int = 40) -> FrameFeatures:
    """One in which some queries share a region, some have none, and lengths differ by orders of magnitude."""
    regions = rng.standard_normal((queries, dim)).astype(np.float32) * 10.0 ** rng.integers(-3, 4, (queries, 1))
    regions = regions[rng.integers(0, queries, queries)].astype(np.float32)
    regions[rng.random(queries) < 0.2] = 0
    numbers = rng.random((5, queries)).astype(np.float32)
    permutation = rng.permutation(queries).astype(np.int16)
    return FrameFeatures(regions, numbers[0], numbers[1:3].T, numbers[3], numbers[4], permutation)


def random_codes(rng: np.random.Generator, queries: int = 6) -> dict[int, bytes]:
    """Run-length codes of the masks of some queries, of frames 24 x 32."""
    masks = {track: rng.random((24, 32)) < 0.5 for track in range(queries) if rng.random() < 0.7}
    return {track: coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))["counts"] for track, mask in masks.items()}

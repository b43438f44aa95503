"""The image model on a batch of two images of different sizes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample


@pytest.mark.parametrize("kind", ["rn50", pytest.param("convnextb", marks=pytest.mark.slow)])
def test_top_pairs(reference, kind):
    model = reference.model("image", kind, 7)
    expected = reference.arrays(f"infer_image_{kind}_dec7")
    frames = [reference.arrays(f"clip_A_{kind}")["frames"][0], reference.arrays(f"clip_B_{kind}")["frames"][6]]
    samples = [
        DetDataSample(metainfo={"img_shape": frame.shape[:2], "ori_shape": tuple(expected[f"out_hw_{index}"])})
        for index, frame in enumerate(frames)
    ]
    inputs = [torch.from_numpy(frame).permute(2, 0, 1) for frame in frames]
    batch = model.data_preprocessor({"inputs": inputs, "data_samples": samples}, False)
    for index, sample in enumerate(model(**batch, mode="predict")):
        found = sample.pred_instances
        width = int(expected[f"out_hw_{index}"][1])
        masks = np.unpackbits(expected[f"inst_masks_packed_{index}"], axis=-1)[..., :width].astype(bool)
        queries, labels = (expected[f"inst_query_{index}"].tolist(), expected[f"inst_labels_{index}"].tolist())
        scores = expected[f"inst_scores_{index}"].tolist()
        entries = zip(scores, masks, strict=True)
        theirs = dict(zip(zip(queries, labels, strict=True), entries, strict=True))
        ours = zip(found.queries.tolist(), found.labels.tolist(), strict=True)
        assert set(ours) == set(theirs)
        for query, label, score, mask in zip(
            found.queries.tolist(), found.labels.tolist(), found.scores.tolist(), found.masks.numpy(), strict=True
        ):
            their_score, their_mask = theirs[query, label]
            differing, union = int((mask ^ their_mask).sum()), int((mask | their_mask).sum())
            assert differing <= 0.005 * union
            # A pixel on the other side of zero enters the mean sigmoid inside the mask with about 0.5.
            assert abs(score - their_score) <= 2e-5 + 0.5 * differing / max(1, union)

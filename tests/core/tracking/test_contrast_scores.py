"""Tracks judged against contrast words."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from clipvis_core import InputError
from clipvis_core.foundation.calibration import Calibration
from clipvis_core.tracking.contrast_scores import ContrastScores

FITTED = Calibration(1.0, 0.5, 0.25, 0.75, offset=-0.5, fit=0.3, lead=1.0, threshold=0.2)
QUERIES, ASKED, WORDS = 6, 2, 5


def frame(seed: int) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Logits of all words, and what `update` takes."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn((QUERIES, WORDS), generator=generator) * 2
    ious = torch.rand(QUERIES, generator=generator) * 0.9 + 0.05
    objects = torch.randn((QUERIES, 2), generator=generator)
    cells = torch.full((QUERIES,), 10.0)
    sums = cells * (torch.rand(QUERIES, generator=generator) * 0.4 + 0.5)
    return logits, [logits, logits[:, :ASKED].softmax(-1), ious, objects, sums, cells]


def pairs() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.arange(QUERIES).repeat(ASKED), torch.arange(ASKED).repeat_interleave(QUERIES)


def test_features_of_one_frame_are_its_log_odds():
    logits, values = frame(0)
    scores = ContrastScores(FITTED)
    assert not scores
    scores.update(*values)
    assert scores
    queries, labels = pairs()
    features = scores.features(queries, labels)
    lead = logits[queries, labels] - logits[queries, ASKED:].amax(1)
    assert features[:, 0] == pytest.approx(lead, abs=2e-3)
    objects = values[3]
    assert features[:, 1] == pytest.approx(objects[queries, 0] - objects[queries, 1], abs=1e-5)
    assert features[:, 2] == pytest.approx(values[2][queries].logit(), abs=1e-4)
    assert features[:, 3] == pytest.approx((values[4] / values[5])[queries].logit(), abs=1e-4)
    assert features[:, 4] == pytest.approx(logits[queries, labels])
    sums = features @ torch.tensor([1.0, 0.5, 0.25, 0.75, 0.3]) - 0.5
    expected = torch.where(features[:, 0] >= -1.0, sums.sigmoid(), 0.0)
    assert scores.scores(queries, labels) == pytest.approx(expected)


def test_without_calibration_the_score_is_the_published_formula_over_all_words():
    logits, values = frame(1)
    _, _, ious, objects, sums, cells = values
    probs = logits.softmax(-1)
    scores = ContrastScores()
    scores.update(*values)
    queries, labels = pairs()
    published = ((probs * ious[:, None]).sqrt() * objects.softmax(-1)[:, :1]).sqrt() * (sums / cells)[:, None]
    wins = probs[queries, labels] >= probs[queries, ASKED:].amax(1)
    assert wins.any()
    assert not wins.all()
    assert scores.scores(queries, labels) == pytest.approx(torch.where(wins, published[queries, labels], 0.0), abs=1e-5)


def test_frames_are_averaged_and_a_restart_forgets():
    two, last = ContrastScores(FITTED), ContrastScores(FITTED)
    two.update(*frame(2)[1])
    both = ContrastScores(FITTED)
    both.update(*frame(2)[1])
    both.update(*frame(3)[1])
    last.update(*frame(3)[1])
    fresh = torch.tensor([True, False, True, False, False, False])
    two.restart(fresh)
    two.update(*frame(3)[1])
    queries, labels = pairs()
    expected = torch.where(fresh[queries, None], last.features(queries, labels), both.features(queries, labels))
    assert two.features(queries, labels) == pytest.approx(expected)


def test_frames_taken_in_together_and_queries_judged_apart_are_the_same():
    frames = [frame(seed)[1] for seed in range(4)]
    one_by_one, together = ContrastScores(FITTED), ContrastScores(FITTED)
    for values in frames:
        one_by_one.update(*values)
    stacked = [torch.stack(values) for values in zip(*frames, strict=True)]
    together.update_frames(*stacked)
    queries, labels = pairs()
    expected = one_by_one.features(queries, labels)
    assert together.features(queries, labels) == pytest.approx(expected, abs=1e-5)

    parts = [ContrastScores(FITTED), ContrastScores(FITTED)]
    for part, rows in zip(parts, ([4, 1], [5, 0, 3, 2]), strict=True):
        part.update_frames(*(values[:, rows] for values in stacked))
    joined = ContrastScores.joined(parts, np.array([3, 1, 5, 4, 0, 2]))
    assert joined.features(queries, labels) == pytest.approx(expected, abs=1e-5)
    assert not ContrastScores.joined([ContrastScores(FITTED)] * 2, np.arange(2))


def test_a_frame_whose_mask_cannot_be_named_says_nothing_about_fit():
    logits, values = frame(5)
    scores = ContrastScores(FITTED)
    scores.update(*values)
    hidden = logits.clone()
    hidden[:3, :ASKED] = float("-inf")
    scores.update(hidden, *values[1:])
    queries, labels = pairs()
    assert scores.features(queries, labels)[:, 4] == pytest.approx(logits[queries, labels])


def test_nothing_that_is_not_finite_comes_out():
    _, values = frame(4)
    values[0][0], values[2][1], values[3][2] = float("nan"), float("nan"), float("inf")
    scores = ContrastScores(FITTED)
    scores.update(*values)
    found = scores.scores(*pairs())
    assert ((found >= 0) & (found <= 1)).all()


def test_a_calibration_travels_in_the_facts_of_weights():
    assert Calibration.from_meta(FITTED.to_meta()) == FITTED
    assert Calibration.from_meta({"config": "x"}) is None
    before = {"contrast": 1, "objectness": 1, "iou": 1, "quality": 1, "offset": 0, "lead": 1, "threshold": 0.1}
    assert Calibration.from_meta({"calibration": json.dumps(before)}).fit == 0.0  # of a file without that weight
    for damaged in ("[]", "{", '{"contrast": "much"}', '{"colour": 1}'):
        with pytest.raises(InputError, match=r"small\.safetensors"):
            Calibration.from_meta({"calibration": damaged}, "small.safetensors")

"""Running sums against the formulas written out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from clipvis_core.tracking import TopTracks, TrackScores
from clipvis_core.tracking.doubtful_probs import SpilledProbs
from clipvis_core.tracking.outputs import mask_statistics
from clipvis_core.tracking.track_scores import _in_doubt


@dataclass
class Frame:
    """What one frame's queries say, masks in full."""

    class_probs: torch.Tensor
    ious: torch.Tensor
    object_logits: torch.Tensor
    mask_logits: torch.Tensor


def random_frames(num_frames: int, queries: int = 6, classes: int = 5, seed: int = 0) -> list[Frame]:
    generator = torch.Generator().manual_seed(seed)
    return [
        Frame(
            class_probs=torch.randn((queries, classes), generator=generator).mul(4).softmax(dim=-1),
            ious=torch.rand(queries, generator=generator),
            object_logits=torch.randn((queries, 2), generator=generator) * 5,
            mask_logits=torch.randn((queries, 4, 6), generator=generator) * 3,
        )
        for _ in range(num_frames)
    ]


def scored(frames: list[Frame], **options) -> TrackScores:
    scores = TrackScores(**options)
    for frame in frames:
        scores.update(*rows_of(frame))
    return scores


def test_scores_are_the_formula():
    frames = random_frames(7)
    joint = torch.stack([(f.class_probs * f.ious[:, None]).sqrt() for f in frames]).mean(0)
    objectness = torch.stack([f.object_logits for f in frames]).mean(0).softmax(-1)[:, :1]
    torch.testing.assert_close(scored(frames).scores(), (joint * objectness).sqrt())


def test_scores_without_weights_are_mean_probabilities():
    frames = random_frames(7)
    scores = scored(frames, weighted=False).scores()
    torch.testing.assert_close(scores, torch.stack([f.class_probs for f in frames]).mean(0))


def test_top_pairs_gate_and_quality():
    frames = random_frames(7)
    scores = scored(frames)
    top = scores.top(12)
    assert (top.scores[:-1] >= top.scores[1:]).all()
    expected_pairs = scores.scores().flatten().topk(12).indices
    assert sorted((top.queries * 5 + top.labels).tolist()) == sorted(expected_pairs.tolist())
    assert top.hidden.any()
    assert not top.hidden.all()
    rows = zip(top.queries, top.labels, top.class_scores, top.scores, top.hidden, strict=True)
    for query, label, class_score, score, hidden in rows:
        inside, weight = 0.0, 0
        for t, frame in enumerate(frames):
            presence = (frame.class_probs[query, label].sigmoid() * frame.object_logits[query].softmax(-1)[0]).sqrt()
            assert bool(hidden[t]) == bool(presence < 0.1 * class_score)
            logits = torch.full((4, 6), -1.0) if hidden[t] else frame.mask_logits[query]
            inside += float(logits[logits > 0].sigmoid().sum())
            weight += int((logits > 0).sum())
        assert float(score) == pytest.approx(float(class_score) * inside / (weight + 1e-6), rel=1e-5)


@pytest.mark.parametrize("weighted", [True, False])
def test_frames_taken_in_together_and_tracks_scored_apart_are_the_same(weighted):
    frames = random_frames(7)
    expected = scored(frames, weighted=weighted).top(12)
    rows = [torch.stack(values) for values in zip(*map(rows_of, frames), strict=True)]

    together = TrackScores(weighted=weighted)
    together.update_frames(*(values[:3] for values in rows))
    together.update_frames(*(values[3:] for values in rows))
    assert_same(together.top(12), expected)

    parts = [TrackScores(weighted=weighted), TrackScores(weighted=weighted)]
    for part, tracks in zip(parts, ([4, 1], [5, 0, 3, 2]), strict=True):
        part.update_frames(*(values[:, tracks] for values in rows))
    every = SpilledProbs()
    for probs, frame in zip(rows[0], together._table(), strict=True):
        every.append(probs, _in_doubt(frame))
    joined = TrackScores.joined(parts, np.array([3, 1, 5, 4, 0, 2]), every)
    assert_same(joined.top(12), expected)


def rows_of(frame: Frame) -> tuple[torch.Tensor, ...]:
    return frame.class_probs, frame.ious, frame.object_logits, *mask_statistics(frame.mask_logits)


def assert_same(found: TopTracks, expected: TopTracks) -> None:
    for name, values in vars(expected).items():
        torch.testing.assert_close(getattr(found, name), values, msg=name)


def test_fewer_pairs_than_asked():
    assert len(scored(random_frames(1, queries=2, classes=3)).top(50).scores) == 6


def test_outputs_that_are_not_finite_score_nothing():
    (frame,) = random_frames(1)
    frame.ious[2] = float("nan")
    frame.object_logits[3] = float("inf")
    scores = scored([frame]).scores()
    assert scores.isfinite().all()
    assert (scores[2:4] == 0).all()


def test_no_frame():
    with pytest.raises(ValueError, match="no frame"):
        TrackScores().scores()

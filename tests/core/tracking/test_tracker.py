"""The tracker without the network: against the published formulas over the whole clip, and what must not matter."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from clipvis_core.tracking import (
    FrameOutputs,
    LiveRule,
    MaskSizes,
    TemporalMatcher,
    Tracker,
    resize_mask_logits,
)
from clipvis_core.tracking.mask_coding import DeviceMaskCoder
from clipvis_core.tracking.outputs import OutputsOnTheWay

SIZES = MaskSizes((32, 48), (30, 45), (40, 60))
QUIET = settings(max_examples=8, deadline=None, derandomize=True)


def clip(num_frames: int, queries: int = 6, classes: int = 7, seed: int = 0) -> FrameOutputs:
    """Queries with lasting embeddings in a new order every frame; objectness wild enough that frames are hidden."""
    generator = torch.Generator().manual_seed(seed)

    def randn(*shape):
        return torch.randn(shape, generator=generator)

    tracks = randn(queries, 16)
    orders = [torch.randperm(queries, generator=generator) for _ in range(num_frames)]
    return FrameOutputs(
        class_probs=(3 * randn(num_frames, queries, classes)).softmax(dim=-1),
        ious=torch.rand((num_frames, queries), generator=generator),
        object_logits=3 * randn(num_frames, queries, 2),
        mask_logits=2 * randn(num_frames, queries, 8, 12),
        embeddings=torch.stack([tracks[order] + 0.1 * randn(queries, 16) for order in orders]),
    )


def part(outputs: FrameOutputs, window: slice) -> FrameOutputs:
    values = (getattr(outputs, field.name) for field in fields(outputs))
    return FrameOutputs(*(None if value is None else value[window] for value in values))


def run(outputs: FrameOutputs, window: int = 3, **options):
    """A tracker that has seen the clip, and what it said of each frame."""
    tracker = Tracker(SIZES, **{"num_memory": 4, "num_match": 3, "topk": 12, **options})
    found = []
    for start in range(0, len(outputs.ious), window):
        found += tracker.add(part(outputs, slice(start, start + window)))
    return tracker, found


def table(tracks) -> dict[tuple[int, int], tuple[float, list]]:
    """Score and masks by (query, category)."""
    pairs = zip(tracks.queries.tolist(), tracks.labels.tolist(), strict=True)
    values = zip(tracks.scores.tolist(), map(list, tracks.segmentations), strict=True)
    return dict(zip(pairs, values, strict=True))


def offline(outputs: FrameOutputs, topk: int) -> dict:
    """Equations 14 to 17 of docs/model.md, with everything of the clip in memory: score and masks by pair."""
    matcher = TemporalMatcher(4, 3)
    order = torch.stack([matcher.step(frame) for frame in outputs.embeddings])
    frames = torch.arange(len(order)).unsqueeze(1)
    probs, ious, objects, logits = (
        value[frames, order].transpose(0, 1)
        for value in (
            outputs.class_probs, outputs.ious, outputs.object_logits, outputs.mask_logits,
        )
    )  # fmt: skip
    joint = (probs * ious.unsqueeze(-1)).sqrt().mean(dim=1)
    scores = (joint * objects.mean(dim=1).softmax(dim=-1)[:, :1]).sqrt()
    best, pairs = scores.flatten().topk(topk)
    result = {}
    for score, pair in zip(best, pairs.tolist(), strict=True):
        query, label = divmod(pair, scores.shape[1])
        presence = (probs[query, :, label].sigmoid() * objects[query].softmax(dim=-1)[:, 0]).sqrt()
        masks = logits[query].clone()
        masks[presence < 0.1 * score] = -1
        inside = masks > 0
        quality = masks[inside].sigmoid().sum() / (inside.sum() + 1e-6)
        full = resize_mask_logits(masks, *vars(SIZES).values()) > 0
        result[query, label] = (float(score * quality), full.numpy(), presence < 0.1 * score)
    return result


@QUIET
@given(seed=st.integers(0, 2**16), num_frames=st.integers(1, 45), window=st.integers(1, 8))
def test_the_end_is_the_published_result(seed, num_frames, window):
    """Shorter and longer than the frames that wait for the end."""
    outputs = clip(num_frames, seed=seed)
    tracker, _ = run(outputs, window)
    found, expected = table(tracker.finish()), offline(outputs, 12)
    assert found.keys() == expected.keys()
    for pair, (score, masks, hidden) in expected.items():
        assert found[pair][0] == pytest.approx(score, abs=1e-5)
        assert len(found[pair][1]) == num_frames
        for record, mask, gone in zip(found[pair][1], masks, hidden, strict=True):
            if record is None:
                assert gone or not mask.any()
                continue
            assert not gone
            assert (coco_mask.decode(record) != mask).sum() <= 1


def test_some_frames_are_hidden_by_a_narrow_margin():
    """The clips above test the gate: objectness alone decides some frames, class probabilities others."""
    outputs = clip(45)
    tracker, _ = run(outputs)
    top = tracker.scores.top(12)
    least = (0.1 * top.class_scores).unsqueeze(1) ** 2
    objects = torch.from_numpy(tracker.scores._table()[:, 0]).T
    doubtful = (0.5 * objects[top.queries] < least) & (0.731 * objects[top.queries] >= least)
    assert doubtful.any()
    assert top.hidden.any()
    assert not top.hidden.all()


@QUIET
@given(seed=st.integers(0, 2**16), window=st.integers(2, 45))
def test_windows_change_nothing(seed, window):
    outputs = clip(20, seed=seed)
    one, several = (run(outputs, size) for size in (1, window))
    for a, b in zip(one[1], several[1], strict=True):
        assert a.ids.tolist() == b.ids.tolist()
        assert a.masks() == b.masks()
    assert table(one[0].finish()) == table(several[0].finish())


@QUIET
@given(seed=st.integers(0, 2**16))
def test_an_unused_word_changes_no_mask(seed):
    """A category that no mask resembles: no probability, so nothing but its name is added."""
    outputs = clip(20, seed=seed)
    unused = torch.zeros_like(outputs.class_probs[..., :1])
    more = replace(outputs, class_probs=torch.cat([outputs.class_probs, unused], dim=-1))
    assert table(run(more)[0].finish()) == table(run(outputs)[0].finish())


@QUIET
@given(seed=st.integers(0, 2**16))
def test_permuted_queries_change_ids_alone(seed):
    outputs = clip(20, seed=seed)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    values = (getattr(outputs, field.name) for field in fields(outputs))
    permuted = FrameOutputs(*(None if value is None else value[:, order] for value in values))
    found, expected = (table(run(x)[0].finish()) for x in (permuted, outputs))
    place = order.argsort().tolist()
    assert {(place[q], label) for q, label in expected} == found.keys()
    for (query, label), (score, masks) in expected.items():
        assert found[place[query], label][0] == pytest.approx(score, abs=1e-6)
        assert found[place[query], label][1] == masks


def test_frames_tell_what_is_known_so_far():
    """After each frame: the best name of each leading query, ids that stay, and masks of that frame."""
    outputs = clip(9)
    _, found = run(outputs, topk=42)
    for t, frame in enumerate(found):
        so_far, _ = run(part(outputs, slice(0, t + 1)), topk=42)
        best = {}
        for (query, label), (_, masks) in sorted(
            table(so_far.finish()).items(), key=lambda entry: -float(so_far.scores.scores()[entry[0]])
        ):
            best.setdefault(query + 1, (label, masks[t]))
        assert frame.frame == t
        assert (
            dict(zip(frame.ids.tolist(), zip(frame.labels.tolist(), frame.masks(), strict=True), strict=True)) == best
        )
        assert (np.diff(frame.scores) <= 0).all()


def seen(outputs: FrameOutputs, query: int, frames: range) -> FrameOutputs:
    """The clip with one object, carried by one query and there in some frames only."""
    ious = torch.full_like(outputs.ious, 0.9)
    objects = torch.tensor([-9.0, 9.0]).expand_as(outputs.object_logits).clone()
    objects[frames.start : frames.stop, query] = torch.tensor([5.0, -5.0])
    embeddings = outputs.embeddings[:1].expand_as(outputs.embeddings)
    probs = torch.full_like(outputs.class_probs, 0.01)
    probs[..., 3] = 0.94
    logits = torch.full_like(outputs.mask_logits, 4.0)
    return FrameOutputs(probs, ious, objects, logits, embeddings)


def test_live_tracks_start_and_end():
    outputs = seen(clip(20), query=2, frames=range(5, 9))
    _, found = run(outputs, live=LiveRule(start_score=0.5, patience=3), keep=False)
    alive = [frame.ids.tolist() for frame in found]
    assert alive == [[]] * 5 + [[1]] * 7 + [[]] * 8
    assert found[5].labels.tolist() == [3]
    assert found[5].scores[0] == pytest.approx((0.94 * 0.9) ** 0.25 * float(torch.tensor(4.0).sigmoid()), rel=1e-3)
    assert [frame.masks() != [None] for frame in found[5:12]] == [True] * 4 + [False] * 3


def test_a_returning_object_within_patience_keeps_its_id():
    away, back = seen(clip(20), 2, range(2, 5)), seen(clip(20), 2, range(8, 20))
    outputs = replace(away, object_logits=torch.maximum(away.object_logits, back.object_logits))
    outputs.object_logits[..., 1] = -outputs.object_logits[..., 0]
    for patience, ids in ((3, {1}), (1, {1, 2})):
        _, found = run(outputs, live=LiveRule(start_score=0.5, patience=patience), keep=False)
        assert {track for frame in found for track in frame.ids.tolist()} == ids


def test_a_live_rule_leaves_the_result_alone():
    outputs = clip(20)
    live, plain = (run(outputs, live=rule)[0].finish() for rule in (LiveRule(0.2, 2), None))
    assert table(live) == table(plain)


def test_a_frame_is_taken_in_when_it_is_asked_for():
    """Who leaves in the middle of a window gets the result of the frames that were seen."""
    outputs = clip(8)
    tracker = Tracker(SIZES, num_memory=4, num_match=3, topk=12)
    for frame in tracker.add(outputs):
        if frame.frame == 4:
            break
    assert len(tracker) == 5
    assert table(tracker.finish()) == table(run(part(outputs, slice(0, 5)))[0].finish())


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="live rule"):
        Tracker(SIZES, keep=False)
    with pytest.raises(ValueError, match="no frame"):
        Tracker(SIZES).finish()
    with pytest.raises(ValueError, match="nothing was kept"):
        run(clip(2), live=LiveRule(), keep=False)[0].finish()
    with pytest.raises(ValueError, match="padded size"):
        run(replace(clip(2), mask_logits=torch.zeros(2, 6, 8, 4)))
    with pytest.raises(ValueError, match="start_score"):
        LiveRule(start_score=1.5)


def test_a_clip_without_masks_or_numbers():
    outputs = clip(4)
    outputs.mask_logits[:] = -1
    outputs.ious[1] = float("nan")
    tracks = run(outputs)[0].finish()
    assert tracks.scores.eq(0).all()
    assert not any(any(segments) for segments in tracks.segmentations)


def test_what_is_copied_to_the_host_is_what_was_sent():
    """In one copy: each tensor finds back to its place and shape."""
    outputs = replace(clip(3), contrast_logits=torch.randn((3, 6, 9)), regions=torch.randn(3, 6, 4).half())
    other = torch.randn(3, 6, 6)
    host, found = OutputsOnTheWay(outputs, [other], copied=True).arrived()
    assert torch.equal(found, other)
    for field in fields(outputs):
        assert torch.equal(getattr(host, field.name), getattr(outputs, field.name).float()), field.name
    for ours, theirs in zip(vars(host)["mask_statistics"], outputs.mask_statistics, strict=True):
        assert torch.equal(ours, theirs)
    assert host.mask_logits is outputs.mask_logits


@pytest.mark.parametrize("num_frames", [3, 40])
def test_masks_coded_on_a_device_are_the_same(monkeypatch, num_frames):
    """By the way of a GPU, taken on the CPU; with frames that wait, and frames that go to the file before the end."""
    outputs = clip(num_frames, queries=4)
    exact = run(outputs)[0].finish()
    coders = []
    monkeypatch.setattr(
        "clipvis_core.tracking.mask_archive.mask_coder",
        lambda sizes, device: coders.append(DeviceMaskCoder(sizes, device)) or coders[-1],
    )
    found = run(outputs)[0].finish()
    assert len(coders) == 1
    assert torch.equal(found.scores, exact.scores)
    flipped = 0
    for ours, theirs in zip(found.segmentations, exact.segmentations, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert (one is None) == (other is None)
            if one is not None:
                flipped += int((coco_mask.decode(one) != coco_mask.decode(other)).sum())
    assert flipped <= num_frames  # of 2,400 pixels a mask, where rounding decides

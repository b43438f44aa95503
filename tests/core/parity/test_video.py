"""Association, naming, scores and masks of whole clips."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask

from clipvis_core.tracking import MaskSizes, TemporalMatcher

CASES = [
    *("A_rn50_dec7", "A_rn50_dec10", "B_rn50_dec10"),
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("A_convnextb_dec10", "B_convnextb_dec10")),
]
SIZES = {"A": ((96, 160), (120, 200)), "B": ((90, 150), (180, 301))}
SETTINGS = {"t9k5": (9, 5), "t3k2": (3, 2), "t5k5": (5, 5)}


@pytest.mark.parametrize("name", ["assoc_synth0", "assoc_synth1"])
def test_association_alone(reference, name):
    arrays = reference.arrays(name)
    embeddings = torch.from_numpy(arrays["embds"])
    settings = [key for key in arrays if re.fullmatch(r"perm_t\d+k\d+", key)]
    assert len(settings) == 7
    for key in settings:
        num_memory, num_match = map(int, re.findall(r"\d+", key))
        matcher = TemporalMatcher(num_memory, num_match)
        permutations = np.stack([matcher.step(frame).numpy() for frame in embeddings])
        np.testing.assert_array_equal(permutations, arrays[key], err_msg=key)


@pytest.fixture(scope="module", params=CASES)
def clip_run(request, reference):
    """One clip segmented with every matching setting: (case, reference arrays, trackers by setting)."""
    case = request.param
    letter, kind, depth = case.split("_")
    model = reference.model("video", kind, int(depth.removeprefix("dec")))
    frames = reference.clip(letter, kind, model)
    trackers = {}
    for tag, (model.num_memory, model.num_match) in SETTINGS.items():
        tracker = model.tracker(MaskSizes(tuple(frames.shape[-2:]), *SIZES[letter]))
        for _ in model.track(frames.split(10), tracker):
            pass
        trackers[tag] = tracker
    return case, reference.arrays(f"infer_{case}_final"), trackers


def test_permutations(clip_run):
    _, expected, trackers = clip_run
    for tag, tracker in trackers.items():
        permutations = tracker.permutations
        np.testing.assert_array_equal(permutations[0], np.arange(permutations.shape[1]))
        np.testing.assert_array_equal(permutations[1:], expected[f"perm_{tag}"], err_msg=tag)


def test_classification(reference, clip_run):
    case, expected, trackers = clip_run
    letter, kind, depth = case.split("_")
    model = reference.model("video", kind, int(depth.removeprefix("dec")))
    rows = torch.from_numpy(trackers["t9k5"].permutations).long()
    frames = reference.clip(letter, kind, model)
    with torch.no_grad():
        outputs = [model.segment(window) for window in frames.split(10)]
        logits = torch.cat([model.classify(prediction.mask_logits, dense) for prediction, dense in outputs])
    aligned = logits.gather(1, rows.unsqueeze(-1).expand_as(logits)).transpose(0, 1)
    np.testing.assert_allclose(aligned.numpy(), expected["cls_logits"], atol=1e-3, rtol=0)


def test_scores_and_pairs(reference, clip_run, record_property):
    case, expected, trackers = clip_run
    flipped = mask_pixel_flips(reference.arrays(f"infer_{case}_decoder"), trackers["t9k5"])
    for tag, tracker in trackers.items():
        errors = score_errors(tracker, expected[f"final_scores_{tag}"], flipped, tag)
        tracks = tracker.scores.top(tracker.topk)
        ours = dict(
            zip(zip(tracks.queries.tolist(), tracks.labels.tolist(), strict=True), tracks.scores.tolist(), strict=True)
        )
        pairs = zip(expected[f"inst_query_{tag}"].tolist(), expected[f"inst_labels_{tag}"].tolist(), strict=True)
        theirs = dict(zip(pairs, expected[f"inst_scores_{tag}"].tolist(), strict=True))
        assert ours.keys() == theirs.keys(), tag
        permutations = tracker.permutations
        for (query, label), score in theirs.items():
            flips = sum(flipped[t, permutations[t, query]] for t in range(len(permutations)))
            # A pixel on the other side of zero enters the mean sigmoid inside the mask with about 0.5.
            allowed = 2e-5 + flips * (0.5 / mask_pixels(tracker, query) + errors[query])
            record_property(f"flips_{tag}_{query}_{label}", int(flips))
            assert abs(ours[query, label] - score) <= allowed, (tag, query, label, flips)


def score_errors(tracker, expected: np.ndarray, flipped: np.ndarray, tag: str) -> np.ndarray:
    """Largest error of each track's scores `(Q,)`: at most 2e-5 but for the few with a pixel on the other side of zero.

    Such a pixel is one more or one less in the mean feature of the mask, from which the track gets its names. Which
    pixels lie so near to zero depends on the processor's order of summation.
    """
    errors = np.abs(tracker.scores.scores().numpy() - expected).max(axis=-1)
    flips = sum(row[permutation] for row, permutation in zip(flipped, tracker.permutations, strict=True))
    assert flips.sum() <= 10, tag  # of some 10,000 pixels in each of 100 tracks
    pixels = np.array([mask_pixels(tracker, query) for query in range(len(errors))])
    assert (errors <= 2e-5 + flips * 4 / pixels).all(), (tag, errors.max())
    return errors


def test_hidden_frames(clip_run):
    """Frames in which a pair has a mask but is too little present to show it."""
    _, expected, trackers = clip_run
    for tag, tracker in trackers.items():
        top = tracker.scores.top(tracker.topk)
        ours = {
            (query, label): hidden
            for query, label, hidden in zip(top.queries.tolist(), top.labels.tolist(), top.hidden.numpy(), strict=True)
        }
        cells = tracker.scores.mask_cells()
        for query, label, hidden in zip(
            expected[f"inst_query_{tag}"],
            expected[f"inst_labels_{tag}"],
            expected[f"ignored_frames_{tag}"],
            strict=True,
        ):
            filled = cells[:, query] > 0
            np.testing.assert_array_equal(ours[query, label][filled], hidden[filled])


def mask_pixel_flips(decoder: dict, tracker) -> np.ndarray:
    """Mask pixels on the other side of zero than in the reference, net, by frame and network query `(T, Q)`."""
    height, width = (side // 4 for side in tracker.sizes.padded)
    fractions = decoder["pred_masks_mean_std_posfrac"][..., 2]
    counts = np.zeros_like(fractions)
    for t, (permutation, cells) in enumerate(zip(tracker.permutations, tracker.scores.mask_cells(), strict=True)):
        counts[t, permutation] = cells
    return np.abs(counts - np.rint(fractions * height * width))


def mask_pixels(tracker, query: int) -> int:
    """Positive pixels of a track over the whole clip, at least 1."""
    return max(1, int(sum(cells[query] for cells in tracker.scores.mask_cells())))


def test_masks(reference, clip_run):
    case, expected, trackers = clip_run
    tracks = trackers["t9k5"].finish()
    pairs = zip(expected["inst_query_t9k5"].tolist(), expected["inst_labels_t9k5"].tolist(), strict=True)
    records = dict(zip(pairs, reference.results(case), strict=True))
    for query, label, segments in zip(
        tracks.queries.tolist(), tracks.labels.tolist(), tracks.segmentations, strict=True
    ):
        record = records[query, label]
        assert record["category_id"] == label + 1
        overlap = np.array([frame_overlap(a, b) for a, b in zip(segments, record["segmentations"], strict=True)])
        intersection, union = overlap.T
        shown = union > 0
        assert (intersection[shown] / union[shown] >= 0.995).all(), (query, label)
        assert not shown.any() or intersection.sum() / union.sum() >= 0.999, (query, label)


def frame_overlap(ours: dict | None, theirs: dict) -> tuple[int, int]:
    """Pixels in both and in either."""
    other = coco_mask.decode(theirs).astype(bool)
    mask = np.zeros_like(other) if ours is None else coco_mask.decode(ours).astype(bool)
    return int((mask & other).sum()), int((mask | other).sum())

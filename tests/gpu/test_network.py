"""CPU against GPU: every stage of the network, whole clips, and a clip in each precision and form."""

from __future__ import annotations

import pytest
import torch
from pycocotools import mask as coco_mask
from torch import Tensor

from clipvis_core.models import Arithmetic
from clipvis_core.tracking import MaskSizes, Tracker, VideoTracks

#: Largest difference of float32 by stage, as a share of the largest value; to be tightened to what is measured.
TOLERANCE = {"levels": 1e-4, "mask_features": 2e-4, "scales": 2e-4, "outputs": 2e-3}


def share(ours: Tensor, exact: Tensor) -> float:
    return float((ours.float().cpu() - exact).abs().max() / exact.abs().max().clamp(min=1))


@torch.no_grad()
def test_each_stage_is_the_cpus(pair, frames, record_property):
    """Each is given what the CPU gave the stage before it."""
    cpu, gpu = pair
    images = cpu.prepare(frames[:2])
    errors = {"prepare": share(gpu.prepare(frames[:2]), images)}
    features, found = cpu.extract_feat(images), gpu.extract_feat(images.cuda())
    errors["levels"] = max(share(*levels) for levels in zip(found.levels, features.levels, strict=True))
    on_gpu = tuple(level.cuda() for level in features.levels)
    (mask_features, scales), found = cpu.head.decode_pixels(features.levels), gpu.head.decode_pixels(on_gpu)
    errors["mask_features"] = share(found[0], mask_features)
    errors["scales"] = max(share(*levels) for levels in zip(found[1], scales, strict=True))
    prediction = cpu.head.query_decoder(mask_features, scales)[-1]
    found = gpu.head.query_decoder(mask_features.cuda(), [scale.cuda() for scale in scales])[-1]
    logits = cpu.classify(prediction.mask_logits, features.dense)
    errors["outputs"] = max(
        share(gpu.classify(prediction.mask_logits.cuda(), features.dense.cuda()), logits),
        *(share(ours, exact) for ours, exact in zip(vars(found).values(), vars(prediction).values(), strict=True)),
    )
    record_property("errors", errors)
    assert errors.pop("prepare") < 1e-6
    assert all(error < TOLERANCE[stage] for stage, error in errors.items()), errors


def tracked(model, frames: Tensor) -> tuple[Tracker, VideoTracks]:
    size = tuple(frames.shape[-2:])
    tracker = model.tracker(MaskSizes(model.padded_size(size), size, (120, 200)))
    for _ in model.track((model.prepare(model.staged(part)) for part in frames.split(model.window)), tracker):
        pass
    return tracker, tracker.finish()


def by_pair(tracks: VideoTracks, values: list) -> dict:
    return dict(zip(zip(tracks.queries.tolist(), tracks.labels.tolist(), strict=True), values, strict=True))


def assert_same_tracks(found: VideoTracks, exact: VideoTracks, *, scores: float, overlap: float) -> None:
    """Scores by (query, category), and the masks of the pairs that both have."""
    ours, theirs = (by_pair(tracks, tracks.scores.tolist()) for tracks in (found, exact))
    shared = ours.keys() & theirs.keys()
    assert len(shared) > 0.9 * len(theirs)
    assert max(abs(ours[pair] - theirs[pair]) for pair in shared) < scores
    masks, others = (by_pair(tracks, tracks.segmentations) for tracks in (found, exact))
    overlaps = [
        coco_mask.iou([one], [other], [0])[0, 0]
        for pair in shared
        for one, other in zip(masks[pair], others[pair], strict=True)
        if one and other
    ]
    assert sum(overlaps) / max(len(overlaps), 1) > overlap


def test_a_whole_clip_is_the_cpus(pair, frames):
    (cpu, gpu) = (tracked(model, frames) for model in pair)
    assert (cpu[0].permutations == gpu[0].permutations).mean() > 0.99
    assert_same_tracks(gpu[1], cpu[1], scores=5e-3, overlap=0.99)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_lower_precision_is_near(pair, frames, dtype):
    _, gpu = pair
    _, exact = tracked(gpu, frames[:3])
    try:
        Arithmetic(dtype).prepare(gpu)
        _, found = tracked(gpu, frames[:3])
    finally:
        Arithmetic().prepare(gpu)
    assert_same_tracks(found, exact, scores=0.05, overlap=0.8)


def test_two_videos_in_two_streams(pair, frames):
    """Their windows take turns on one model; each video's tracks are those it has alone."""
    _, gpu = pair
    videos = (frames, frames.flip(0))
    alone = [tracked(gpu, video)[1] for video in videos]
    size = tuple(frames.shape[-2:])
    trackers = [gpu.tracker(MaskSizes(gpu.padded_size(size), size, (120, 200))) for _ in videos]
    streams = [torch.cuda.Stream() for _ in videos]
    for parts in zip(*(video.split(gpu.window) for video in videos), strict=True):
        for part, tracker, stream in zip(parts, trackers, streams, strict=True):
            with torch.cuda.stream(stream):
                for _ in gpu.track([gpu.prepare(gpu.staged(part))], tracker):
                    pass
    for tracker, expected in zip(trackers, alone, strict=True):
        assert_same_tracks(tracker.finish(), expected, scores=1e-3, overlap=0.995)

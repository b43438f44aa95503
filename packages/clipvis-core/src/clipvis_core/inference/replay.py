"""A video's tracks under other words, from kept features: what `Tracker` does after the network."""

from __future__ import annotations

from dataclasses import replace

import torch

from clipvis_core.inference.judging import Words, judge_best, measured
from clipvis_core.inference.kept_masks import masks_of
from clipvis_core.tracking import TopTracks, VideoTracks
from clipvis_core.tracking.contrast_scores import ContrastScores
from clipvis_core.tracking.feature_file import FeatureFile
from clipvis_core.tracking.image_scores import rank_image_pairs, top_image_pairs


@torch.no_grad()
def replay_image(features: FeatureFile, words: Words, topk: int) -> VideoTracks:
    """What `CLIPVISImage` says of an image under these words.

    Raises:
        InputError: The features are damaged, or the disk is full.
    """
    frame = features.frame(0)
    class_probs, contrast_logits = words.judge(frame.regions)
    ious, object_logits, *statistics = measured(frame)
    pairs = top_image_pairs(class_probs, ious, object_logits, topk)
    scores, order = rank_image_pairs(pairs, torch.from_numpy(frame.quality.copy())[pairs.queries])
    hidden = torch.zeros((len(order), 1), dtype=torch.bool)
    values = (value[order] for value in (pairs.queries, pairs.labels, pairs.class_scores))
    contrast = ContrastScores(features.facts.calibration)
    if contrast_logits is not None:
        contrast.update(contrast_logits, class_probs, ious, object_logits, *statistics)
    top = TopTracks(*values, scores, hidden)
    calibrated = contrast.scores(top.queries, top.labels) if contrast else None
    size = features.facts.height, features.facts.width
    return VideoTracks.of(top, masks_of(features, set(pairs.queries.tolist())), size, calibrated)


@torch.no_grad()
def replay(features: FeatureFile, words: Words, topk: int, *, progress: bool = False) -> VideoTracks:
    """The published result of the video under these words; in memory is one frame and about 2 KB of each other.

    Args:
        features: The video.
        words: What is asked for.
        topk: Most (query, category) pairs.
        progress: Show a progress bar where it takes more than two seconds.

    Raises:
        InputError: The features are damaged, or the disk is full.
    """
    judged = judge_best(features, words, topk, progress=progress)
    top = judged.scores.top(topk)
    calibrated = judged.contrast.scores(top.queries, top.labels).cpu() if judged.contrast else None
    top = replace(top, queries=torch.from_numpy(judged.tracks)[top.queries])
    size = features.facts.height, features.facts.width
    return VideoTracks.of(top, masks_of(features, set(top.queries.tolist())), size, calibrated)

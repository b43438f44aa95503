"""Temporal matching without the network."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clipvis_core.tracking import TemporalMatcher

QUIET = settings(max_examples=40, deadline=None, derandomize=True)


@QUIET
@given(
    seed=st.integers(0, 2**16), queries=st.integers(1, 12), num_memory=st.integers(1, 6), num_match=st.integers(1, 7)
)
def test_follows_shuffled_queries(seed, queries, num_memory, num_match):
    """Embeddings that only drift a little are put back in order, whatever the setting."""
    generator = torch.Generator().manual_seed(seed)
    tracks = torch.linalg.qr(torch.randn((16, 16), generator=generator))[0][:queries]
    matcher = TemporalMatcher(num_memory, num_match)
    first = matcher.step(tracks)
    assert first.tolist() == list(range(queries))
    for _ in range(8):
        noisy = tracks + 0.05 * torch.randn(tracks.shape, generator=generator)
        shuffle = torch.randperm(queries, generator=generator)
        permutation = matcher.step(noisy[shuffle] * 3)  # length does not matter
        assert shuffle[permutation].tolist() == list(range(queries))


@QUIET
@given(seed=st.integers(0, 2**16), queries=st.integers(1, 10))
def test_always_a_permutation(seed, queries):
    generator = torch.Generator().manual_seed(seed)
    matcher = TemporalMatcher(4, 3)
    for _ in range(6):
        step = torch.randn((queries, 5), generator=generator)
        step[0, 0] = float("nan")
        assert sorted(matcher.step(step).tolist()) == list(range(queries))


@QUIET
@given(seed=st.integers(0, 2**16), windows=st.lists(st.integers(1, 7), min_size=1, max_size=5))
def test_a_window_is_its_frames(seed, windows):
    frames = torch.randn((sum(windows), 6, 5), generator=torch.Generator().manual_seed(seed))
    single, several = TemporalMatcher(4, 3), TemporalMatcher(4, 3)
    expected = torch.stack([single.step(frame) for frame in frames])
    assert torch.equal(torch.cat([several.steps(part) for part in frames.split(windows)]), expected)


def test_a_window_is_one_product():
    """However many frames it has and memories there are."""
    frames = torch.randn((14, 6, 5), generator=torch.Generator().manual_seed(0))
    matcher = TemporalMatcher(4, 3)
    matcher.steps(frames[:7])
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        matcher.steps(frames[7:])
    products = ("aten::mm", "aten::bmm", "aten::addmm")
    assert sum(event.count for event in profile.key_averages() if event.key in products) == 1


def test_object_back_after_occlusion():
    """A track that looks like noise for some frames is found again through older memories."""
    tracks = torch.eye(8)[:4]
    matcher = TemporalMatcher(9, 5)
    for _ in range(6):
        matcher.step(tracks)
    hidden = tracks.clone()
    hidden[2] = 0.5 * torch.eye(8)[6]
    matcher.step(hidden)
    assert matcher.step(tracks[[3, 2, 1, 0]]).tolist() == [3, 2, 1, 0]


def test_reset_forgets():
    matcher = TemporalMatcher()
    matcher.step(torch.eye(3))
    matcher.reset()
    assert matcher.step(torch.eye(3)[[2, 1, 0]]).tolist() == [0, 1, 2]


def test_settings_and_shapes_are_checked():
    with pytest.raises(ValueError, match="at least 0"):
        TemporalMatcher(num_memory=-1)
    matcher = TemporalMatcher()
    matcher.step(torch.eye(3))
    with pytest.raises(ValueError, match="shape"):
        matcher.step(torch.eye(4))


def test_without_memory_every_frame_keeps_its_order():
    matcher = TemporalMatcher(num_memory=0)
    shuffled = torch.eye(4)[[2, 0, 3, 1]]
    for frames in (torch.stack([torch.eye(4), shuffled]), shuffled[None]):
        assert matcher.steps(frames).tolist() == [[0, 1, 2, 3]] * len(frames)

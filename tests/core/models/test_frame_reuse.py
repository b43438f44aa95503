"""Which frames stand for the one before, and what a video's tracks are then."""

from __future__ import annotations

import pytest
import torch

from clipvis_core.models.frame_reuse import FrameReuse
from clipvis_core.tracking import MaskSizes

STD = torch.tensor([50.0, 60.0, 70.0]).view(3, 1, 1)
SIZES = MaskSizes((64, 96), (60, 90), (45, 70))


def computed(frames, within):
    """Numbers of the frames that go through the network; `frames` in grey levels `(3, H, W)`."""
    seen = []
    reuse = FrameReuse(lambda images: seen.append(0) or len(seen), within, STD)
    outputs = [reuse((frame[None] - 100) / STD) for frame in frames]
    return [outputs.index(number) for number in range(1, len(seen) + 1)]


def test_each_frame_is_compared_with_the_last_that_was_computed():
    still = torch.full((3, 32, 64), 90.0)
    assert computed([still + 3 * t for t in range(7)], within=6.5) == [0, 3, 6]
    assert computed([still, still, still + 1, still + 1], within=0) == [0, 2]


def test_a_small_thing_that_moves_is_no_still_frame():
    """Its block shows it, where a mean over the frame would be below one grey level."""
    still = torch.full((3, 128, 256), 90.0)
    moved = still.clone()
    moved[:, 40:46, 100:106] += 100
    assert (moved - still).mean() < 0.2
    assert computed([still, moved], within=8) == [0, 1]


def test_frames_come_one_at_a_time():
    with pytest.raises(ValueError, match="one at a time, not 2"):
        FrameReuse(lambda images: None, 1, STD)(torch.zeros(2, 3, 32, 32))


@pytest.fixture
def tracks(video_model, clip, monkeypatch):
    """Tracks of frames, and how many went through the network."""
    compute = video_model.outputs

    def run(frames, within):
        seen = []
        monkeypatch.setattr(video_model, "outputs", lambda images: seen.append(len(images)) or compute(images))
        monkeypatch.setattr(video_model, "reuse_within", within)
        tracker = video_model.tracker(SIZES)
        for _ in video_model.track(frames.split(1), tracker):
            pass
        found = tracker.finish()
        return found.scores.tolist(), found.labels.tolist(), [list(each) for each in found.segmentations], len(seen)

    return run


def test_nothing_changes_without_duplicates(tracks, clip):
    assert tracks(clip, 0) == tracks(clip, None)


def test_duplicates_have_the_tracks_of_the_full_run(tracks, clip):
    frames = clip[[0, 0, 1, 1, 1, 2, 0]]
    *full, all_frames = tracks(frames, None)
    *reused, computed_frames = tracks(frames, 0)
    assert reused == full
    assert (all_frames, computed_frames) == (7, 4)


def test_a_new_video_begins_anew(tracks, clip):
    assert [tracks(clip[:1], 255)[-1] for _ in range(2)] == [1, 1]


def test_a_window_is_one_frame(video_model, monkeypatch):
    monkeypatch.setattr(video_model, "window", 5)
    monkeypatch.setattr(video_model, "reuse_within", 0)
    assert video_model.window == 1

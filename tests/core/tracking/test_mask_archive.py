"""Masks on disk: what goes in comes out, encoded early, late or at the end."""

from __future__ import annotations

import json
import re
import tempfile

import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask

from clipvis_core import InputError
from clipvis_core.tracking import MaskSizes, encode_masks, resize_mask_logits
from clipvis_core.tracking.mask_archive import FRAMES_IN_WAITING, MaskArchive, MaskRecorder
from clipvis_core.tracking.spill_file import SpillFile
from clipvis_core.tracking.tracks import TrackSegments

SIZES = MaskSizes((32, 48), (30, 45), (50, 70))
QUERIES = 5


def test_spill_file_gives_back_what_it_got():
    spill = SpillFile()
    entries = [bytes([i]) * i for i in range(7)]
    for entry in entries:
        spill.append(entry)
    assert [spill.read(i) for i in range(7)] == entries
    assert spill.read(5, start=2, length=2) == b"\x05\x05"
    assert (len(spill), spill.nbytes) == (7, 21)


@pytest.mark.parametrize("own_folder", [False, True])
def test_a_full_disk_is_named(monkeypatch, tmp_path, own_folder):
    """By the folder that is full: the one given, or the system's."""
    spill = SpillFile(tmp_path if own_folder else None)
    folder = str(tmp_path) if own_folder else tempfile.gettempdir()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spill, "_write", full)
    with pytest.raises(InputError, match=rf"^{re.escape(folder)}: .*No space left on device.*TMPDIR"):
        spill.append(b"x")
    assert len(spill) == 0


def test_archive_and_segments():
    archive = MaskArchive(SpillFile())
    masks = torch.zeros((2, 4, 6), dtype=torch.bool)
    masks[0, 1:3, 2:5] = masks[1, 0, 0] = True
    codes = [record["counts"].encode() for record in encode_masks(masks)]
    archive.append({3: codes[0], 1: codes[1]})
    archive.append({})
    archive.append({3: codes[1]})
    segments = TrackSegments(archive, 3, np.array([False, False, True]), (4, 6))
    assert len(segments) == 3
    np.testing.assert_array_equal(coco_mask.decode(segments[0]), masks[0])
    assert list(segments)[1:] == [None, None]
    assert segments[-3] == segments[:1][0]
    assert archive.code(2, 3) == codes[1]
    assert archive.code(0, 0) is None
    assert archive.code(0, 4) is None
    assert archive.code(1, 3) is None
    json.dumps(segments[:])
    with pytest.raises(IndexError):
        segments[3]


def recorded(num_frames: int, leading, *, keep: bool = True):
    """A recorder that was given random frames, those frames in track order, and the codes that were ready at once."""
    generator = torch.Generator().manual_seed(0)
    recorder = MaskRecorder(SIZES, SpillFile() if keep else None)
    frames, ready = [], []
    for t in range(num_frames):
        logits = torch.randn((QUERIES, 8, 12), generator=generator)
        logits[t % QUERIES] = -1
        permutation = torch.randperm(QUERIES, generator=generator)
        aligned = logits[permutation]
        filled = (aligned > 0).flatten(1).any(dim=1).numpy()
        ready.append(recorder.add(logits, permutation, filled, leading))
        frames.append(aligned)
    return recorder, frames, ready


@pytest.mark.parametrize("num_frames", [1, FRAMES_IN_WAITING, FRAMES_IN_WAITING + 9])
def test_final_tracks_have_all_their_masks(num_frames):
    recorder, frames, _ = recorded(num_frames, leading=[0, 2])
    archive = recorder.finish([2, 4])
    assert len(archive) == num_frames
    for t, logits in enumerate(frames):
        masks = resize_mask_logits(logits, *vars(SIZES).values()) > 0
        for query in (2, 4):
            code = archive.code(t, query)
            if code is None:
                assert not masks[query].any()
                continue
            decoded = coco_mask.decode({"size": list(SIZES.output), "counts": code})
            assert (decoded != masks[query].numpy()).sum() <= 1


def test_leading_tracks_are_ready_at_once():
    recorder, frames, ready = recorded(3, leading=[0, 2])
    final = recorder.finish([0, 1, 2, 3, 4])
    for t, logits in enumerate(frames):
        filled = {q for q in (0, 2) if (logits[q] > 0).any()}
        assert ready[t].result() == {q: final.code(t, q) for q in filled}


def test_only_waiting_tracks_of_the_end_are_encoded():
    recorder, _, _ = recorded(3, leading=[0])
    archive = recorder.finish([1])
    codes = [[archive.code(t, q) is not None for q in range(QUERIES)] for t in range(3)]
    assert codes == [[any_mask and q in (0, 1) for q, any_mask in enumerate(row)] for row in filled_rows(3)]


def filled_rows(num_frames: int) -> list[list[bool]]:
    _, frames, _ = recorded(num_frames, leading=[])
    return [(logits > 0).flatten(1).any(dim=1).tolist() for logits in frames]


def test_without_keeping_there_is_no_archive():
    recorder, _, ready = recorded(3, leading=[1], keep=False)
    assert all(set(job.result()) <= {1} for job in ready)
    assert any(job.result() for job in ready)
    with pytest.raises(ValueError, match="not kept"):
        recorder.finish([1])


def test_what_goes_wrong_in_the_worker_is_raised():
    recorder, _, _ = recorded(1, leading=[0])
    recorder.add(torch.zeros(QUERIES, 8, 12), torch.arange(QUERIES) + 99, np.ones(QUERIES, bool), [])
    with pytest.raises(IndexError):
        recorder.finish([0])

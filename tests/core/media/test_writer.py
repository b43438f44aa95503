"""The video writer: what comes back, and what is left behind."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from clipvis_core.foundation.errors import InputError
from clipvis_core.media import VideoWriter, open_frames


def write(path, size=(48, 64), rate=Fraction(30000, 1001), colours=((200, 40, 60), (30, 90, 220))):
    with VideoWriter(path, rate, *size) as writer:
        for colour in colours:
            writer.write(np.full((*size, 3), colour, np.uint8))


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(10), Fraction(1, 2)])
def test_round_trip_keeps_count_rate_and_colour(tmp_path, rate):
    path = tmp_path / "out é犬.mp4"
    colours = [(200, 40, 60), (30, 90, 220), (250, 250, 250)]
    write(path, rate=rate, colours=colours)
    source = open_frames(path)
    assert (source.frame_rate, source.num_frames) == (rate, 3)
    for frame, colour in zip(source, colours, strict=True):
        assert np.abs(frame[24, 32].astype(int) - colour).max() <= 4
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_the_same_frames_are_the_same_bytes(tmp_path):
    """Whatever was in the memory before: frames that all differ made x264 look at some that it had not written."""
    random = np.random.default_rng(0)
    frames = [np.kron(random.integers(0, 255, (8, 12, 3), np.uint8), np.ones((16, 16, 1), np.uint8)) for _ in range(24)]
    contents = set()
    for level in range(12):
        junk = [np.full(size, 20 * level, np.uint8) for size in random.integers(1000, 400_000, 20)]
        del junk
        with VideoWriter(tmp_path / "clip.mp4", 10, *frames[0].shape[:2]) as writer:
            for frame in frames:
                writer.write(frame)
        contents.add((tmp_path / "clip.mp4").read_bytes())
    assert len(contents) == 1


@pytest.mark.parametrize("options", [{"crf": "20"}, {"crf": "27", "g": "24"}])
def test_what_made_bytes_differ_is_off(tmp_path, options):
    """x264 writes its settings into the file. With mbtree, one in some 200 small files was another."""
    path = tmp_path / "clip.mp4"
    with VideoWriter(path, 10, 96, 160, options=options) as writer:
        writer.write(np.zeros((96, 160, 3), np.uint8))
    settings = path.read_bytes()
    assert b" mbtree=1" not in settings
    assert b" bframes=0 " in settings
    assert b" crf=" + options["crf"].encode() in settings


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (33, 47), (48, 47)])
def test_odd_sizes_are_padded_with_their_edge(tmp_path, size):
    write(tmp_path / "odd.mp4", size=size, colours=[(200, 40, 60)])
    frame = next(iter(open_frames(tmp_path / "odd.mp4")))
    assert frame.shape == (size[0] + size[0] % 2, size[1] + size[1] % 2, 3)
    assert np.abs(frame.astype(int) - (200, 40, 60)).max() <= 4


def test_file_says_its_colour_space_and_pixel_format(tmp_path):
    write(tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.name, codec.pix_fmt, codec.colorspace, codec.color_range) == ("h264", "yuv420p", 1, 1)


def test_error_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "out.mp4"
    path.write_bytes(b"old")
    with contextlib.suppress(KeyboardInterrupt), VideoWriter(path, 25, 48, 64) as writer:
        writer.write(np.zeros((48, 64, 3), np.uint8))
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_written_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="no frame"), VideoWriter(tmp_path / "out.mp4", 25, 48, 64):
        pass
    assert list(tmp_path.iterdir()) == []


def test_frame_of_another_size_is_refused(tmp_path):
    with (
        pytest.raises(ValueError, match=r"not uint8 \(48, 64, 3\)"),
        VideoWriter(tmp_path / "out.mp4", 25, 48, 64) as writer,
    ):
        writer.write(np.zeros((48, 65, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_folder_at_the_path(tmp_path):
    with pytest.raises(InputError, match="is a folder"), VideoWriter(tmp_path, 25, 48, 64):
        pass


def test_folder_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="cannot be written"), VideoWriter(tmp_path / "no" / "x.mp4", 25, 48, 64):
        pass


def test_no_write_permission(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(InputError, match=r"cannot be written \(Permission denied\)"):
        write(tmp_path / "x.mp4")


def test_full_disk_is_one_line(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    enter = VideoWriter.__enter__

    def enter_on_full_disk(writer):
        enter(writer)
        writer._container = _Proxy(writer._container, mux=full)
        return writer

    monkeypatch.setattr(VideoWriter, "__enter__", enter_on_full_disk)
    with pytest.raises(InputError, match="No space left"):
        write(tmp_path / "x.mp4")
    assert list(tmp_path.iterdir()) == []


class _Proxy:
    """An object with one method exchanged."""

    def __init__(self, target, **methods):
        self.__dict__.update(methods)
        self._target = target

    def __getattr__(self, name):
        return getattr(self._target, name)

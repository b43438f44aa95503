"""Videos that come once: through a pipe, on standard input, from a camera."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from clipvis_core import InputError
from clipvis_core.media import TruncatedError, VideoStream, open_frames
from clipvis_core.media.stream import camera_path, open_camera


class Pipe(io.RawIOBase):
    """Bytes that cannot be read again."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        return self._data.readinto(buffer)


STREAMABLE = [
    ("clip.ts", {}),
    ("clip.mkv", {}),
    ("clip.y4m", {"codec": "wrapped_avframe"}),
    ("clip.mp4", {"container_options": {"movflags": "frag_keyframe+empty_moov"}}),
]


@pytest.mark.parametrize(("name", "options"), STREAMABLE)
def test_a_pipe_gives_the_frames_of_the_file(make_video, name, options):
    path = make_video(name, **options)
    expected = list(open_frames(path))
    stream = VideoStream(Pipe(path.read_bytes()), name="pipe")
    assert (stream.height, stream.width, stream.num_frames) == (48, 64, None)
    frames = list(stream)
    assert stream.num_read == 8
    np.testing.assert_array_equal(frames, expected)


def test_it_comes_once(make_video):
    stream = VideoStream(Pipe(make_video("clip.ts").read_bytes()), name="pipe")
    list(stream)
    with pytest.raises(InputError, match="only once"):
        list(stream)


def test_frames_come_before_the_end_is_written(make_video):
    """A stream has no end yet; the frames so far must not wait for it."""
    data = make_video("clip.y4m", codec="wrapped_avframe", num_frames=40).read_bytes()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.write(writer, data[: len(data) // 4][:60000])
    with os.fdopen(reader, "rb") as file:
        frames = iter(VideoStream(file, name="pipe"))
        assert next(frames).shape == (48, 64, 3)
        os.close(writer)


def test_standard_input(make_video, repo_root):
    program = (
        "from clipvis_core.media import open_frames; s = open_frames('-');"
        "print(s.name, s.height, s.width, len(list(s)))"
    )
    with make_video("clip.ts").open("rb") as file:
        done = subprocess.run([sys.executable, "-c", program], stdin=file, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["stdin", "48", "64", "8"]


def test_named_pipe(make_video, tmp_path):
    data = make_video("clip.ts").read_bytes()
    os.mkfifo(tmp_path / "fifo")
    writer = threading.Thread(target=lambda: (tmp_path / "fifo").write_bytes(data))
    writer.start()
    assert len(list(open_frames(tmp_path / "fifo"))) == 8
    writer.join(5)


def test_a_device_that_ffmpeg_opens_itself():
    """As a camera is: by name and format."""
    stream = VideoStream("testsrc=size=64x48:rate=10:duration=1", name="camera0", container_format="lavfi")
    assert (stream.height, stream.width, stream.frame_rate) == (48, 64, 10)
    assert len(list(stream)) == 10


def test_camera_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert camera_path("/dev/video3") == "/dev/video3"
    assert (camera_path("0") is None) is False
    assert camera_path("clip.mp4") is None
    (tmp_path / "0").mkdir()
    assert camera_path("0") is None


@pytest.mark.parametrize(
    ("device", "name"), [("/dev/video12", "camera12"), ("/dev/video2", "camera2"), ("12", "camera12")]
)
def test_a_camera_is_named_by_its_whole_number(monkeypatch, device, name):
    monkeypatch.setattr("clipvis_core.media.stream.VideoStream", lambda device, *, name, container_format: name)
    monkeypatch.setattr("clipvis_core.media.stream._can_read", lambda capture: True)
    assert open_camera(device) == name


def test_no_camera():
    with pytest.raises(InputError, match="camera"):
        open_frames("/dev/video87")


def test_damage_in_the_middle(make_video):
    data = bytearray(make_video("clip.ts", num_frames=60, noise=True).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = bytes(4000)
    stream = VideoStream(Pipe(bytes(data)), name="pipe")
    with pytest.raises(TruncatedError, match="pipe breaks off at frame"):
        list(stream)
    allowed = VideoStream(Pipe(bytes(data)), name="pipe", allow_truncated=True)
    with pytest.warns(UserWarning, match="breaks off"):
        assert 0 < len(list(allowed)) < 60


@pytest.mark.parametrize("data", [b"", b"no video at all" * 50])
def test_what_is_no_video(data):
    with pytest.raises(InputError, match="cannot be read as a video stream"):
        VideoStream(Pipe(data), name="pipe")

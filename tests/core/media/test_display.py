"""Video is shown as it was filmed: its times, the shape of its pixels, its brightness, its fields."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from PIL import Image

from clipvis_core.media import TruncatedError, VideoWriter, open_frames

GREY = np.full((48, 64, 3), 128, np.uint8)


def write(path, frames, *, pix_fmt="yuv420p", codec="libx264", options=None, times=None, **context):
    """A video of RGB frames, with settings of its codec context."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        if times:
            stream.codec_context.time_base = Fraction(1, 1000)
        for name, value in context.items():
            setattr(stream.codec_context, name, value)
        for index, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pix_fmt)
            if times:
                frame.pts, frame.time_base = times[index], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def times_of(source) -> list[float]:
    return [round(source.time, 3) for _ in source]


def test_every_frame_has_its_own_time(tmp_path):
    path = write(tmp_path / "vfr.mp4", [GREY] * 5, times=[0, 40, 500, 540, 1500])
    assert times_of(open_frames(path)) == [0, 0.04, 0.5, 0.54, 1.5]
    assert times_of(open_frames(write(tmp_path / "even.mp4", [GREY] * 3))) == [0, 0.04, 0.08]


def test_a_clock_that_jumps_is_not_followed(tmp_path):
    path = write(tmp_path / "jump.mkv", [GREY] * 4, times=[0, 40, 9_000_000, 9_000_040], options={"bf": "0"})
    times = times_of(open_frames(path))
    assert times[1] == 0.04
    assert all(0 < later - earlier < 3600 for earlier, later in pairwise(times))


def test_times_are_written(tmp_path):
    times = [0, 0.04, 0.5, 0.54, 6.507]
    with VideoWriter(tmp_path / "overlay.mp4", Fraction(5), 48, 64) as writer:
        for time in times:
            writer.write(GREY, time)
    assert times_of(open_frames(tmp_path / "overlay.mp4")) == pytest.approx(times, abs=2e-3)


@pytest.mark.parametrize(
    ("aspect", "size"), [((4, 3), (48, 85)), ((8, 9), (54, 64)), ((1281, 1280), (48, 64)), ((1, 200), (48, 64))]
)
def test_pixels_become_square(tmp_path, aspect, size):
    source = open_frames(write(tmp_path / "sar.mp4", [GREY] * 2, sample_aspect_ratio=Fraction(*aspect)))
    assert (source.height, source.width) == size
    assert [frame.shape[:2] for frame in source] == [size] * 2


def pq_code(nits: float) -> float:
    """SMPTE ST 2084, 0 to 1."""
    y = (nits / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375


@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr_is_mapped_to_ordinary_brightness(tmp_path, transfer):
    """A grey of 40 nits is stored as a dull 0.44 in PQ, and of 0.5 in HLG; each becomes what a screen makes of it."""
    code = pq_code(40) if transfer == 16 else 0.5
    frame = np.full((64, 64, 3), round(255 * code), np.uint8)
    context = {"color_trc": transfer, "color_primaries": 9, "colorspace": 9}
    path = write(
        tmp_path / "hdr.mkv",
        [frame] * 2,
        pix_fmt="yuv420p10le",
        codec="libx265",
        options={"x265-params": "log-level=none"},
        **context,
    )
    plain = write(tmp_path / "sdr.mp4", [frame] * 2)
    mapped, unmapped = (next(iter(open_frames(name))).mean() for name in (path, plain))
    assert abs(unmapped - 255 * code) < 4
    assert mapped > unmapped + 15


def test_fields_are_not_woven(tmp_path):
    """A bar that moves between the two fields of a frame: combed lines before, none after."""
    frames = []
    for step in range(6):
        image = np.full((64, 128, 3), 30, np.uint8)
        for field in (0, 1):
            left = 8 + 16 * step + 8 * field
            image[field::2, left : left + 16] = 220
        frames.append(image)
    options = {"flags": "+ildct+ilme", "x264-params": "tff=1", "crf": "10"}
    source = open_frames(write(tmp_path / "tff.mp4", frames, options=options))
    with pytest.warns(UserWarning, match=r"tff\.mp4 is interlaced: its frames are deinterlaced"):
        seen = list(source)
    assert len(seen) == len(frames)
    assert comb(seen[2]) < comb(frames[2]) / 3


def comb(image) -> float:
    """Mean difference of neighbouring lines."""
    return float(np.abs(np.diff(image[8:-8].astype(int), axis=0)).mean())


def test_exif_in_a_stream(tmp_path):
    """FFmpeg makes side data of it that PyAV has no name for, and a display matrix of the orientation."""
    exif = Image.Exif()
    exif[0x0112] = 5  # mirrored and turned
    picture = np.zeros((32, 64, 3), np.uint8)
    picture[:16, :32] = 255
    picture[16:, :16] = 255
    for name in ("0.jpg", "1.jpg"):
        Image.fromarray(picture).save(tmp_path / name, exif=exif, quality=95)
    stream = tmp_path / "camera.mjpeg"
    stream.write_bytes((tmp_path / "0.jpg").read_bytes() + (tmp_path / "1.jpg").read_bytes())
    expected = next(iter(open_frames(tmp_path / "0.jpg")))
    frames = list(open_frames(stream))
    assert [frame.shape for frame in frames] == [(64, 32, 3)] * 2
    assert np.abs(frames[0].astype(int) - expected).mean() < 4


def test_a_size_that_changes_ends_the_video_if_allowed(tmp_path):
    parts = [
        write(tmp_path / name, [np.full((*size, 3), 90, np.uint8)] * 4, options={"bf": "0"})
        for name, size in (("a.h264", (48, 64)), ("b.h264", (32, 48)))
    ]
    both = tmp_path / "both.h264"
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    with pytest.raises(TruncatedError, match=r"frame 4 is 48x32, those before it 64x48; .*--allow-truncated"):
        list(open_frames(both))
    with pytest.warns(UserWarning, match="going on with the frames before that"):
        assert len(list(open_frames(both, allow_truncated=True))) == 4


@pytest.mark.parametrize("name", ["a.webp", "a.png", "a.gif"])
def test_animated_images_are_videos(tmp_path, name):
    pictures = [Image.new("RGB", (24, 16), (30 * step, 30 * step, 30 * step)) for step in range(1, 7)]
    options = {"lossless": True} if name == "a.webp" else {}
    pictures[0].save(tmp_path / name, save_all=True, append_images=pictures[1:], duration=[100] * 5 + [400], **options)
    source = open_frames(tmp_path / name)
    assert [round(frame.mean() / 30) for frame in source] == [1, 2, 3, 4, 5, 6]
    assert times_of(source) == [0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert source.num_frames == 6
    assert len(list(source)) == 6


def test_hidden_colours_of_a_video_stay_hidden(tmp_path):
    rgba = np.zeros((16, 24, 4), np.uint8)
    rgba[..., 0] = 250
    rgba[:, 12:, 3] = 255
    with av.open(str(tmp_path / "alpha.mov"), "w") as container:
        stream = container.add_stream("qtrle", rate=10)
        stream.height, stream.width, stream.pix_fmt = 16, 24, "argb"
        frame = av.VideoFrame.from_ndarray(rgba, format="rgba").reformat(format="argb")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    seen = next(iter(open_frames(tmp_path / "alpha.mov")))
    assert seen[0, 0].tolist() == [255, 255, 255]
    assert seen[0, -1].tolist() == [250, 0, 0]


def test_a_tag_of_an_endless_duration(tmp_path):
    path = write(tmp_path / "clip.mkv", [GREY] * 3)
    data = path.read_bytes()
    start = data.index(b"00:00:00.")
    path.write_bytes(data[:start] + b"00:00:inf".ljust(18, b"\0") + data[start + 18 :])
    assert len(list(open_frames(path))) == 3

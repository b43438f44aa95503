"""Video files: what they say about themselves, how they turn, how they break."""

from __future__ import annotations

import warnings
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from clipvis_core.foundation.errors import InputError
from clipvis_core.media import TruncatedError, open_frames
from clipvis_core.media import frames as frames_module

FASTSTART = {"movflags": "+faststart"}
RED, GREEN = (220, 30, 30), (30, 200, 30)


def close(pixel, colour) -> bool:
    return np.abs(pixel.astype(int) - colour).max() < 25


def grey(frame) -> int:
    """Index that `numbered_frame` wrote."""
    return round((float(frame[frame.shape[0] // 2, frame.shape[1] // 2].mean()) - 40) / 10)


def test_reads_all_frames_in_order_and_again(make_video):
    source = open_frames(make_video())
    assert (source.name, source.height, source.width) == ("clip", 48, 64)
    assert source.frame_rate == Fraction(30000, 1001)
    assert source.num_frames == 8
    for _ in range(2):
        frames = list(source)
        assert [grey(frame) for frame in frames] == list(range(8))
        assert {(frame.dtype.name, frame.shape) for frame in frames} == {("uint8", (48, 64, 3))}
        assert source.num_read == 8


def test_counts_what_was_read_when_the_reader_stops_early(make_video):
    source = open_frames(make_video())
    iterator = iter(source)
    next(iterator), next(iterator)
    iterator.close()
    assert source.num_read == 2


@pytest.mark.parametrize(
    ("degrees", "hflip", "size", "red_corner", "green_corner"),
    [
        (0, False, (48, 64), (0, 0), (0, -1)),
        (-90, False, (64, 48), (0, -1), (-1, -1)),  # clockwise, as phones held upright write it
        (90, False, (64, 48), (-1, 0), (0, 0)),
        (180, False, (48, 64), (-1, -1), (-1, 0)),
        (0, True, (48, 64), (0, -1), (0, 0)),
        (90, True, (64, 48), (-1, -1), (0, -1)),
    ],
)
def test_display_matrix_is_honoured(make_video, degrees, hflip, size, red_corner, green_corner):
    source = open_frames(make_video(rotation=degrees, hflip=hflip))
    assert (source.height, source.width) == size
    frame = next(iter(source))
    assert frame.shape == (*size, 3)
    assert frame.flags.c_contiguous
    assert close(frame[red_corner], RED)
    assert close(frame[green_corner], GREEN)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "size"),
    [
        ("ten_bit.mp4", "libx265", "yuv420p10le", (48, 64)),
        ("ten_bit.mov", "prores_ks", "yuv422p10le", (48, 64)),
        ("alpha.mov", "qtrle", "argb", (48, 64)),
        ("odd.mkv", "ffv1", "yuv444p", (33, 47)),
        ("one_pixel.mkv", "ffv1", "bgr0", (1, 1)),
        ("grey.mkv", "ffv1", "gray", (48, 64)),
    ],
)
def test_pixel_formats(make_video, name, codec, pix_fmt, size):
    options = {"x265-params": "log-level=none"} if codec == "libx265" else None
    source = open_frames(make_video(name, codec=codec, pix_fmt=pix_fmt, size=size, num_frames=3, options=options))
    frames = list(source)
    assert [frame.shape for frame in frames] == [(*size, 3)] * 3
    assert [grey(frame) for frame in frames] == [0, 1, 2]


def test_variable_frame_rate_gives_every_frame_and_the_average_rate(make_video):
    source = open_frames(make_video("vfr.mkv", num_frames=5, pts=[0, 40, 500, 540, 1000]))
    assert [grey(frame) for frame in source] == [0, 1, 2, 3, 4]
    assert 1 < source.frame_rate < 60


def test_one_frame(make_video):
    source = open_frames(make_video(num_frames=1))
    assert source.num_frames == 1
    assert len(list(source)) == 1


def test_unicode_path(make_video):
    assert len(list(open_frames(make_video("犬 und é.mp4", num_frames=2)))) == 2


def test_broadcast_that_starts_between_key_frames(make_video, tmp_path):
    whole = make_video("whole.ts", num_frames=12, noise=True, options={"g": "6", "bf": "0"}).read_bytes()
    cut = tmp_path / "cut.ts"
    cut.write_bytes(whole[188 * (len(whole) // 188 // 4) :])
    assert 0 < len(list(open_frames(cut))) < 12


@pytest.mark.parametrize("container_options", [FASTSTART, None])
@pytest.mark.parametrize("name", ["cut.mp4", "cut.mkv", "cut.avi"])
def test_truncated_file_never_passes_for_a_whole_one(make_video, name, container_options):
    path = make_video(name, num_frames=60, noise=True, options={"bf": "0"}, container_options=container_options)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="copy or download it again"):
        list(open_frames(path))


def test_truncated_mp4_says_where_and_can_be_allowed(make_video):
    path = make_video(num_frames=20, noise=True, options={"bf": "0"}, container_options=FASTSTART)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    source = open_frames(path)
    with pytest.raises(TruncatedError, match=r"clip\.mp4 breaks off at frame \d+: .* of 20 frames") as info:
        list(source)
    assert "\n" not in str(info.value)
    assert f"decoded {source.num_read} of 20" in str(info.value)

    allowed = open_frames(path, allow_truncated=True)
    with pytest.warns(UserWarning, match="breaks off"):
        frames = list(allowed)
    assert 0 < len(frames) == allowed.num_read < 20


def test_last_frame_missing_is_noticed(make_video):
    path = make_video(num_frames=20, noise=True, options={"bf": "0"}, container_options=FASTSTART)
    data = path.read_bytes()
    path.write_bytes(data[:-40])
    with pytest.raises(TruncatedError, match="of 20 frames"):
        list(open_frames(path))


def test_damaged_data_is_an_error_not_a_picture(make_video):
    path = make_video(num_frames=20, noise=True, options={"bf": "0"}, container_options=FASTSTART)
    data = bytearray(path.read_bytes())
    for position in range(len(data) * 2 // 3, len(data) * 2 // 3 + 2000, 20):
        data[position] ^= 0x55
    path.write_bytes(data)
    source = open_frames(path)
    with pytest.raises(TruncatedError, match="breaks off"):
        list(source)
    assert 5 <= source.num_read < 20


def test_clean_file_raises_no_warning(make_video):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(open_frames(make_video(), allow_truncated=True))) == 8


def test_no_video_stream(tmp_path):
    path = tmp_path / "sound.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    with pytest.raises(InputError, match=r"sound\.wav has no video stream"):
        open_frames(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n<!DOCTYPE html><html><body>404</body></html>", "is a web page"),
        (bytes(range(256)) * 20, "cannot be read as a video"),
        (b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n", "cannot be read as a video|no video stream"),
    ],
)
def test_what_is_no_video(tmp_path, content, message):
    path = tmp_path / "movie.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as info:
        open_frames(path)
    assert "movie.mp4" in str(info.value)
    assert "\n" not in str(info.value)


def test_unknown_codec(make_video):
    path = make_video()
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    with pytest.raises(InputError, match=r"clip\.mp4: its video codec is not known"):
        open_frames(path)


def test_a_playlist_cannot_open_another_file(make_video):
    video = make_video("target.ts", num_frames=3)
    playlist = video.with_name("list.m3u8")
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{video}\n#EXT-X-ENDLIST\n")
    with pytest.raises(InputError, match=r"list\.m3u8"):
        open_frames(playlist)


def test_no_permission(make_video, monkeypatch):
    path = make_video()

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"cannot be opened \(Permission denied\); check its permissions"):
        open_frames(path)


def test_frames_over_the_size_limit_are_refused_before_decoding(make_video, monkeypatch):
    monkeypatch.setattr(frames_module, "MAX_PIXELS", 48 * 64 - 1)
    with pytest.raises(InputError, match=r"clip\.mp4 is 64x48, over the limit"):
        open_frames(make_video())

"""Sound is copied packet by packet, at the times it has in the source."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from clipvis_core.media import Cut, VideoWriter, open_frames

RATE = Fraction(25)


def film(path, codec: str, *, container: str | None = None, frames: int = 50, delay: float = 0.0):
    """A video with a tone; its sound begins at 0, its first picture `delay` seconds later."""
    with av.open(str(path), "w", format=container) as file:
        video = file.add_stream("libx264", rate=RATE)
        video.height, video.width, video.pix_fmt = 48, 64, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        sound = file.add_stream(codec, rate=48000)
        samples = np.zeros((2, int(48000 * (frames / RATE + delay))), np.float32)
        samples[:] = np.sin(np.arange(samples.shape[1]) / 20) * 0.3
        for index in range(frames):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 5 * index % 255, np.uint8), format="rgb24")
            picture = picture.reformat(format="yuv420p")
            picture.pts, picture.time_base = round(1000 * (index / RATE + delay)), Fraction(1, 1000)
            file.mux(video.encode(picture))
        file.mux(video.encode(None))
        wanted = sound.codec_context.format.name if sound.codec_context.format else "fltp"
        resampler = av.AudioResampler(format=wanted, layout="stereo", rate=48000)
        for start in range(0, samples.shape[1] - 1024, 1024):
            piece = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(samples[:, start : start + 1024]), format="fltp", layout="stereo"
            )
            piece.sample_rate, piece.pts, piece.time_base = 48000, start, Fraction(1, 48000)
            for frame in resampler.resample(piece):
                file.mux(sound.encode(frame))
        file.mux(sound.encode(None))
    return path


def packets(path) -> list[tuple[float, bytes]]:
    """Times and bytes of the sound."""
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        return [(float(p.pts * stream.time_base), bytes(p)) for p in file.demux(stream) if p.pts is not None]


def copied(source, path, **cut) -> list[float]:
    """Writes a part of a video with its sound; the times of its frames in the source."""
    part = Cut(**cut).of(source)
    with VideoWriter(path, part.frame_rate, part.height, part.width, sound=part.sound()) as writer:
        times = []
        for frame in part:
            writer.write(frame, part.time)
            times.append(part.time)
    return times


@pytest.mark.parametrize(
    ("name", "codec", "delay", "cut"),
    [
        ("film.mp4", "aac", 0.0, {}),
        ("film.mkv", "aac", 0.0, dict(start=0.6, end=1.4)),
        ("film.mp4", "aac", 0.0, dict(start=1.2, stride=5)),
        ("film.mkv", "libopus", 0.3, dict(start=0.5)),
        ("film.ts", "aac", 0.3, {}),
        ("film.mov", "pcm_s16le", 0.0, dict(end=1.0)),
        ("film.mp4", "aac", 0.0, dict(start=4.5)),
        ("film.ts", "aac", 0.3, dict(start=4.5, end=5.5)),
        ("film.mkv", "libopus", 0.0, dict(start=4.0)),
    ],
)
def test_packets_and_their_times_are_the_source_s(tmp_path, name, codec, delay, cut):
    source = film(tmp_path / name, codec, frames=150 if cut.get("start", 0) > 3 else 50, delay=delay)
    times = copied(open_frames(source), tmp_path / "overlay.mp4", **cut)
    with av.open(str(source)) as file:
        first = next(file.decode(video=0)).time
    start, end = first + times[0], first + times[-1] + cut.get("stride", 1) / RATE
    expected = [(time - start, data) for time, data in packets(source) if start - 1e-3 <= time < end]
    found = packets(tmp_path / "overlay.mp4")
    assert len(found) > 10
    assert abs(len(found) - len(expected)) <= 1
    if name.endswith(".ts"):  # the header of each packet goes, which mp4 has once
        expected = [(time, data[-len(kept) :]) for (time, data), (_, kept) in zip(expected, found, strict=False)]
    for (time, data), (there, kept) in zip(expected, found, strict=False):
        assert there == pytest.approx(time, abs=1.5e-3)
        assert kept == data
    assert len(list(open_frames(tmp_path / "overlay.mp4"))) == len(times)


def test_a_codec_that_mp4_cannot_hold_is_left_out(tmp_path):
    source = film(tmp_path / "film.mkv", "tta")
    with pytest.warns(UserWarning, match=r"overlay.mp4 has no sound: mp4 cannot hold tta"):
        copied(open_frames(source), tmp_path / "overlay.mp4")
    with av.open(str(tmp_path / "overlay.mp4")) as file:
        assert (len(file.streams.audio), file.streams.video[0].frames) == (0, 50)


def test_what_has_no_sound(make_video, tmp_path):
    assert open_frames(make_video()).sound() is None
    assert open_frames(np.zeros((2, 4, 6, 3), np.uint8)).sound() is None

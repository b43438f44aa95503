"""Tiny videos, made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest


def numbered_frame(index: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Grey level says which frame it is; the top left corner is red, the top right one green."""
    frame = np.full((height, width, 3), 40 + 10 * (index % 20), np.uint8)
    frame[: height // 3, : width // 3] = (220, 30, 30)
    frame[: height // 3, -(width // 3) :] = (30, 200, 30)
    return frame


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """Function that writes a video of numbered frames and returns its path."""

    def make(
        name: str = "clip.mp4",
        *,
        num_frames: int = 8,
        size: tuple[int, int] = (48, 64),
        codec: str = "libx264",
        pix_fmt: str = "yuv420p",
        rate: Fraction = Fraction(30000, 1001),
        pts: list[int] | None = None,
        rotation: int | None = None,
        hflip: bool = False,
        noise: bool = False,
        options: dict[str, str] | None = None,
        container_options: dict[str, str] | None = None,
    ) -> Path:
        path = tmp_path / name
        rng = np.random.default_rng(0)
        with av.open(str(path), "w", options=container_options or {}) as container:
            stream = container.add_stream(codec, rate=rate, options=options or {})
            stream.height, stream.width = size
            stream.pix_fmt = pix_fmt
            if pts is not None:
                stream.codec_context.time_base = Fraction(1, 1000)
            if rotation is not None:
                stream.set_display_rotation(rotation, hflip=hflip)
            for index in range(num_frames):
                image = numbered_frame(index, *size)
                if noise:
                    image = rng.integers(0, 256, image.shape, dtype=np.uint8)
                frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pix_fmt)
                if pts is not None:
                    frame.pts, frame.time_base = pts[index], Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return make

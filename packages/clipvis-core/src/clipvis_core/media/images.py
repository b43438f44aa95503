"""Frames from image files: one image, or a folder of them."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.images import natural_key, rgb_of, turned_size
from clipvis_core.media.frames import DEFAULT_FRAME_RATE, FrameSource, TruncatedError, check_pixels

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})
"""Files taken for frames, whatever the case of their suffix."""

_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error)  # what Pillow raises on broken data


class ImageFolder(FrameSource):
    """The images of a folder in natural order (`frame_2` before `frame_10`), as the frames of one
    video.

    Every header is read first, so that a frame of another size is known before any is used. Hidden files and files that
    are no images by their suffix are passed over.

    Raises:
        InputError: No image in the folder, one there twice, or, unless truncated input is allowed, an image that is
            none or of another size.
    """

    def __init__(self, folder: Path, *, allow_truncated: bool = False) -> None:
        self._paths = list_images(folder)
        height, width = image_size(self._paths[0])
        if not allow_truncated:  # else the frames end where one cannot be taken
            self._check_sizes(height, width)
        super().__init__(
            name=folder.resolve().name,
            height=height,
            width=width,
            num_frames=len(self._paths),
            allow_truncated=allow_truncated,
        )

    def _check_sizes(self, height: int, width: int) -> None:
        for path in self._paths[1:]:
            size = image_size(path)
            if size != (height, width):
                raise InputError(
                    f"{path} is {size[1]}x{size[0]}, the frames before it {width}x{height}; give frames of one size"
                )

    def _decode(self) -> Iterator[np.ndarray]:
        for index, path in enumerate(self._paths):
            try:
                yield load_image(path)
            except InputError as error:
                raise TruncatedError(f"{error} (decoded {index} of {len(self._paths)} frames)") from error


class AnimatedImage(FrameSource):
    """An animated WebP or PNG, with the times at which its pictures are shown.

    Raises:
        InputError: The file is damaged.
    """

    _timed = True

    def __init__(self, path: Path) -> None:
        self._path = path
        height, width = image_size(path)
        with _opened(path) as image:
            seconds = [picture.info.get("duration", 0) / 1000 for picture in ImageSequence.Iterator(image)]
        if sum(seconds) > 0:
            rate = Fraction(len(seconds) / sum(seconds)).limit_denominator(1000)
        else:
            rate = DEFAULT_FRAME_RATE
            seconds = [1 / float(rate)] * len(seconds)
        self._times = list(itertools.accumulate(seconds[:-1], initial=0.0))
        super().__init__(name=path.stem, height=height, width=width, frame_rate=rate, num_frames=len(seconds))

    def _decode(self) -> Iterator[np.ndarray]:
        with _opened(self._path) as image:
            for picture, time in zip(ImageSequence.Iterator(image), self._times, strict=True):
                self.time = time
                yield rgb_of(picture)


def open_image(path: Path) -> FrameSource:
    """An image file: one frame, or the frames of an animated WebP or PNG.

    Raises:
        InputError: The file is no image.
    """
    with _opened(path) as image:
        animated = image.format in ("WEBP", "PNG") and getattr(image, "n_frames", 1) > 1
    return AnimatedImage(path) if animated else ImageFile(path)


class ImageFile(FrameSource):
    """One image, as a video of one frame.

    Raises:
        InputError: The file is no image.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        height, width = image_size(path)
        super().__init__(name=path.stem, height=height, width=width, num_frames=1)

    def _decode(self) -> Iterator[np.ndarray]:
        yield load_image(self._path)


def list_images(folder: Path) -> list[Path]:
    """Image files of a folder in natural order.

    Raises:
        InputError: The folder cannot be read, holds no image, or one frame in two formats.
    """
    try:
        files = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES]
    except OSError as error:
        raise InputError(f"{folder} cannot be read ({error.strerror}); check its permissions") from None
    paths = sorted((path for path in files if not path.name.startswith(".")), key=natural_key)
    if not paths:
        raise InputError(f"{folder} holds no frames; put PNG or JPEG images into it")
    by_stem: dict[str, Path] = {}
    for path in paths:
        twin = by_stem.setdefault(path.stem, path)
        if twin is not path:
            raise InputError(f"{folder} holds both {twin.name} and {path.name}; keep one of the two formats")
    return paths


def image_size(path: Path) -> tuple[int, int]:
    """Height and width of an image as it is shown, from its header alone.

    Raises:
        InputError: The file is no image, or larger than `MAX_PIXELS`.
    """
    with _opened(path) as image:
        return turned_size(image)


def load_image(path: Path) -> np.ndarray:
    """One image by the rule of `rgb_of`: upright, on white where it is transparent, 16-bit samples cut to 8.

    Returns:
        RGB uint8 array (H, W, 3).

    Raises:
        InputError: The file is no image, is damaged, or is larger than `MAX_PIXELS`.
    """
    with _opened(path) as image:
        return rgb_of(image)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Opens an image; whatever Pillow has against it becomes one line."""
    try:
        with Image.open(path) as image:
            check_pixels(path, image.height, image.width)
            yield image
    except InputError:
        raise
    except PermissionError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions") from None
    except Image.DecompressionBombError:
        raise InputError(f"{path} is far too large for a frame; scale it down first") from None
    except _DAMAGE as error:
        raise InputError(f"{path} cannot be read as an image ({_reason(error)}); replace it") from None


def _reason(error: Exception) -> str:
    """What is wrong, without the path that Pillow repeats."""
    if isinstance(error, Image.UnidentifiedImageError):
        return "not a known format"
    return " ".join(str(error).split()) or type(error).__name__

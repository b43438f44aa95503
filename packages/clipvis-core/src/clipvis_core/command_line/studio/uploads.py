"""What a browser sent becomes an input: one video or image, or a folder of frames; checked, and bounded in size."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.unpacking import UNPACKING_FAULTS
from clipvis_core.media.images import IMAGE_SUFFIXES

MOST_BYTES = 2**31  # of an upload, packed or not
MOST_FILES = 20_000
_CHUNK = 2**20


def take_upload(files: Sequence[Path], folder: Path) -> Path:
    """Copies an upload into a folder.

    Args:
        files: One video, one image, one zip of images, or several images.
        folder: A new folder, in which the input will lie.

    Returns:
        What `open_frames` takes.

    Raises:
        InputError: There is nothing, too much, or something else than images among several files.
    """
    if not files:
        raise InputError("nothing was uploaded: drop a video, an image, several images or a zip of them")
    if sum(path.stat().st_size for path in files) > MOST_BYTES:
        raise InputError(f"the upload is over {MOST_BYTES >> 30} GB: cut the video, or use the command line")
    folder.mkdir(parents=True)
    if len(files) == 1 and files[0].suffix.lower() != ".zip":
        return _copied(files[0], folder / files[0].name)
    frames = folder / f"{files[0].stem}-frames"
    frames.mkdir()
    if len(files) == 1:
        _unpack(files[0], frames)
        return frames
    other = next((path.name for path in files if path.suffix.lower() not in IMAGE_SUFFIXES), None)
    if other is not None:
        raise InputError(f"{other} is no image: several files are the frames of one video, so drop images only")
    for path in files:
        _copied(path, frames / path.name)
    return frames


def _copied(path: Path, place: Path) -> Path:
    if place.exists():
        raise InputError(f"two files are called {place.name}: rename one of them")
    try:
        shutil.copyfile(path, place)
    except OSError as error:
        raise InputError(f"{place.name} cannot be stored ({error.strerror}); is the disk full?") from None
    return place


def _unpack(path: Path, folder: Path) -> None:
    """The images of a zip, all in one folder; what unpacks to more than it says is refused."""
    try:
        with zipfile.ZipFile(path) as archive:
            images = [entry for entry in archive.infolist() if _is_image(entry)]
            if not images:
                raise InputError(f"{path.name} holds no images: zip PNG or JPEG frames")
            if len(images) > MOST_FILES or sum(entry.file_size for entry in images) > MOST_BYTES:
                raise InputError(f"{path.name} holds more than {MOST_FILES} images or {MOST_BYTES >> 30} GB")
            for entry in images:
                place = folder / PurePosixPath(entry.filename).name
                if place.exists():
                    raise InputError(f"{path.name} holds {place.name} twice: zip one folder of frames")
                _unpack_image(archive, entry, place)
    except UNPACKING_FAULTS as error:
        raise InputError(f"{path.name} cannot be unpacked ({error}): zip the frames again") from None
    except OSError as error:
        raise InputError(f"{path.name} cannot be unpacked ({error.strerror}); is the disk full?") from None


def _unpack_image(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, place: Path) -> None:
    written = 0
    with archive.open(entry) as packed, place.open("xb") as file:
        while chunk := packed.read(_CHUNK):
            written += len(chunk)
            if written > entry.file_size:
                raise InputError(f"{entry.filename[:80]} unpacks to more than the zip says: zip the frames again")
            file.write(chunk)


def _is_image(entry: zipfile.ZipInfo) -> bool:
    name = PurePosixPath(entry.filename)
    hidden = name.name.startswith(".") or "__MACOSX" in name.parts
    return not entry.is_dir() and not hidden and name.suffix.lower() in IMAGE_SUFFIXES

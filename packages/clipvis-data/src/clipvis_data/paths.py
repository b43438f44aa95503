"""Files that datasets need, looked up before training."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.faults import shown
from clipvis_core.foundation.images import natural_key, turned_size
from clipvis_core.foundation.records import Records

COCO_URL = "http://images.cocodataset.org/"
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")


def first_existing(root: str | Path, candidates: str | Sequence[str]) -> str:
    """The first of some file names that exists.

    Args:
        root: Folder the names are relative to.
        candidates: One file, or several names that a download may have.

    Returns:
        The name, as it was given.

    Raises:
        InputError: None exists.
    """
    names = [candidates] if isinstance(candidates, str) else list(candidates)
    for name in names:
        if (Path(root) / name).is_file():
            return name
    tried = " or ".join(str(Path(root) / name) for name in names)
    raise InputError(f"annotation file {tried} does not exist; check data_root and ann_file")


def located(root: str | Path, names: Iterable[str]) -> dict[str, str]:
    """Where below `root` some relative paths are.

    Paths that came from another machine begin with folders that are not here: as many of their last parts are taken as
    most of the missing ones are found by, unless two fall together.

    Args:
        root: Folder the names are relative to.
        names: Relative paths with forward slashes.

    Returns:
        The path of each name; the name itself where none was found.
    """
    found = {name: name for name in names}
    missing = missing_files(root, found)
    for depth in tail_depths(missing):
        tails = {name: "/".join(name.split("/")[-depth:]) for name in missing}
        absent = missing_files(root, tails.values())
        if len(absent) < len(missing) / 2 and len({**found, **tails}.keys()) == len({*({**found, **tails}.values())}):
            return {**found, **tails}
    return found


def tail_depths(names: Iterable[str]) -> range:
    """Numbers of last parts that can stand for whole names, most first."""
    return range(max((name.count("/") for name in names), default=0), 0, -1)


def require_files(root: str | Path, names: Iterable[str], source: str) -> None:
    """Checks that files exist, listing each folder once.

    Args:
        root: Folder the names are relative to.
        names: Relative paths with forward slashes.
        source: The annotation file, for the message.

    Raises:
        InputError: Files are missing; names the first and counts the others.
    """
    missing = missing_files(root, names)
    if missing:
        others = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise InputError(
            f"{Path(root) / missing[0]}{others}, named in {source}, does not exist; "
            f"{other_case(Path(root) / missing[0]) or 'check data_root and data_prefix'}"
        )


def other_case(path: Path) -> str:
    """What to say of a missing file whose folder has its name in other letter case; else nothing."""
    try:
        twins = [entry.name for entry in os.scandir(path.parent) if entry.name.casefold() == path.name.casefold()]
    except OSError:
        return ""
    return f"its folder has {twins[0]}, in other letter case" if twins else ""


def missing_files(root: str | Path, names: Iterable[str]) -> list[str]:
    """Those of some relative paths that are not below `root`, in the order given."""
    listings: dict[str, set[str]] = {}
    missing = []
    for name in names:
        folder, _, base = name.rpartition("/")
        if folder not in listings:
            try:
                with os.scandir(Path(root) / folder) as entries:
                    listings[folder] = {entry.name for entry in entries}
            except OSError:
                listings[folder] = set()
        if base not in listings[folder]:
            missing.append(name)
    return missing


@contextmanager
def opened_image(path: str | Path, height: int | None = None, width: int | None = None) -> Iterator[Image.Image]:
    """Opens an image file; whatever Pillow has against it becomes one line.

    Args:
        path: The file.
        height: Height in pixels that it must have after turning, if one is known.
        width: Width, likewise.

    Raises:
        InputError: The file is missing, damaged, or of another size.
    """
    try:
        with Image.open(path) as image:
            found = turned_size(image)
            if height is not None and found != (height, width):
                raise InputError(_size_fault(path, found, (height, width), image.size[::-1]))
            yield image
    except FileNotFoundError:
        raise InputError(f"image {path} does not exist; check data_root and data_prefix") from None
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError) as error:
        raise InputError(f"image {path} cannot be read (damaged?): {shown(str(error))}") from None


def _size_fault(path: str | Path, found: tuple[int, int], told: tuple[int, int], stored: tuple[int, int]) -> str:
    line = (
        f"image {path} is {found[0]} x {found[1]} (height x width), but its annotation file says {told[0]} x {told[1]}"
    )
    turned = f"; the file holds {stored[0]} x {stored[1]} and its EXIF tag turns it" if stored != found else ""
    return line + turned


def image_size(path: Path) -> tuple[int, int]:
    """(height, width) of an image file, from its header.

    Raises:
        InputError: The file is no image.
    """
    with opened_image(path) as image:
        return turned_size(image)


def videos_from_folder(folder: str | Path) -> dict:
    """An annotation object without annotations from folders of frames.

    Args:
        folder: Folder with one folder of images for each video.

    Returns:
        `videos` in natural order of their folders (2 before 10), with ids from 0, frames in natural order, and the size
        of the first frame. Hidden files and folders are passed over.

    Raises:
        InputError: The folder is missing or has no videos.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError(f"folder of videos {root} does not exist; check data_root and data_prefix")
    videos = []
    for path in _in_order(p for p in root.iterdir() if p.is_dir()):
        frames = [f.name for f in _in_order(path.iterdir()) if f.suffix.lower() in IMAGE_SUFFIXES]
        if not frames:
            continue
        height, width = image_size(path / frames[0])
        videos.append(
            {
                "id": len(videos),
                "height": height,
                "width": width,
                "length": len(frames),
                "file_names": [f"{path.name}/{name}" for name in frames],
            }
        )
    if not videos:
        raise InputError(f"{root} has no folder with images; expected <video>/<frame>.jpg")
    return {"videos": videos}


def _in_order(paths: Iterable[Path]) -> list[Path]:
    return sorted((path for path in paths if not path.name.startswith(".")), key=natural_key)


def lvis_file_name(images: Records, index: int) -> str:
    """Path of an LVIS image below the folder of COCO: `file_name` without a COCO 2014 prefix, or else from `coco_url`.

    Raises:
        InputError: The record has neither a `file_name` nor a `coco_url` of COCO's server.
    """
    name = images.records[index].get("file_name")
    if isinstance(name, str):
        return name[-16:] if name.startswith("COCO") else name
    url = images.get(index, "coco_url", str)
    if not url.startswith(COCO_URL):
        raise InputError(f"{images.where(index)}: field 'coco_url' does not begin with {COCO_URL}")
    return url[len(COCO_URL) :]

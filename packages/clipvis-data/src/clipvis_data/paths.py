"""Files that datasets need, looked up before training."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.images import turned_size
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
            f"{Path(root) / missing[0]}{others}, named in {source}, does not exist; check data_root and data_prefix"
        )


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


def image_size(path: Path) -> tuple[int, int]:
    """(height, width) of an image file, from its header.

    Raises:
        InputError: The file is no image.
    """
    try:
        with Image.open(path) as image:
            return turned_size(image)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"image {path} cannot be read (damaged?): {error}") from None


def videos_from_folder(folder: str | Path) -> dict:
    """An annotation object without annotations from folders of frames.

    Args:
        folder: Folder with one folder of images for each video.

    Returns:
        `videos` in sorted order of their folders, with ids from 0, frames in sorted order, and the
        size of the first frame.

    Raises:
        InputError: The folder is missing or has no videos.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError(f"folder of videos {root} does not exist; check data_root and data_prefix")
    videos = []
    for path in sorted(p for p in root.iterdir() if p.is_dir()):
        frames = sorted(f.name for f in path.iterdir() if f.suffix.lower() in IMAGE_SUFFIXES)
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

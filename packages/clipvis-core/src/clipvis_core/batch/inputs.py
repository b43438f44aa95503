"""Which videos, folders of frames and images the arguments and lists of the command line mean."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.images import natural_key
from clipvis_core.inference.output_folder import read_record
from clipvis_core.media.images import IMAGE_SUFFIXES
from clipvis_core.media.stream import STANDARD_INPUT, camera_path
from clipvis_core.media.video import VIDEO_SUFFIXES


@dataclass(frozen=True)
class FoundInput:
    """An input of a batch.

    Attributes:
        path: The video, folder of frames or image, as it was named.
        name: What its output folder is called: its stem, below the folders in which it was searched for.
    """

    path: str
    name: str


def find_inputs(
    arguments: Iterable[str], out_dir: Path, *, listed: Iterable[str] = (), recursive: bool = False
) -> list[FoundInput]:
    """Takes arguments apart: files stay, globs are matched, folders of videos are listed; each input once.

    A folder that holds images is one video, its frames; if it holds videos too, they are passed over, or, in a
    recursive search, taken in place of the images. A path that is not there stays: it fails by itself when its turn
    comes. Hidden files, the output folder and folders that a run wrote are not searched; links to folders are not
    followed.

    Args:
        arguments: Paths and globs.
        out_dir: The output folder.
        listed: Paths that are no globs, whatever letters are in them.
        recursive: Search folders within folders.

    Raises:
        InputError: A glob matches nothing, there is no input, or one comes only once.
    """
    found: dict[str, FoundInput] = {}
    twice = 0
    matches = (path for argument in arguments for path in _matches(argument))
    for path in chain(matches, listed):
        if path == STANDARD_INPUT or camera_path(path) or Path(path).is_fifo():
            raise InputError(f"{path} comes only once: give it alone, as the one input")
        for entry in _inputs_of(path, out_dir, recursive=recursive):
            kept = found.setdefault(os.path.realpath(entry.path), entry)
            twice += kept is not entry
    if not found:
        raise InputError("no input is left: the arguments and lists name no video, folder of frames or image")
    if twice:
        _hint(f"{twice} of the inputs were named before, and are taken once")
    return list(found.values())


def read_list(path: str) -> list[str]:
    """Paths of a text file, one a line, relative to the folder of this process; blank lines and `#` lines are left out.

    Raises:
        InputError: The file cannot be read, or names nothing.
    """
    try:
        lines = Path(path).read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except OSError as error:
        raise InputError(
            f"--list {path} cannot be read ({error.strerror}); give a text file with a path a line"
        ) from None
    paths = [os.fsdecode(line.strip()) for line in lines if line.strip() and not line.lstrip().startswith(b"#")]
    if not paths:
        raise InputError(f"--list {path} names no input: give a path a line")
    return paths


def holds_videos(path: str) -> bool:
    """Whether a path is a folder of videos, and not of frames."""
    folder = Path(path)
    return folder.is_dir() and not _listed(folder, IMAGE_SUFFIXES) and bool(_listed(folder, VIDEO_SUFFIXES))


def is_glob(argument: str) -> bool:
    """Whether an argument is a pattern of paths, and no path itself."""
    return glob.has_magic(argument) and not os.path.lexists(argument)


def _matches(argument: str) -> list[str]:
    """Paths of an argument: itself, or what a pattern matches, in natural order."""
    if not is_glob(argument):
        return [argument]
    paths = [match for match in glob.glob(argument, recursive=True) if not Path(match).name.startswith(".")]
    if not paths:
        raise InputError(f"{argument} matches nothing: check the pattern, which is matched from {Path.cwd()}")
    return sorted(paths, key=lambda match: natural_key(Path(match)))


def _inputs_of(path: str, out_dir: Path, *, recursive: bool) -> Iterator[FoundInput]:
    folder = Path(path)
    if not folder.is_dir():
        yield FoundInput(path, folder.stem)
        return
    if out_dir.exists() and folder.samefile(out_dir):
        raise InputError(f"{path} is the output folder and an input: choose another --out-dir")
    if not recursive and holds_videos(path):
        for video in _listed(folder, VIDEO_SUFFIXES):
            yield FoundInput(str(video), video.stem)
    elif not recursive:
        videos = _listed(folder, VIDEO_SUFFIXES)
        if videos:
            _hint(
                f"{path} is one video, its frames; for the {len(videos)} videos in it name {path}/*{videos[0].suffix}"
            )
        yield FoundInput(path, folder.resolve().name)
    else:
        yield from _walked(folder, out_dir)


def _walked(top: Path, out_dir: Path) -> Iterator[FoundInput]:
    """Videos and folders of frames below a folder, in natural order."""
    for name, folders, _ in os.walk(top):
        folder = Path(name)
        folders[:] = sorted(
            (inner for inner in folders if not inner.startswith(".") and not _is_output(folder / inner, out_dir)),
            key=lambda inner: natural_key(Path(inner)),
        )
        videos, images = _listed(folder, VIDEO_SUFFIXES), _listed(folder, IMAGE_SUFFIXES)
        for video in videos:
            yield FoundInput(str(video), str(video.relative_to(top).with_suffix("")))
        if images and not videos:
            yield FoundInput(name, str(folder.relative_to(top)) if folder != top else top.resolve().name)
        elif images:
            _hint(f"{folder} holds videos and {len(images)} images: the images are passed over")


def _is_output(folder: Path, out_dir: Path) -> bool:
    return (out_dir.exists() and folder.samefile(out_dir)) or read_record(folder) is not None


def _listed(folder: Path, suffixes: Iterable[str]) -> list[Path]:
    """Files of a folder that are not hidden, by their suffixes, in natural order."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise InputError(f"{folder} cannot be read ({error.strerror}); check its permissions") from None
    return sorted((folder / name for name in names if Path(name).suffix.lower() in suffixes), key=natural_key)


def _hint(text: str) -> None:
    print(f"hint: {text}", file=sys.stderr)

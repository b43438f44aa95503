"""The folder one run writes to: locked, tried out before the network runs; only files of ours are replaced in it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.folder_lock import FolderLock
from clipvis_core.foundation.whole_file import remove_unfinished, whole_file
from clipvis_core.inference.result import SegmentationResult

RECORD, RESULTS, WORDS = "video.json", "results.json", "vocabulary.json"
_MAKER = "clipvis"


class OutputFolder:
    """A context in which files may be written to a folder.

    `video.json` says of which input the files in it are, whether all of its frames were segmented, when each is shown
    and which files our runs wrote: only those are replaced. A folder that was made in vain is removed again.

    Args:
        path: The folder; made with its parents.
        names: What this run is going to write.
        reads: Files and folders that it reads.
        video: What identifies the input, or None.
        ready: Is called when the folder is locked, before anything in it changes; what it raises ends the run.

    Attributes:
        written: Names of the files this run wrote.

    Raises:
        FolderBusyError: On entering, if another run is writing to it.
        InputError: On entering, if the folder cannot be written to, or a file would be replaced that this run reads or
            none of ours wrote; inside, as `file` says.
    """

    def __init__(
        self,
        path: Path,
        names: Iterable[str],
        *,
        reads: Iterable[str | Path] = (),
        video: str | None = None,
        ready: Callable[[], None] | None = None,
    ) -> None:
        self.path = path
        self.written: list[str] = []
        self._names = list(names)
        self._reads = [Path(read) for read in reads if Path(read).exists()]
        self._video = video
        self._ready = ready
        self._made: list[Path] = []
        self._before: dict | None = None

    def __enter__(self) -> OutputFolder:
        self._made = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = FolderLock(self.path, "wait for it, or choose another --out-dir")
        except OSError as error:
            self._remove_made()
            raise unwritable(self.path, error) from None
        try:
            self._before = read_record(self.path)
            self._check()
            if self._ready is not None:
                self._ready()
            for name in (*self._names, RECORD):
                remove_unfinished(self.path, name)
                for parts in self.path.glob(f".{name}.*/"):
                    if {part.name for part in parts.iterdir()} <= {"new", "old"}:  # as `write_index_masks` left them
                        shutil.rmtree(parts, ignore_errors=True)
            files = {*self._names, *(self._before or {}).get("files", ())}
            self._record = {"made_by": _MAKER, "input": self._video, "files": sorted(files), "complete": False}
            with self.file(RECORD) as file:
                file.write(json.dumps(self._record).encode())
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        in_vain = kind is not None and not any((self.path / name).exists() for name in self._names)
        if in_vain and self._before is None and RECORD in self.written:
            (self.path / RECORD).unlink(missing_ok=True)
        if in_vain:
            self._remove_made()
        self._lock.close()

    def describe(self, result: SegmentationResult, *, score_thr: float, complete: bool) -> None:
        """Writes what is known of the video to `video.json`, after all else: what is complete is there.

        Args:
            result: What was found in it.
            score_thr: Least score that is drawn.
            complete: Whether these are all frames, and all were drawn.
        """
        self._record |= {
            "name": result.name,
            "height": result.height,
            "width": result.width,
            "frame_rate": str(result.frame_rate),
            "num_frames": result.num_frames,
            "complete": complete,
            "score_thr": score_thr,
            "times": [round(time, 6) for time in result.times],
        }
        if result.frames:
            self._record["frames"] = list(result.frames)
        with self.file(RECORD) as file:
            file.write(json.dumps(self._record).encode())

    @contextmanager
    def file(self, name: str) -> Iterator[BinaryIO]:
        """A file of the folder, whole or not at all; see `whole_file`.

        Raises:
            InputError: It cannot be written.
        """
        try:
            with whole_file(self.path / name) as file:
                yield file
        except OSError as error:
            raise InputError(f"{self.path / name} cannot be written ({error.strerror}); is the disk full?") from None
        self.written = sorted({*self.written, name})

    @contextmanager
    def spare_file(self, name: str) -> Iterator[BinaryIO]:
        """A file that the run can do without: if it is empty in the end, or cannot be written, it is not there.

        An earlier one of that name goes too: it would not belong to what else is in the folder.
        """
        done = False
        try:
            with self.file(name) as file:
                yield file
                done = True
                if not os.fstat(file.fileno()).st_size:
                    raise InputError(f"{self.path / name} is empty")
        except InputError:
            if not done:
                raise
            self.remove(name)

    def remove(self, name: str) -> None:
        """Removes a file that an earlier run wrote."""
        if name in (self._before or {}).get("files", ()):
            (self.path / name).unlink(missing_ok=True)

    def _check(self) -> None:
        """Whether what is going to be written replaces nothing that anybody needs."""
        ours = set((self._before or {}).get("files", ()))
        for name in (*self._names, RECORD):
            path = self.path / name
            if any(_holds(path, read) for read in self._reads):
                raise InputError(f"{path} is read by this run and would be replaced: choose another --out-dir")
            if path.exists() and name not in ours and (name != RECORD or self._before is None):
                raise InputError(f"{path} is none that this version wrote: move it away, or choose another --out-dir")
        if any(read.is_dir() and read.samefile(self.path) for read in self._reads):
            raise InputError(f"{self.path} is the folder of the frames: choose another --out-dir")

    def _remove_made(self) -> None:
        """Removes the folders that were made for this run, as far as they are empty."""
        with suppress(OSError):
            for folder in self._made:
                folder.rmdir()


def unwritable(folder: Path, error: OSError) -> InputError:
    """Why an output folder cannot be made or locked."""
    is_file = isinstance(error, NotADirectoryError | FileExistsError)
    reason = "it is a file, or below one" if is_file else error.strerror
    return InputError(f"{folder} cannot be written ({reason}): choose another --out-dir")


def read_record(folder: Path) -> dict | None:
    """What an earlier run of ours left in `video.json`, or None."""
    try:
        record = json.loads((folder / RECORD).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    is_ours = isinstance(record, dict) and record.get("made_by") == _MAKER and isinstance(record.get("files"), list)
    return record if is_ours else None


def places_of(record: Mapping[str, Any], num_frames: int) -> list[int]:
    """Places in the video of the frames that a run took, from 0; empty where it took all, or where none are said."""
    frames = record.get("frames")
    known = isinstance(frames, list) and all(type(number) is int and number >= 0 for number in frames)
    return frames[:num_frames] if known and len(frames) >= num_frames else []


def default_folder(name: str, video: str | None) -> Path:
    """`outputs/NAME`, or `outputs/NAME-2` and so on where that is of another video.

    Args:
        name: Name of the input.
        video: What identifies the input; None for one that never comes again.
    """
    number, folder = 1, Path("outputs", name)
    while folder.exists() and not _is_of(folder, video):
        number += 1
        folder = Path("outputs", f"{name}-{number}")
    return folder


def _is_of(folder: Path, video: str | None) -> bool:
    record = read_record(folder)
    return record is not None and video is not None and record.get("input") == video


def _holds(path: Path, read: Path) -> bool:
    """Whether a file is at a path, or in it, under whatever name."""
    return path.exists() and any(path.samefile(place) for place in (read, *read.resolve().parents))

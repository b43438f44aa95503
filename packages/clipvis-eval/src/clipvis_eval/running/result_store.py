"""Results of finished videos on disk, one file each: a killed run loses what was in flight."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import orjson
from tqdm import tqdm

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.json_files import read_json
from clipvis_core.foundation.whole_file import whole_file, write_json, write_whole

_IDENTITY = "run.json"


class ResultStore:
    """A folder of results: `run.json` says what made them, `<video id>.json` holds a video.

    A video's file appears when it is complete and on disk (written under another name, synced, renamed).

    Args:
        folder: The folder; made if missing.
        identity: What decides the results, by name ("checkpoint": its digest, ...).
        resume: Keep the videos that an earlier run with the same identity finished; otherwise they are removed.

    Raises:
        InputError: `resume`, but the folder holds results of something else; the line names what.
    """

    def __init__(self, folder: str | Path, identity: Mapping[str, str], *, resume: bool) -> None:
        self.folder = Path(folder)
        self.identity = dict(identity)
        if resume and (self.folder / _IDENTITY).exists():
            self._check_identity()
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for path in self._video_files():
                path.unlink()
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be used: {error.strerror}") from None
        write_json(dict(identity), self.folder / _IDENTITY)

    def _check_identity(self) -> None:
        stored = read_json(self.folder / _IDENTITY)
        stored = stored if isinstance(stored, dict) else {}
        changed = [name for name in self.identity if stored.get(name) != self.identity[name]]
        if changed:
            raise InputError(
                f"{self.folder}: was made with another {' and another '.join(changed)}; "
                "run without --resume, or choose another --work-dir"
            )

    def _video_files(self) -> list[Path]:
        return [path for path in self.folder.glob("*.json") if path.stem.lstrip("-").isdigit()]

    def _path(self, video_id: int) -> Path:
        return self.folder / f"{video_id}.json"

    def finished(self) -> set[int]:
        """Ids of the videos that are stored."""
        return {int(path.stem) for path in self._video_files()}

    def write(self, video_id: int, records: list[dict]) -> None:
        """Stores the records of a finished video."""
        write_whole(orjson.dumps(records), self._path(video_id))

    def merge(self, path: str | Path, video_ids: Iterable[int]) -> None:
        """Joins the stored videos into one result list, in the given order.

        Args:
            path: The file to write, whole or not at all.
            video_ids: Every video that belongs into it.

        Raises:
            InputError: A video is not stored, or the results have become another run's.
        """
        self._check_identity()
        with whole_file(path) as file:
            file.write(b"[")
            is_first = True
            for video_id in tqdm(video_ids, desc="merging", unit="video", delay=2):
                inner = self._read(video_id)[1:-1]
                if inner:
                    file.write(inner if is_first else b",\n" + inner)
                    is_first = False
            file.write(b"]\n")

    def _read(self, video_id: int) -> bytes:
        try:
            return self._path(video_id).read_bytes()
        except OSError:
            raise InputError(f"{self.folder}: video {video_id} is not finished") from None


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file.

    Raises:
        InputError: It cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(2**20):
                digest.update(block)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    return digest.hexdigest()


def text_digest(text: str) -> str:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()

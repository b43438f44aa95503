"""`done.json`: written last in each output folder; says what was asked for, and what was answered."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import clipvis_core
from clipvis_core.batch.video_task import OutputOptions
from clipvis_core.foundation.errors import InputError
from clipvis_core.inference.building import read_config
from clipvis_core.inference.model_spec import ModelSpec
from clipvis_core.media.images import list_images

DONE = "done.json"


@dataclass(frozen=True)
class Done:
    """What `done.json` holds; two runs that do the same write the same bytes.

    Attributes:
        request: See `request_of`.
        input: See `print_of`.
        files: Size in bytes and SHA-256 of each file of the folder; for a folder in it, of all of its files.
        num_frames: Frames that were segmented.
        labels: Label of each drawn track, best first.
    """

    request: Mapping[str, Any]
    input: Mapping[str, Any]
    files: Mapping[str, list]
    num_frames: int
    labels: list[str]

    def write(self, file: Any) -> None:
        """Writes it to an open binary file."""
        file.write(json.dumps(asdict(self), indent=1).encode())


def read_done(folder: Path, request: Mapping[str, Any], video: str) -> Done | None:
    """What is done in a folder; None unless request and input are the same as then, and the files unharmed."""
    try:
        done = Done(**json.loads((folder / DONE).read_bytes()))
        if done.request != request or not _is_same_input(done.input, video):
            return None
        unharmed = all(file_print(folder / name) == expected for name, expected in done.files.items())
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    return done if unharmed else None


def request_of(spec: ModelSpec, options: OutputOptions, exports: Sequence[str] = ()) -> dict[str, Any]:
    """What decides the answer besides the input, ready for JSON: version, words, weights, config, options and exports.

    The device, the window and CUDA graphs are none of it: a batch goes on where there is another machine.

    Raises:
        InputError: The model is not there.
    """
    config, checkpoint = spec.files()
    settings = json.dumps(read_config(config).to_dict(), sort_keys=True, default=str)
    asked = {**spec.options}
    for name in ("device", "window", "cuda_graphs"):
        asked.pop(name, None)
    if os.path.isfile(str(asked.get("contrast"))):
        asked["contrast"] = file_print(Path(asked["contrast"]))[1]
    request = {
        "version": clipvis_core.__version__,
        "words": hashlib.sha256(spec.vocabulary.to_json().encode()).hexdigest(),
        "config": hashlib.sha256(settings.encode()).hexdigest(),
        "weights": None if checkpoint is None else _weights_print(checkpoint),
        "model": asked,
        "output": asdict(options),
        "exports": list(exports),
    }
    return json.loads(json.dumps(request))


def print_of(video: str) -> dict[str, Any]:
    """What an input is told by: its path, size in bytes, time of the last change and SHA-256; of a folder, its images'.

    Raises:
        InputError: It cannot be read.
    """
    return {**_stamp(video), "sha256": _hash(_files_of(video))}


def file_print(path: Path) -> list:
    """Size in bytes and SHA-256 of a file, or of the files of a folder."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return [sum(file.stat().st_size for file in files), _hash(files)]


def _is_same_input(before: Mapping[str, Any], video: str) -> bool:
    """Whether an input is as it was: not touched since, or touched without a change."""
    stamp = _stamp(video)
    if (stamp["path"], stamp["bytes"]) != (before["path"], before["bytes"]):
        return False
    return stamp["modified_ns"] == before["modified_ns"] or print_of(video)["sha256"] == before["sha256"]


def _stamp(video: str) -> dict[str, Any]:
    stats = [os.stat(path) for path in _files_of(video)]
    return {
        "path": os.path.realpath(video),
        "bytes": sum(stat.st_size for stat in stats),
        "modified_ns": max(stat.st_mtime_ns for stat in stats),
    }


def _files_of(video: str) -> list[Path]:
    path = Path(video)
    return list_images(path) if path.is_dir() else [path]


def _hash(files: Iterable[Path]) -> str:
    """SHA-256 of files: of a single one its content's, of several their names' and contents'."""
    files = list(files)
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256")
        if len(files) == 1:
            return content.hexdigest()
        digest.update(os.fsencode(path.name) + b"\0" + content.digest())
    return digest.hexdigest()


def _weights_print(checkpoint: Path) -> str:
    try:
        return file_print(checkpoint)[1]
    except OSError as error:
        raise InputError(f"{checkpoint} cannot be read ({error.strerror}); check the path") from None

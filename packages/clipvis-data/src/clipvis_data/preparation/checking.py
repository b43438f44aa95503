"""Checking a dataset on disk: every record of every json, and every image it names."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import Pool
from pathlib import Path

from tqdm import tqdm

from clipvis_core.foundation.categories import categories_from_records
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.faults import Faults
from clipvis_core.foundation.images import rgb_of
from clipvis_core.foundation.records import Records, read_annotation_file
from clipvis_core.foundation.youtube_vis import read_videos
from clipvis_data.datasets.image_datasets import read_images, read_instances
from clipvis_data.datasets.video_datasets import read_frames
from clipvis_data.paths import located, missing_files, opened_image, other_case, tail_depths
from clipvis_data.preparation.layouts import find_image_folder, folders_below, published_count


@dataclass
class FileReport:
    """What was found in one annotation file.

    Attributes:
        path: The file.
        images: The folder its images were looked for in.
        counts: Number of records of each kind.
        faults: One line for each thing that is wrong.
        notes: What training would refuse and testing does not.
    """

    path: Path
    images: Path | None = None
    counts: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_root(root: str | Path, *, processes: int | None = None) -> list[FileReport]:
    """Checks every annotation json below a folder.

    Args:
        root: A dataset's folder, or the folder of several.
        processes: Processes that open images; None takes one a core.

    Returns:
        One report for each json with `videos` or `images`, sorted by path, and for each unreadable one.

    Raises:
        InputError: There is no such folder or no annotation file in it.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(f"{root} is not a folder")
    paths = sorted(_json_files(root))
    reports = [check_annotation_file(path, root=root, processes=processes) for path in paths]
    reports = [report for report in reports if report is not None]
    if not reports:
        raise InputError(f"{root} has no annotation json; name one with --annotations")
    return reports


def _json_files(root: Path, depth: int = 3) -> Iterator[Path]:
    """Json files at most `depth` folders down; frame folders, which hold only images, are not entered."""
    for entry in os.scandir(root):
        if entry.is_file() and entry.name.endswith(".json"):
            yield Path(entry.path)
        elif entry.is_dir() and depth > 0 and entry.name not in ("JPEGImages", "images"):
            yield from _json_files(Path(entry.path), depth - 1)


def check_annotation_file(
    path: str | Path, *, root: str | Path | None = None, images: str | Path | None = None, processes: int | None = None
) -> FileReport | None:
    """Checks one annotation json and the images it names.

    Args:
        path: The json.
        root: Folder below which its image folder is looked for; None takes the json's own.
        images: Its image folder, if it is known.
        processes: Processes that open images; None takes one a core.

    Returns:
        The report, or None if the json has neither `videos` nor `images`.
    """
    report = FileReport(Path(path))
    try:
        data = read_annotation_file(path)
    except InputError as error:
        report.faults.append(str(error))
        return report
    if not ("videos" in data or "images" in data):
        return None
    kind = "videos" if "videos" in data else "images"
    faults = Faults("", str(path))
    report.faults = faults.lines
    try:
        owners = Records(path, data, kind)
        annotations = Records(path, data, "annotations", optional=True)
        categories = Records(path, data, "categories", optional=True)
    except InputError as error:
        report.faults.append(str(error))
        return report
    report.counts = {kind: len(owners), "annotations": len(annotations), "categories": len(categories)}
    expected = published_count(report.path)
    if expected and len(owners) != expected:
        report.faults.append(f"{path}: has {len(owners)} {kind}, but the benchmark has {expected}")
    labels = _labels(categories, report, faults)
    if kind == "videos":
        videos = read_videos(owners, faults, names=True)
        frames = read_frames(annotations, videos, labels, True, faults, skip=_whole_ids(owners) - videos.keys())
        trains = any(instances for lists in frames.values() for instances in lists)
        files = {name: (video.height, video.width) for video in videos.values() for name in video.file_names}
    else:
        lvis = any("neg_category_ids" in image or "file_name" not in image for image in owners.records)
        names, sizes = read_images(owners, faults, lvis=lvis)
        found = read_instances(annotations, sizes, labels, faults, lvis=lvis, skip=_whole_ids(owners) - sizes.keys())
        trains = any(not instance["ignore_flag"] for instances in found.values() for instance in instances)
        files = {name: sizes[key] for key, name in names.items()}
    if not trains:
        report.notes.append("no object is annotated: it can be tested on, not trained on")
    _check_images(report, Path(root or report.path.parent), images, files, processes)
    return report


def _labels(categories: Records, report: FileReport, faults: Faults) -> dict[int, int]:
    """Label of each category id; a test set has no categories."""
    if not len(categories):
        report.notes.append("there are no categories: a config has to name a vocabulary")
        return _AnyLabel()
    labels = {key: label for label, key in enumerate(categories.positions(faults))}
    if not faults.lines:
        with faults:
            categories_from_records(report.path.stem, categories.records, source=str(report.path))
    return labels


class _AnyLabel(dict):
    """Has a label for every category id."""

    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: object) -> int:
        return 0


def _whole_ids(owners: Records) -> set[int]:
    return {record["id"] for record in owners.records if type(record.get("id")) is int}


def _check_images(
    report: FileReport, root: Path, images: str | Path | None, files: dict[str, tuple[int, int]], processes: int | None
) -> None:
    """Notes images that are missing, damaged or of another size than the json says."""
    if not files:
        return
    folder = Path(images) if images else _image_folder(report.path, root, list(files))
    if folder is None:
        name = next(iter(files))
        hint = next((hint for place in folders_below(root) if (hint := other_case(place / name))), "")
        fault = f"{report.path}: no folder below {root} holds its images, such as {name}"
        report.faults.append(fault + (f"; {hint}" if hint else ""))
        return
    report.images = folder
    paths = located(folder, files)
    files = {paths[name]: size for name, size in files.items()}
    missing = missing_files(folder, files)
    for name in missing:
        hint = other_case(folder / name)
        report.faults.append(f"{folder / name}: does not exist" + (f"; {hint}" if hint else ""))
    report.counts["files"] = len(files)
    present = [(name, files[name]) for name in files.keys() - set(missing)]
    present.sort()
    with ExitStack() as stack:
        if processes == 1:
            found = map(partial(image_fault, folder), present)
        else:
            pool = stack.enter_context(
                Pool(processes, signal.signal, (signal.SIGINT, signal.SIG_IGN))
            )  # Ctrl-C is the main process's
            found = pool.imap(partial(image_fault, folder), present, chunksize=16)
        bar = tqdm(found, total=len(present), desc=report.path.name, unit="image", delay=2)
        report.faults += [fault for fault in bar if fault]


def _image_folder(json_path: Path, root: Path, names: list[str]) -> Path | None:
    """The folder of some relative paths, or of their last parts; see `located`."""
    for depth in (0, *tail_depths(names)):
        folder = find_image_folder(json_path, root, ["/".join(name.split("/")[-depth:]) for name in names])
        if folder is not None:
            return folder
    return None


def image_fault(folder: Path, item: tuple[str, tuple[int, int]]) -> str | None:
    """What is wrong with an image file, or None; it is read as training reads it."""
    name, size = item
    try:
        with opened_image(folder / name, *size) as image:
            image.draft(None, (1, 1))  # a JPEG at an eighth of its size: all data is read, in half the time
            rgb_of(image)
    except InputError as error:
        return str(error)
    return None

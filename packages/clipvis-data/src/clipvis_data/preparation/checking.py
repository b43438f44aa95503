"""Checking a dataset on disk: every record of every json, and every image it names."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import Pool
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.faults import Faults
from clipvis_core.foundation.images import turned_size
from clipvis_core.foundation.masks import check_masks
from clipvis_core.foundation.records import Records, read_annotation_file, relative_name
from clipvis_core.foundation.youtube_vis import read_tracks, read_videos
from clipvis_data.paths import lvis_file_name, missing_files
from clipvis_data.preparation.layouts import find_image_folder, published_count

_TAIL_BYTES = 1024  # a whole JPEG or PNG has its end marker this close to the end


@dataclass
class FileReport:
    """What was found in one annotation file.

    Attributes:
        path: The file.
        images: The folder its images were looked for in.
        counts: Number of records of each kind.
        faults: One line for each thing that is wrong.
    """

    path: Path
    images: Path | None = None
    counts: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


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
    ids = categories.positions(faults) if len(categories) else _AnyId()  # a test set has no categories
    check = _check_videos if kind == "videos" else _check_image_records
    files = check(owners, annotations, ids, faults)
    _check_images(report, Path(root or report.path.parent), images, files, processes)
    return report


class _AnyId(Container):
    """Holds every category id."""

    def __contains__(self, key: object) -> bool:
        return True


def _whole_ids(owners: Records) -> set[int]:
    return {record["id"] for record in owners.records if type(record.get("id")) is int}


def _check_videos(
    owners: Records, annotations: Records, categories: Container[int], faults: Faults
) -> dict[str, tuple[int, int]]:
    """Checks videos and tracks; returns the sizes of the frames by file name."""
    videos = read_videos(owners, faults, names=True)
    for key, index in owners.positions(Faults("")).items():
        count = len(owners.records[index].get("file_names") or ())
        if key in videos and count != videos[key].length:
            where = owners.where(index)
            faults.lines.append(f"{where}: field 'length' is {videos[key].length}, but there are {count} file_names")
    damaged = _whole_ids(owners) - videos.keys()
    lists = ("segmentations", "bboxes", "areas")
    for track in read_tracks(annotations, videos, categories, faults, lists=lists, skip=damaged):
        present = [t for t, mask in enumerate(track.segmentations) if mask]
        track.checked_masks(present, faults, strict=True)
    return {name: (video.height, video.width) for video in videos.values() for name in video.file_names}


def _check_image_records(
    owners: Records, annotations: Records, categories: Container[int], faults: Faults
) -> dict[str, tuple[int, int]]:
    """Checks images and their annotations; returns the sizes of the images by file name."""
    sizes, files = {}, {}
    for key, index in owners.positions(faults).items():
        with faults:
            sizes[key] = owners.size(index)
            name = owners.records[index].get("file_name")
            name = name if isinstance(name, str) else lvis_file_name(owners, index)
            files[relative_name(name, owners.where(index))] = sizes[key]
    damaged = _whole_ids(owners) - sizes.keys()
    annotations.positions(faults)
    found = []
    for index, record in enumerate(annotations.records):
        if type(record.get("image_id")) is int and record["image_id"] in damaged:
            continue
        with faults:
            image = annotations.member(index, "image_id", sizes)
            annotations.member(index, "category_id", categories)
            if not isinstance(record.get("segmentation"), dict):
                annotations.get(index, "segmentation", list)
            found.append((index, image))
    check_masks(
        [annotations.records[index]["segmentation"] for index, _ in found],
        [sizes[image] for _, image in found],
        lambda position: f"{annotations.where(found[position][0])}: field 'segmentation'",
        faults,
        strict=True,
    )
    return files


def _check_images(
    report: FileReport, root: Path, images: str | Path | None, files: dict[str, tuple[int, int]], processes: int | None
) -> None:
    """Notes images that are missing, damaged or of another size than the json says."""
    if not files:
        return
    folder = Path(images) if images else find_image_folder(report.path, root, list(files))
    if folder is None:
        name = next(iter(files))
        report.faults.append(f"{report.path}: no folder below {root} holds its images, such as {name}")
        return
    report.images = folder
    missing = missing_files(folder, files)
    report.faults += [f"{folder / name}: does not exist" for name in missing]
    report.counts["files"] = len(files)
    present = [(name, files[name]) for name in files.keys() - set(missing)]
    present.sort()
    with Pool(processes) as pool:
        found = pool.imap(partial(_image_fault, folder), present, chunksize=16)
        bar = tqdm(found, total=len(present), desc=report.path.name, unit="image", delay=2)
        report.faults += [fault for fault in bar if fault]


def _image_fault(folder: Path, item: tuple[str, tuple[int, int]]) -> str | None:
    """What is wrong with an image file, or None.

    The header is read and the end looked at; only a file without an end marker is decoded.
    """
    name, size = item
    path = folder / name
    try:
        with Image.open(path) as image:
            found = turned_size(image)
            if found != size:
                return f"{path}: is {found[0]} x {found[1]} (height x width), but the json says {size[0]} x {size[1]}"
            if not _has_end(path, image.format):
                image.load()
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        return f"{path}: cannot be read (damaged?): {error}"
    return None


def _has_end(path: Path, image_format: str | None) -> bool:
    marker = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}.get(image_format or "")
    if marker is None:
        return False
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return marker in file.read()

"""Checking a dataset on disk: every record of every json, and every image it names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import Pool
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from clipvis_core.foundation.errors import InputError

from ..annotation_files import Records, check_polygons, read_annotation_file
from ..paths import missing_files, relative_name
from ..rle import check_rles
from ..transforms.loading import turned_size
from ..vocabularies import vocabulary_from_records
from .layouts import find_image_folder, image_name, published_count

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
        One report for each json with `videos` or `images`, sorted by path, and for each unreadable
        one.

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
    """Json files at most `depth` folders down; frame folders, which hold only images, are not
    entered."""
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
    try:
        owners = Records(path, data, kind)
        annotations = Records(path, data, "annotations", optional=True)
        categories = _category_ids(path, data)
    except InputError as error:
        report.faults.append(str(error))
        return report
    report.counts = {
        kind: len(owners.records),
        "annotations": len(annotations.records),
        "categories": len(categories or ()),
    }
    report.faults += _duplicates(owners) + _duplicates(annotations)
    expected = published_count(report.path)
    if expected and len(owners.records) != expected:
        text = f"{path}: has {len(owners.records)} {kind}, but the benchmark has {expected}"
        report.faults.append(text)
    sizes, names = _owners(owners, report.faults)
    _check_annotations(annotations, kind, sizes, names, categories, report.faults)
    files = {name: sizes[key] for key, own in names.items() for name in own if key in sizes}
    _check_images(report, Path(root or report.path.parent), images, files, processes)
    return report


def _category_ids(path: str | Path, data: dict) -> set[int] | None:
    """Ids of the categories; None if the json has none (a test set)."""
    records = data.get("categories")
    if not records:
        return None
    return set(vocabulary_from_records("", records, source=str(path)).ids)


def _duplicates(records: Records) -> list[str]:
    seen: dict[int, int] = {}
    faults = []
    for i, record in enumerate(records.records):
        if type(record.get("id")) is not int:
            faults.append(f"{records.where(i)}: field 'id' must be a whole number")
        elif seen.setdefault(record["id"], i) != i:
            first = seen[record["id"]]
            faults.append(f"{records.where(i)}: the id is already taken by {records.key}[{first}]")
    return faults


def _owners(owners: Records, faults: list[str]) -> tuple[dict[int, tuple], dict[int, list[str]]]:
    """Sizes and file names of the sound videos or images; notes the faults of the others."""
    sizes: dict[int, tuple[int, int]] = {}
    names: dict[int, list[str]] = {}
    for i, record in enumerate(owners.records):
        key = record.get("id")
        if type(key) is not int:
            continue
        names[key] = []
        try:
            sizes[key] = owners.size(i)
        except InputError as error:
            faults.append(str(error))
        try:
            names[key] = _names(owners, i)
        except InputError as error:
            faults.append(str(error))
    return sizes, names


def _names(owners: Records, index: int) -> list[str]:
    if owners.key == "images":
        return [relative_name(image_name(owners, index), owners.where(index))]
    names = owners.get(index, "file_names", list)
    length = owners.records[index].get("length", len(names))
    if length != len(names):
        raise InputError(f"{owners.where(index)}: field 'length' is {length!r}, but there are {len(names)} file_names")
    if not all(isinstance(name, str) for name in names):
        raise InputError(f"{owners.where(index)}: 'file_names' holds something that is not text")
    return [relative_name(name, owners.where(index)) for name in names]


def _check_annotations(
    annotations: Records,
    kind: str,
    sizes: dict[int, tuple[int, int]],
    names: dict[int, list[str]],
    categories: set[int] | None,
    faults: list[str],
) -> None:
    """Notes unknown owners and categories, lists of a wrong length and masks that are not sound."""
    owner_field = "video_id" if kind == "videos" else "image_id"
    rles, places = [], []
    for i, record in enumerate(annotations.records):
        where = annotations.where(i)
        owner = record.get(owner_field)
        if owner not in names:
            faults.append(f"{where}: field '{owner_field}' is {owner!r}, but there is no such record")
            continue
        if categories is not None and record.get("category_id") not in categories:
            faults.append(f"{where}: there is no category {record.get('category_id')!r}")
        if owner not in sizes:
            continue
        for place, mask in _masks(record, kind, len(names[owner]), where, faults):
            if isinstance(mask, list):
                try:
                    if not check_polygons(mask, place):
                        faults.append(f"{place}: has no polygon of three or more points")
                except InputError as error:
                    faults.append(str(error))
            else:
                rles.append((mask, *sizes[owner]))
                places.append(place)
    if rles:
        masks, heights, widths = zip(*rles, strict=True)
        for position, fault in check_rles(masks, heights, widths)[1].items():
            faults.append(f"{places[position]} {fault}")


def _masks(record: dict, kind: str, length: int, where: str, faults: list[str]) -> Iterable[tuple[str, object]]:
    """The masks of an annotation, each with its place."""
    if kind == "images":
        if record.get("segmentation") is None:
            faults.append(f"{where}: field 'segmentation' is missing")
        else:
            yield f"{where}: segmentation", record["segmentation"]
        return
    for name in ("segmentations", "bboxes", "areas"):
        values = record.get(name)
        if values is None and name != "segmentations":
            continue
        if not isinstance(values, list) or (length and len(values) != length):
            faults.append(f"{where}: field '{name}' must be a list of {length} entries, one a frame")
        elif name == "segmentations":
            for t, mask in enumerate(values):
                if mask:
                    yield f"{where}: segmentations[{t}]", mask


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

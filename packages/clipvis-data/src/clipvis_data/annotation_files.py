"""Reading annotation json files and checking the records all formats have in common.

Annotation files are data from strangers: every field is checked before it is used, and each
complaint names the file, the record and the field.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from clipvis_core.foundation.errors import InputError

from .vocabularies import DatasetVocabulary, load_vocabulary, vocabulary_from_records

MAX_IMAGE_PIXELS = 178_956_970
"""Largest image accepted: the size at which Pillow takes an image for a decompression bomb."""

_KINDS = {int: "a whole number", float: "a number", str: "text", list: "a list", dict: "an object"}


def first_existing(root: str | Path, candidates: str | Sequence[str]) -> str:
    """The first of some file names that exists.

    Args:
        root: Folder the names are relative to.
        candidates: One file, or several names under which a download is found in the wild.

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


def read_annotation_file(path: str | Path) -> dict:
    """Parses an annotation json.

    Raises:
        InputError: The file is missing, is not json, or is not an object.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"annotation file {path} does not exist")
    try:
        with path.open(encoding="utf-8") as file:
            data = json.load(file)
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not valid json (cut short?): {error}") from None
    if not isinstance(data, dict):
        raise InputError(f"{path} holds a {type(data).__name__}, not an annotation object")
    return data


def write_annotation_file(path: str | Path, data: dict) -> None:
    """Writes an annotation json; a file of that name is replaced only once the new one is whole.

    Raises:
        InputError: The folder cannot be written to.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with partial.open("w", encoding="utf-8") as file:
            json.dump(data, file)
        os.replace(partial, path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error}") from None
    finally:
        partial.unlink(missing_ok=True)


class Records:
    """Checked access to one list of an annotation file, such as its `images`.

    Args:
        path: The file, for messages.
        data: Its content.
        key: Name of the list.
        optional: Take a list that is absent or null for an empty one.

    Raises:
        InputError: The list is absent, no list, or has an entry that is no object.
    """

    def __init__(self, path: str | Path, data: dict, key: str, *, optional: bool = False) -> None:
        records = data.get(key)
        if records is None and optional:
            records = []
        if not isinstance(records, list):
            raise InputError(f"{path} has no list '{key}'")
        for i, record in enumerate(records):
            if not isinstance(record, dict):
                raise InputError(f"{path}: {key}[{i}] is not an object")
        self.path = path
        self.key = key
        self.records = records

    def where(self, index: int) -> str:
        """How messages name a record: file, list, position and id."""
        name = self.records[index].get("id")
        return f"{self.path}: {self.key}[{index}]" + ("" if name is None else f" (id {str(name)[:40]})")

    def get(self, index: int, field: str, kind: type) -> object:
        """Value of a field that must be there.

        Args:
            index: Position of the record.
            field: Name of the field.
            kind: int, float (ints count), str, list or dict.

        Raises:
            InputError: The field is absent or of another kind.
        """
        value = self.records[index].get(field)
        fits = type(value) is int or type(value) is kind if kind is float else type(value) is kind
        if not fits:
            state = "is missing" if value is None else f"is {str(value)[:40]!r}"
            raise InputError(f"{self.where(index)}: field '{field}' {state}; it must be {_KINDS[kind]}")
        return value

    def ascending(self) -> list[int]:
        """Positions of the records in ascending order of their ids.

        Raises:
            InputError: An id is missing, not whole, or occurs twice.
        """
        ids = [self.get(i, "id", int) for i in range(len(self.records))]
        order = sorted(range(len(ids)), key=ids.__getitem__)
        for a, b in itertools.pairwise(order):
            if ids[a] == ids[b]:
                raise InputError(f"{self.where(b)}: the id is already taken by {self.key}[{a}]")
        return order

    def size(self, index: int) -> tuple[int, int]:
        """`height` and `width` of a record.

        Raises:
            InputError: Not whole positive numbers, or more pixels than any real image has.
        """
        height, width = self.get(index, "height", int), self.get(index, "width", int)
        if not (height > 0 and width > 0 and height * width <= MAX_IMAGE_PIXELS):
            raise InputError(
                f"{self.where(index)}: the size {height} x {width} is not one of an image "
                f"(1 to {MAX_IMAGE_PIXELS} pixels)"
            )
        return height, width


def dataset_vocabulary(path: str | Path, data: dict, vocabulary: str | Path | None) -> DatasetVocabulary:
    """Categories of an annotation file, checked against a vocabulary if one is asked for.

    Args:
        path: The file, for messages.
        data: Its content.
        vocabulary: Name or file of the vocabulary (see `load_vocabulary`), or None to take the
            file's `categories`.

    Raises:
        InputError: The file's `categories` differ from the vocabulary in an id or a name (capitals
            aside).
    """
    records = data.get("categories")
    if vocabulary is None:
        if not isinstance(records, list):
            raise InputError(f"{path} has no list 'categories'; name a vocabulary in the dataset's config")
        return vocabulary_from_records(Path(path).stem, records, source=str(path))
    expected = load_vocabulary(vocabulary)
    if not records:
        return expected
    found = vocabulary_from_records(Path(path).stem, records, source=str(path))
    names = dict(zip(expected.ids, expected.names, strict=True))
    for category in found.categories:
        name = names.pop(category.id, None)
        if name is None or name.lower() != category.name.lower():
            raise InputError(
                f"{path}: category id {category.id} is {category.name!r}, but vocabulary "
                f"{expected.name} has {name!r}; give the vocabulary that belongs to the file, or "
                "None to use its own categories"
            )
    if names:
        missing = min(names)
        raise InputError(f"{path}: category id {missing} ({names[missing]!r}) of vocabulary {expected.name} is missing")
    return expected


def check_polygons(polygons: list, where: str) -> list[list[float]]:
    """Polygons that enclose an area: those with at least three points and an even number of values.

    Args:
        polygons: [[x0, y0, x1, y1, ...], ...] in pixels.
        where: Name of the record, for messages.

    Returns:
        The good polygons; may be empty.

    Raises:
        InputError: Something that is not a list of finite numbers.
    """
    good = []
    for polygon in polygons:
        try:
            values = np.asarray(polygon, dtype=np.float64)
            sound = values.ndim == 1 and isinstance(polygon, list) and bool(np.isfinite(values).all())
        except (TypeError, ValueError):
            sound = False
        if not sound:
            raise InputError(f"{where}: 'segmentation' holds {str(polygon)[:40]!r}, not a list of numbers")
        if len(polygon) >= 6 and len(polygon) % 2 == 0:
            good.append(polygon)
    return good


def group_by(records: Records, field: str, known: Iterable[int], owner: str) -> dict[int, list[int]]:
    """Positions of annotations by the image or video they belong to.

    Args:
        records: The annotations.
        field: "image_id" or "video_id".
        known: Ids that exist.
        owner: What the ids belong to, for messages.

    Raises:
        InputError: An annotation of an unknown image or video.
    """
    groups: dict[int, list[int]] = {key: [] for key in known}
    for i in range(len(records.records)):
        key = records.get(i, field, int)
        if key not in groups:
            raise InputError(f"{records.where(i)}: field '{field}' is {key}, but there is no such {owner}")
        groups[key].append(i)
    return groups

"""Records of annotation files, each field checked before it is used; complaints name file, record and field."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.faults import Faults, is_number, shown
from clipvis_core.foundation.json_files import read_json

MAX_IMAGE_PIXELS = 178_956_970
"""Largest image accepted: the size at which Pillow takes an image for a decompression bomb."""

_DRIVE = re.compile(r"^[A-Za-z]:(?=[\\/])")
_FOREIGN = re.compile(rf"{_DRIVE.pattern}|/|.*\\", re.DOTALL)
_KINDS = {int: "a whole number", float: "a number", str: "text", list: "a list", dict: "an object"}


def read_annotation_file(path: str | Path) -> dict:
    """Parses an annotation json.

    Raises:
        InputError: The file is missing, is not json, or is not an object.
    """
    data = read_json(path)
    if not isinstance(data, dict):
        raise InputError(f"{path}: holds a {type(data).__name__}, not an annotation object")
    return data


class Records:
    """Checked access to one list of an annotation file, such as its `images`.

    Args:
        path: The file, for messages.
        data: Its content.
        key: Name of the list.
        optional: Take a list that is absent or null for an empty one.
        hint: What may be the reason if the list is absent.

    Raises:
        InputError: The list is absent, no list, or has an entry that is no object.
    """

    def __init__(self, path: str | Path, data: dict, key: str, *, optional: bool = False, hint: str = "") -> None:
        records = data.get(key)
        if records is None and optional:
            records = []
        if not isinstance(records, list):
            raise InputError(f"{path}: has no list '{key}'" + (f"; {hint}" if hint else ""))
        for i, record in enumerate(records):
            if not isinstance(record, dict):
                raise InputError(f"{path}: {key}[{i}] is not an object")
        self.path = path
        self.key = key
        self.records = records

    def __len__(self) -> int:
        return len(self.records)

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
        fits = is_number(value) if kind is float else type(value) is kind
        if not fits:
            state = "is missing" if value is None else f"is {shown(value)}"
            raise InputError(f"{self.where(index)}: field '{field}' {state}; it must be {_KINDS[kind]}")
        if kind is int and abs(value) >= 2**63:
            raise InputError(f"{self.where(index)}: field '{field}' is {shown(value)}, over the limit of 2^63 - 1")
        return value

    def flag(self, index: int, field: str) -> bool:
        """A field that is 0, 1, a truth value, or (then false) absent or null, such as `iscrowd`.

        Raises:
            InputError: It is something else.
        """
        value = self.records[index].get(field)
        if value not in (0, 1, None):
            raise InputError(f"{self.where(index)}: field '{field}' is {shown(value)}, not 0 or 1")
        return bool(value)

    def box(self, index: int) -> list[float] | None:
        """The field `bbox`: [x, y, width, height], or None where it is absent or null.

        Raises:
            InputError: It is something else, or its width or height is negative.
        """
        value = self.records[index].get("bbox")
        if value is not None and not is_box(value):
            raise InputError(f"{self.where(index)}: field 'bbox' must be [x, y, width, height]")
        return value

    def positions(self, faults: Faults) -> dict[int, int]:
        """Positions of the records by id, in ascending order; notes ids that are not whole or occur twice."""
        found: dict[int, int] = {}
        for i in range(len(self.records)):
            with faults:
                key = self.get(i, "id", int)
                if found.setdefault(key, i) != i:
                    raise InputError(f"{self.where(i)}: the id is already taken by {self.key}[{found[key]}]")
        return dict(sorted(found.items()))

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

    def member(self, index: int, field: str, known: Iterable[int]) -> int:
        """A field that must be one of some ids.

        Raises:
            InputError: The field is absent, not whole, or not one of them.
        """
        value = self.get(index, field, int)
        if value not in known:
            raise InputError(f"{self.where(index)}: '{field}' is {value}, but there is no such {field[:-3]}")
        return value


def is_box(value: object) -> bool:
    """Whether a json value is a box [x, y, width, height] in pixels."""
    return (
        isinstance(value, list)
        and len(value) == 4
        and all(is_number(side) and abs(side) <= MAX_IMAGE_PIXELS for side in value)
        and min(value[2:]) >= 0
    )


def relative_name(name: str, where: str) -> str:
    """A file name of an annotation file as a clean relative path.

    Backslashes are taken for slashes. A path from another machine (`/home/me/a.jpg`, `C:\\a.jpg`, `..\\a.jpg`) loses
    its root and its steps upwards, and `clipvis_data.paths.located` looks for what remains.

    Args:
        name: The name as it stands in the file.
        where: Name of the record, for messages.

    Raises:
        InputError: The name is empty, or climbs out of the data root.
    """
    is_foreign = _FOREIGN.match(name)
    if is_foreign:
        name = _DRIVE.sub("", name).replace("\\", "/")
    parts = [part for part in PurePosixPath(name).parts if not (is_foreign and part in ("/", "//", ".."))]
    if not parts or ".." in parts or "\0" in name:
        raise InputError(f"{where}: file name {name[:80]!r} does not stay inside the data root")
    return "/".join(parts)


def check_relative(name: str, where: str) -> None:
    """Refuses a file name that is not a clean relative path as it stands, to be written to a file of ours.

    Raises:
        InputError: `relative_name` would change or refuse it.
    """
    if relative_name(name, where) != name:
        raise InputError(f"{where}: name {name[:80]!r} is no relative path with forward slashes")

"""Which categories of an annotation file are base or novel, common or uncommon."""

from __future__ import annotations

from clipvis_core.foundation.errors import InputError
from clipvis_data.vocabularies import load_vocabulary

GROUPS = {
    "lvvis": ("base", "novel"),
    "burst": ("base", "novel", "common", "uncommon"),
    "ytvis2019": ("base", "novel"),
    "ytvis2021": ("base", "novel"),
    "ovis": (),
}
"""Groups that a benchmark reports."""

_REQUIRED = ("lvvis", "burst")


def category_groups(benchmark: str, records: list[dict], source: str) -> dict[str, frozenset[int]]:
    """Category ids of each group of a benchmark.

    What the annotation file says (`partition` of LV-VIS; `frequency` and `split` of BURST) comes
    before the benchmark's own list. YouTube-VIS files with other categories have no groups.

    Args:
        benchmark: Name of the benchmark.
        records: `categories` of the annotation file, each with `id` and `name`.
        source: The annotation file; error messages begin with it.

    Raises:
        InputError: A category of LV-VIS or BURST that neither the file nor the benchmark's list puts into a group.
    """
    names = GROUPS[benchmark]
    known = {category.name: category for category in load_vocabulary(benchmark).categories}
    groups: dict[str, set[int]] = {name: set() for name in names}
    for index, record in enumerate(records):
        category = known.get(record["name"])
        for pair in zip(names[::2], names[1::2], strict=True):
            first = _in_first(pair, record, category)
            if first is not None:
                groups[pair[0] if first else pair[1]].add(record["id"])
            elif benchmark in _REQUIRED:
                raise InputError(
                    f"{source}: categories[{index}] {record['name']!r} is neither {pair[0]} nor "
                    f"{pair[1]} in {benchmark}; is it another data set's file?"
                )
            else:
                return {}
    return {name: frozenset(ids) for name, ids in groups.items()}


def _in_first(pair: tuple[str, str], record: dict, category: object | None) -> bool | None:
    """Whether a category is of the first group of a pair; None where nobody says."""
    if pair == ("common", "uncommon"):
        if record.get("split") in pair:
            return record["split"] == "common"
        return None if category is None else category.common
    if record.get("partition") in (0, 1, 2, 3):
        return record["partition"] < 2
    if record.get("frequency") in ("f", "c", "r"):
        return record["frequency"] != "r"
    return None if category is None or category.split is None else category.split == "base"

"""The training json of the open-vocabulary LVIS protocol."""

from __future__ import annotations

from pathlib import Path

from clipvis_core.foundation.categories import categories_from_records
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.records import Records, read_annotation_file
from clipvis_core.foundation.whole_file import write_json


def drop_rare_annotations(source: str | Path, target: str | Path | None = None) -> tuple[Path, int]:
    """Writes an LVIS json without the annotations of rare categories; images and categories stay.

    `LVISInstanceDataset(drop_frequencies=("r",))` does the same on loading, without a second file.

    Args:
        source: The LVIS json.
        target: The file to write; None adds `_norare` to the name of the source.

    Returns:
        The file written and the number of annotations left out.

    Raises:
        InputError: The source is no LVIS json.
    """
    source = Path(source)
    target = Path(target) if target else source.with_name(f"{source.stem}_norare.json")
    data = read_annotation_file(source)
    categories = Records(source, data, "categories").records
    vocabulary = categories_from_records("lvis", categories, source=str(source))
    if all(category.frequency is None for category in vocabulary.categories):
        raise InputError(f"{source}: categories have no 'frequency', so this is no LVIS json")
    annotations = Records(source, data, "annotations")
    rare = {category.id for category in vocabulary.categories if category.frequency == "r"}
    kept = []
    for i, annotation in enumerate(annotations.records):
        category_id = annotations.get(i, "category_id", int)
        if category_id not in vocabulary.id_to_label:
            raise InputError(f"{annotations.where(i)}: there is no category {category_id}")
        if category_id not in rare:
            kept.append(annotation)
    write_json({**data, "annotations": kept}, target, indent=None)
    return target, len(annotations.records) - len(kept)

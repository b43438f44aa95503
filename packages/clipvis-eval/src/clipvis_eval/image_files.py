"""Ground truths and result lists of COCO and LVIS, checked, in the form that the evaluating library takes.

The library keeps ids as floating-point numbers, and trusts masks, boxes and areas. So ids are numbered anew, in their
own order, and every mask passes the checks of the track evaluators.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pycocotools import mask as mask_api

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.faults import Faults, is_number, is_whole, shown
from clipvis_core.foundation.json_files import iterate_records
from clipvis_core.foundation.masks import as_rle, check_masks
from clipvis_core.foundation.records import Records, is_box, read_annotation_file

IouType = Literal["bbox", "segm"]


@dataclass(frozen=True)
class ImageTruth:
    """An annotation file.

    Attributes:
        source: Where it was read from.
        sizes: (height, width) of each image, by its id.
        image_numbers: New id of each image, 1 and up.
        category_numbers: New id of each category, 1 and up.
        names: Names by category id, in ascending order of id.
        content: `images`, `categories` and `annotations` with the new ids.
    """

    source: str
    sizes: dict[int, tuple[int, int]]
    image_numbers: dict[int, int]
    category_numbers: dict[int, int]
    names: dict[int, str]
    content: dict[str, list[dict]]


def read_truth(path: str | Path, benchmark: str, iou_type: IouType) -> ImageTruth:
    """Reads an annotation file; what pycocotools can do without (`iscrowd`, `bbox`, `area`) is computed.

    Args:
        path: The file.
        benchmark: "coco" or "lvis".
        iou_type: What will be compared.

    Raises:
        InputError: The file is missing, broken, or not of this form; the line names the record.
    """
    data = read_annotation_file(path)
    hint = f"is it a {benchmark.upper()} file?"
    images, categories, annotations = (
        Records(path, data, key, hint=hint) for key in ("images", "categories", "annotations")
    )
    faults = Faults("correct or re-make the annotation file")
    numbers = [
        {key: number for number, key in enumerate(records.positions(faults), 1)} for records in (images, categories)
    ]
    faults.raise_if_any()
    sizes, names = {}, {}
    content: dict[str, list[dict]] = {"images": [], "categories": [], "annotations": []}
    for key, index in images.positions(faults).items():
        with faults:
            sizes[key] = images.size(index)
            record = {"id": numbers[0][key], "height": sizes[key][0], "width": sizes[key][1]}
            if benchmark == "lvis":
                for field in ("neg_category_ids", "not_exhaustive_category_ids"):
                    record[field] = _category_list(images, index, field, numbers[1])
            content["images"].append(record)
    for key, index in categories.positions(faults).items():
        with faults:
            record = categories.records[index]
            names[key] = str(record.get("name", key))
            content["categories"].append({"id": numbers[1][key], "frequency": record.get("frequency")})
            if benchmark == "lvis" and record.get("frequency") not in ("f", "c", "r"):
                raise InputError(f"{categories.where(index)}: field 'frequency' is not f, c or r")
    faults.raise_if_any()
    truth = ImageTruth(str(path), sizes, *numbers, names, content)
    content["annotations"] += _annotations(annotations, truth, iou_type, faults)
    faults.raise_if_any()
    return truth


def _category_list(images: Records, index: int, field: str, known: dict[int, int]) -> list[int]:
    ids = images.get(index, field, list)
    for key in ids:
        if not is_whole(key) or key not in known:
            raise InputError(f"{images.where(index)}: '{field}' holds {shown(key)}, but there is no such category")
    return [known[key] for key in ids]


def _annotations(annotations: Records, truth: ImageTruth, iou_type: IouType, faults: Faults) -> list[dict]:
    annotations.positions(faults)
    made: list[tuple[dict, tuple[int, int]]] = []
    wheres: list[str] = []  # of the masks that are there
    for index, fields in enumerate(annotations.records):
        with faults:
            image = annotations.member(index, "image_id", truth.sizes)
            category = annotations.member(index, "category_id", truth.category_numbers)
            record = {
                "id": fields.get("id") and index + 1,  # 0 stays: pycocotools takes a match with it for none
                "image_id": truth.image_numbers[image],
                "category_id": truth.category_numbers[category],
                "iscrowd": int(annotations.flag(index, "iscrowd")),
                "bbox": annotations.box(index),
                "area": fields.get("area"),
            }
            _check_area(record["area"], truth.sizes[image], annotations.where(index))
            mask = fields.get("segmentation")
            if mask is None and (iou_type == "segm" or record["bbox"] is None):
                annotations.get(index, "segmentation", list)
            made.append((record, truth.sizes[image]))
            if mask is not None:
                record["segmentation"] = mask
                wheres.append(f"{annotations.where(index)}: field 'segmentation'")
    with_mask = [(record, size) for record, size in made if "segmentation" in record]
    masks = check_masks(
        [record["segmentation"] for record, _ in with_mask],
        [size for _, size in with_mask],
        wheres.__getitem__,
        faults,
    )
    faults.raise_if_any()
    for (record, _), mask in zip(with_mask, masks, strict=True):
        record["segmentation"] = mask
    for record, size in made:
        _complete(record, size, iou_type)
    return [record for record, _ in made]


def _check_area(area: object, size: tuple[int, int], where: str) -> None:
    if area is None:
        return
    if not is_number(area):
        raise InputError(f"{where}: field 'area' is {shown(area)}; it must be a number")
    if not 0 <= area <= (size[0] + 2) * (size[1] + 2):  # outlines may leave the image a little
        raise InputError(f"{where}: field 'area' is {shown(area)}, but the image has {size[0] * size[1]} pixels")


def _complete(record: dict, size: tuple[int, int], iou_type: IouType) -> None:
    """Leaves what is compared, and the area, in a ground-truth record with sound fields."""
    box, mask = record.pop("bbox"), record.pop("segmentation", None)
    is_used = mask is not None and (iou_type == "segm" or box is None or record["area"] is None)
    rle = as_rle(mask, *size) if is_used else None
    if iou_type == "segm":
        record["segmentation"] = rle
    else:
        record["bbox"] = mask_api.toBbox(rle).tolist() if box is None else box
    if record["area"] is None:
        record["area"] = box[2] * box[3] if rle is None else float(mask_api.area(rle))


def read_results(chunks: Iterable[list], name: str, truth: ImageTruth, iou_type: IouType) -> list[dict]:
    """Reads results: `image_id`, `category_id` (both new), `score` and what is compared.

    Args:
        chunks: The records, `{"image_id", "category_id", "score", "bbox" or "segmentation"}`, in lists.
        name: Where they come from, for messages.
        truth: What they must agree with.
        iou_type: What will be compared.

    Raises:
        InputError: Bad records; the line names the first and counts the others.
    """
    faults = Faults(f"are the results of the data set of {truth.source}?", name)
    records: list[dict] = []
    first = 0
    for chunk in chunks:
        records += _read_chunk(chunk, first, truth, iou_type, faults)
        first += len(chunk)
    faults.raise_if_any()
    return records


def _read_chunk(chunk: list, first: int, truth: ImageTruth, iou_type: IouType, faults: Faults) -> list[dict]:
    found = []
    for index, record in enumerate(chunk, first):
        try:
            _check_record(record, truth, iou_type)
            found.append((index, record))
        except InputError as error:
            faults.add(f"record {index}", str(error))
    sizes = [truth.sizes[record["image_id"]] for _, record in found]
    if iou_type == "segm":
        shapes = check_masks(
            [record["segmentation"] for _, record in found],
            sizes,
            lambda position: f"{faults.source}: record {found[position][0]}: segmentation",
            faults,
            strict=True,
        )
        shapes = [mask and as_rle(mask, *size) for mask, size in zip(shapes, sizes, strict=True)]
    else:
        shapes = [record["bbox"] for _, record in found]
    form = "segmentation" if iou_type == "segm" else "bbox"
    return [
        {
            "image_id": truth.image_numbers[record["image_id"]],
            "category_id": truth.category_numbers[record["category_id"]],
            "score": float(record["score"]),
            form: shape,
        }
        for (_, record), shape in zip(found, shapes, strict=True)
    ]


def _check_record(record: object, truth: ImageTruth, iou_type: IouType) -> None:
    if not isinstance(record, dict):
        raise InputError(f"is a {type(record).__name__}, not an object")
    for key, known in (("image_id", truth.sizes), ("category_id", truth.names)):
        if not is_whole(record.get(key)) or record[key] not in known:
            raise InputError(f"{key} {shown(record.get(key))} is not in the annotation file")
    if not is_number(record.get("score")):
        raise InputError(f"score is {shown(record.get('score'))}, not a finite number")
    if iou_type == "segm" and record.get("segmentation") is None:
        raise InputError("has no 'segmentation'; choose the other --iou-type")
    if iou_type == "bbox" and not is_box(record.get("bbox")):
        raise InputError(f"bbox is {shown(record.get('bbox'))}, not [x, y, width, height]")


def form_of_results(chunks: Iterable[list]) -> IouType:
    """What results hold by their first record: masks, or else boxes; masks where there is none."""
    first = next((chunk[0] for chunk in chunks if chunk), {"segmentation": []})
    return "segm" if isinstance(first, dict) and first.get("segmentation") is not None else "bbox"


def result_chunks(results: str | Path | list[dict]) -> Iterable[list]:
    """The records of a result list or of a file that holds one, in parts."""
    return [results] if isinstance(results, list) else iterate_records(results)

"""COCO and LVIS, with the record handling of the published loaders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mmdet.datasets.base_det_dataset import BaseDetDataset
from mmdet.registry import DATASETS

from clipvis_core.foundation.errors import InputError

from .annotation_files import (
    Records,
    check_polygons,
    dataset_vocabulary,
    first_existing,
    group_by,
    read_annotation_file,
)
from .paths import relative_name, require_files
from .rle import check_rles
from .seeding import SeededItems

COCO_URL = "http://images.cocodataset.org/"


@DATASETS.register_module()
class CocoInstanceDataset(SeededItems, BaseDetDataset):
    """Images with instance masks from a COCO json.

    Unlike mmdet's `CocoDataset` it keeps small and border-crossing instances, as the published
    loader does. The records have mmdet's form (`img_path`, `img_id`, `height`, `width`,
    `instances`), so mmdet's transforms work on them. Crowds are kept with `ignore_flag` 1. A record's `exhaustive`
    says whether all that is not annotated is background; packed as metainfo, it reaches the losses of the image model.

    Args:
        ann_file: The json, or several names of which the first that exists is taken.
        vocabulary: Name or file of the category list; None takes the json's own `categories`.
        prompt_options: Arguments of `DatasetVocabulary.prompts`, for the `prompts` in `metainfo`.
        filter_cfg: `dict(filter_empty_gt=True)` leaves out images without a non-crowd instance
            (training only).
        exhaustive: Whether every object of these images is annotated. Images with a crowd, whose objects are not
            annotated one by one, never count as such.
        leave_out: Field of the json's image records; images where it is true are left out.
        check_files: Look for every image file before training starts.
        kwargs: See `BaseDetDataset`; `data_prefix=dict(img=...)` is the image folder.

    Raises:
        InputError: A broken json or record, an unknown category, a missing image.
    """

    def __init__(
        self,
        *,
        ann_file: str | Sequence[str],
        vocabulary: str | None = None,
        prompt_options: Mapping | None = None,
        exhaustive: bool = True,
        leave_out: str | None = None,
        check_files: bool = True,
        **kwargs,
    ) -> None:
        self.exhaustive = exhaustive
        self.leave_out = leave_out
        self.vocabulary_name = vocabulary
        self.prompt_options = dict(prompt_options or {})
        self.check_files = check_files
        name = first_existing(kwargs.get("data_root") or "", ann_file)
        super().__init__(ann_file=name, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Reads and checks the json.

        Returns:
            One record an image, in ascending order of id.
        """
        data = read_annotation_file(self.ann_file)
        self.vocabulary = dataset_vocabulary(self.ann_file, data, self.vocabulary_name)
        self._metainfo.update(
            classes=self.vocabulary.names,
            prompts=self.vocabulary.prompts(**self.prompt_options),
            category_ids=self.vocabulary.ids,
            dataset_name=self.vocabulary.name,
            ann_file=str(self.ann_file) if data.get("annotations") else None,
        )
        images = Records(self.ann_file, data, "images")
        annotations = Records(self.ann_file, data, "annotations", optional=self.test_mode)
        order = images.ascending()
        annotations.ascending()
        ids = [images.records[i]["id"] for i in order]
        owned = group_by(annotations, "image_id", ids, "image")
        names = [relative_name(self.file_name(images, i), images.where(i)) for i in order]
        folder = self.data_prefix.get("img", "")
        if self.check_files:
            require_files(folder, names, self.ann_file)
        sizes = {images.records[i]["id"]: images.size(i) for i in order}
        masks = self._checked_rles(annotations, sizes)
        records = []
        for i, img_id, name in zip(order, ids, names, strict=True):
            if self.leave_out is not None and images.records[i].get(self.leave_out):
                continue
            parsed = (self.parse_annotation(annotations, j, masks) for j in owned[img_id])
            instances = [instance for instance in parsed if instance is not None]
            records.append(
                {
                    "img_id": img_id,
                    "img_path": str(Path(folder) / name),
                    "height": sizes[img_id][0],
                    "width": sizes[img_id][1],
                    "exhaustive": self.exhaustive and not any(instance["ignore_flag"] for instance in instances),
                    "instances": instances,
                }
            )
        return records

    def file_name(self, images: Records, index: int) -> str:
        """Path of an image relative to the image folder, as its record has it."""
        return images.get(index, "file_name", str)

    def parse_annotation(self, annotations: Records, index: int, masks: dict[int, dict]) -> dict | None:
        """One instance in mmdet's form.

        Args:
            annotations: All annotations.
            index: Position of this one.
            masks: The checked RLE masks by position.

        Returns:
            `bbox` [x1, y1, x2, y2], `bbox_label`, `ignore_flag` (crowd) and `mask` (polygons or
            RLE); None if the annotation is to be left out.
        """
        annotation = annotations.records[index]
        if annotation.get("ignore"):
            raise InputError(f"{annotations.where(index)}: field 'ignore' is set, which is not supported")
        category_id = annotations.get(index, "category_id", int)
        label = self.vocabulary.id_to_label.get(category_id)
        if label is None:
            raise InputError(f"{annotations.where(index)}: there is no category {category_id}")
        mask = masks.get(index)
        if mask is None:
            mask = self.keep_polygons(annotations, index)
            if not mask:
                return None
        x, y, w, h = self._box(annotations, index)
        return {
            "bbox": [x, y, x + w, y + h],
            "bbox_label": label,
            "ignore_flag": int(bool(annotation.get("iscrowd"))),
            "mask": mask,
        }

    def keep_polygons(self, annotations: Records, index: int) -> list[list[float]]:
        """Usable polygons of an annotation; without one the annotation is left out."""
        polygons = annotations.get(index, "segmentation", list)
        return check_polygons(polygons, annotations.where(index))

    def filter_data(self) -> list[dict]:
        """Leaves out images without a non-crowd instance if `filter_cfg` asks for it."""
        if self.test_mode or not (self.filter_cfg or {}).get("filter_empty_gt", False):
            return self.data_list
        kept = [r for r in self.data_list if any(not i["ignore_flag"] for i in r["instances"])]
        if not kept:
            raise InputError(f"{self.ann_file}: no image has an instance, so there is nothing to train on")
        return kept

    def get_cat_ids(self, idx: int) -> list[int]:
        """Labels of the non-crowd instances of an image."""
        instances = self.get_data_info(idx)["instances"]
        return [i["bbox_label"] for i in instances if not i["ignore_flag"]]

    def _box(self, annotations: Records, index: int) -> list[float]:
        box = annotations.get(index, "bbox", list)
        if len(box) != 4 or not all(isinstance(value, int | float) for value in box):
            raise InputError(f"{annotations.where(index)}: field 'bbox' must be [x, y, width, height]")
        return box

    def _checked_rles(self, annotations: Records, sizes: dict[int, tuple]) -> dict[int, dict]:
        """The RLE masks of a file, checked together, by position of their annotation."""
        positions = [i for i, a in enumerate(annotations.records) if isinstance(a.get("segmentation"), dict)]
        records = [annotations.records[i] for i in positions]
        heights, widths = zip(*(sizes[r["image_id"]] for r in records), strict=True) if records else ((), ())
        masks, faults = check_rles([r["segmentation"] for r in records], heights, widths)
        if faults:
            first = min(faults)
            where = annotations.where(positions[first])
            raise InputError(f"{where}: field 'segmentation' {faults[first]}")
        return dict(zip(positions, masks, strict=True))


@DATASETS.register_module()
class LVISInstanceDataset(CocoInstanceDataset):
    """Images with instance masks from an LVIS json.

    Image paths come from `coco_url` (LVIS images are COCO's). Crowds, which LVIS does not have, are
    left out, and an unusable polygon is an error.

    Args:
        drop_frequencies: Leave out annotations whose category has one of these frequencies;
            `("r",)` on the training set is the open-vocabulary protocol, whose novel categories are
            the rare ones. The categories themselves stay.
        kwargs: See `CocoInstanceDataset`.
    """

    def __init__(self, *, drop_frequencies: Sequence[str] = (), **kwargs) -> None:
        unknown = set(drop_frequencies) - {"f", "c", "r"}
        if unknown:
            raise InputError(f"drop_frequencies has {sorted(unknown)}; frequencies are f, c and r")
        self.drop_frequencies = tuple(drop_frequencies)
        super().__init__(**kwargs)

    def file_name(self, images: Records, index: int) -> str:
        """`file_name` (a COCO 2014 prefix cut off) if there is one, else the path part of
        `coco_url`."""
        return lvis_file_name(images, index)

    def parse_annotation(self, annotations: Records, index: int, masks: dict[int, dict]) -> dict | None:
        """See `CocoInstanceDataset`; None for crowds and for categories of a dropped frequency."""
        instance = super().parse_annotation(annotations, index, masks)
        if instance["ignore_flag"]:
            return None
        frequency = self.vocabulary.categories[instance["bbox_label"]].frequency
        return None if frequency in self.drop_frequencies else instance

    def keep_polygons(self, annotations: Records, index: int) -> list[list[float]]:
        """All polygons of an annotation, none of which may be unusable."""
        polygons = annotations.get(index, "segmentation", list)
        good = check_polygons(polygons, annotations.where(index))
        if not good or len(good) < len(polygons):
            raise InputError(f"{annotations.where(index)}: 'segmentation' has a polygon of under 3 points")
        return good


def lvis_file_name(images: Records, index: int) -> str:
    """Path of an LVIS image below the folder of COCO.

    Raises:
        InputError: The record has neither a `file_name` nor a `coco_url` of COCO's server.
    """
    name = images.records[index].get("file_name")
    if isinstance(name, str):
        return name[-16:] if name.startswith("COCO") else name
    url = images.get(index, "coco_url", str)
    if not url.startswith(COCO_URL):
        raise InputError(f"{images.where(index)}: field 'coco_url' does not begin with {COCO_URL}")
    return url[len(COCO_URL) :]

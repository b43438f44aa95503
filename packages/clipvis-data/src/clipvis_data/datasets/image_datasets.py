"""COCO and LVIS, with the record handling of the published loaders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmdet.datasets.base_det_dataset import BaseDetDataset
from mmdet.registry import DATASETS

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.faults import Faults
from clipvis_core.foundation.masks import check_masks
from clipvis_core.foundation.records import Records, read_annotation_file, relative_name
from clipvis_data.datasets.base import REMEDY, AnnotatedDataset
from clipvis_data.paths import lvis_file_name, require_files


@DATASETS.register_module()
class CocoInstanceDataset(AnnotatedDataset, BaseDetDataset):
    """Images with instance masks from a COCO json.

    Unlike mmdet's `CocoDataset` it keeps small and border-crossing instances, as the published
    loader does. The records have mmdet's form (`img_path`, `img_id`, `height`, `width`,
    `instances`), so mmdet's transforms work on them. Crowds are kept with `ignore_flag` 1. A record's `exhaustive`
    says whether all that is not annotated is background; packed as metainfo, it reaches the losses of the image model.

    Args:
        exhaustive: Whether every object of these images is annotated. Images with a crowd, whose objects are not
            annotated one by one, never count as such.
        leave_out: Field of the json's image records; images where it is true are left out.
        kwargs: See `AnnotatedDataset`; `data_prefix=dict(img=...)` is the image folder, and
            `filter_cfg=dict(filter_empty_gt=True)` leaves out images without a non-crowd instance (training only).

    Raises:
        InputError: A broken json or record, an unknown category, a missing image.
    """

    #: Whether a polygon of under three points is an error, as in LVIS; otherwise it is left out.
    strict_polygons = False

    def __init__(self, *, exhaustive: bool = True, leave_out: str | None = None, **kwargs) -> None:
        self.exhaustive = exhaustive
        self.leave_out = leave_out
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict]:
        """Reads and checks the json.

        Returns:
            One record an image, in ascending order of id.
        """
        data = read_annotation_file(self.ann_file)
        self.take_categories(self.ann_file, data)
        images = Records(self.ann_file, data, "images")
        annotations = Records(self.ann_file, data, "annotations", optional=self.test_mode)
        faults = Faults(REMEDY)
        names, sizes = {}, {}
        for key, index in images.positions(faults).items():
            with faults:
                sizes[key] = images.size(index)
                names[key] = relative_name(self.file_name(images, index), images.where(index))
        faults.raise_if_any()
        folder = self.data_prefix.get("img", "")
        if self.check_files:
            require_files(folder, names.values(), self.ann_file)
        instances = self.read_instances(annotations, sizes)
        left_out = {r["id"] for r in images.records if self.leave_out is not None and r.get(self.leave_out)}
        return [
            {
                "img_id": key,
                "img_path": str(Path(folder) / names[key]),
                "height": height,
                "width": width,
                "exhaustive": self.exhaustive and not any(instance["ignore_flag"] for instance in instances[key]),
                "instances": instances[key],
            }
            for key, (height, width) in sizes.items()
            if key not in left_out
        ]

    def read_instances(self, annotations: Records, sizes: dict[int, tuple[int, int]]) -> dict[int, list[dict]]:
        """Instances of each image, in mmdet's form.

        Args:
            annotations: All annotations.
            sizes: (height, width) of each image.

        Returns:
            By image id, lists of `bbox` [x1, y1, x2, y2], `bbox_label`, `ignore_flag` (crowd) and `mask` (polygons or
            RLE).

        Raises:
            InputError: A bad record or mask.
        """
        faults = Faults(REMEDY)
        annotations.positions(faults)
        found = []
        for index in range(len(annotations)):
            with faults:
                image = annotations.member(index, "image_id", sizes)
                instance = self.parse_annotation(annotations, index)
                if instance is not None:
                    found.append((index, image, instance))
        masks = check_masks(
            [annotations.records[index]["segmentation"] for index, _, _ in found],
            [sizes[image] for _, image, _ in found],
            lambda position: f"{annotations.where(found[position][0])}: field 'segmentation'",
            faults,
            strict=self.strict_polygons,
        )
        faults.raise_if_any()
        instances: dict[int, list[dict]] = {image: [] for image in sizes}
        for (_, image, instance), mask in zip(found, masks, strict=True):
            if mask:
                instances[image].append({**instance, "mask": mask})
        return instances

    def file_name(self, images: Records, index: int) -> str:
        """Path of an image relative to the image folder, as its record has it."""
        return images.get(index, "file_name", str)

    def parse_annotation(self, annotations: Records, index: int) -> dict | None:
        """One instance but for its mask (see `read_instances`); None if it is to be left out."""
        annotation = annotations.records[index]
        where = annotations.where(index)
        if annotation.get("ignore"):
            raise InputError(f"{where}: field 'ignore' is set, which is not supported")
        label = self.vocabulary.id_to_label[annotations.member(index, "category_id", self.vocabulary.id_to_label)]
        x, y, w, h = self._box(annotations, index)
        if not isinstance(annotation.get("segmentation"), dict):
            annotations.get(index, "segmentation", list)
        return {
            "bbox": [x, y, x + w, y + h],
            "bbox_label": label,
            "ignore_flag": int(bool(annotation.get("iscrowd"))),
        }

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

    strict_polygons = True

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

    def parse_annotation(self, annotations: Records, index: int) -> dict | None:
        """See `CocoInstanceDataset`; None for crowds and for categories of a dropped frequency."""
        instance = super().parse_annotation(annotations, index)
        frequency = self.vocabulary.categories[instance["bbox_label"]].frequency
        return None if instance["ignore_flag"] or frequency in self.drop_frequencies else instance

"""COCO and LVIS, with the record handling of the published loaders."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmdet.datasets.base_det_dataset import BaseDetDataset
from mmdet.registry import DATASETS

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.faults import Faults
from clipvis_core.foundation.masks import check_masks, mask_bounds
from clipvis_core.foundation.records import Records, read_annotation_file, relative_name
from clipvis_data.datasets.base import REMEDY, AnnotatedDataset
from clipvis_data.paths import located, lvis_file_name, require_files


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
        leave_out_ids: Ids of further images that are left out.
        **kwargs: See `AnnotatedDataset`; `data_prefix=dict(img=...)` is the image folder, and
            `filter_cfg=dict(filter_empty_gt=True)` leaves out images without a non-crowd instance (training only).

    Raises:
        InputError: A broken json or record, an unknown category, a missing image.
    """

    #: Whether the rules of LVIS hold; see `read_images` and `read_instances`.
    lvis = False

    def __init__(
        self,
        *,
        exhaustive: bool = True,
        leave_out: str | None = None,
        leave_out_ids: Collection[int] = (),
        **kwargs: Any,
    ) -> None:
        self.exhaustive = exhaustive
        self.leave_out = leave_out
        self.leave_out_ids = frozenset(leave_out_ids)
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
        names, sizes = read_images(images, faults, lvis=self.lvis)
        faults.raise_if_any()
        folder = self.data_prefix.get("img", "")
        if self.check_files:
            paths = located(folder, names.values())
            require_files(folder, paths.values(), self.ann_file)
            names = {key: paths[name] for key, name in names.items()}
        instances = read_instances(annotations, sizes, self.vocabulary.id_to_label, faults, lvis=self.lvis)
        faults.raise_if_any()
        instances = {key: [i for i in found if self.is_used(i)] for key, found in instances.items()}
        marked = {r["id"] for r in images.records if self.leave_out is not None and r.get(self.leave_out)}
        left_out = marked | self.leave_out_ids
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

    def is_used(self, instance: dict) -> bool:
        """Whether an instance belongs to the dataset."""
        return True

    def filter_data(self) -> list[dict]:
        """Leaves out images without a non-crowd instance if `filter_cfg` asks for it.

        Raises:
            InputError: There is no image, or no image of a training set has an instance.
        """
        kept = [r for r in self.data_list if self.test_mode or any(not i["ignore_flag"] for i in r["instances"])]
        if not kept:
            raise InputError(f"{self.ann_file}: no image has an instance, so there is nothing to train on or test")
        return kept if (self.filter_cfg or {}).get("filter_empty_gt", False) else self.data_list

    def get_cat_ids(self, idx: int) -> list[int]:
        """Labels of the non-crowd instances of an image."""
        instances = self.get_data_info(idx)["instances"]
        return [i["bbox_label"] for i in instances if not i["ignore_flag"]]


@DATASETS.register_module()
class LVISInstanceDataset(CocoInstanceDataset):
    """Images with instance masks from an LVIS json.

    Image paths come from `coco_url` (LVIS images are COCO's). Crowds, which LVIS does not have, are
    left out, and an unusable polygon is an error.

    Args:
        drop_frequencies: Leave out annotations whose category has one of these frequencies;
            `("r",)` on the training set is the open-vocabulary protocol, whose novel categories are
            the rare ones. The categories themselves stay.
        **kwargs: See `CocoInstanceDataset`.
    """

    lvis = True

    def __init__(self, *, drop_frequencies: Sequence[str] = (), **kwargs: Any) -> None:
        unknown = set(drop_frequencies) - {"f", "c", "r"}
        if unknown:
            raise InputError(f"drop_frequencies has {sorted(unknown)}; frequencies are f, c and r")
        self.drop_frequencies = tuple(drop_frequencies)
        super().__init__(**kwargs)

    def is_used(self, instance: dict) -> bool:
        """False for crowds and for categories of a dropped frequency."""
        frequency = self.vocabulary.categories[instance["bbox_label"]].frequency
        return not instance["ignore_flag"] and frequency not in self.drop_frequencies


def read_images(
    images: Records, faults: Faults, *, lvis: bool = False
) -> tuple[dict[int, str], dict[int, tuple[int, int]]]:
    """Relative paths and (height, width) of images, by ascending id; notes the faults of the others.

    Args:
        images: The list `images`.
        faults: Takes what is wrong.
        lvis: Whether names may come from `coco_url`; see `lvis_file_name`.
    """
    names, sizes = {}, {}
    for key, index in images.positions(faults).items():
        with faults:
            size = images.size(index)
            name = lvis_file_name(images, index) if lvis else images.get(index, "file_name", str)
            names[key], sizes[key] = relative_name(name, images.where(index)), size
    return names, sizes


def read_instances(
    annotations: Records,
    sizes: Mapping[int, tuple[int, int]],
    id_to_label: Mapping[int, int],
    faults: Faults,
    *,
    lvis: bool = False,
    skip: Container[int] = (),
) -> dict[int, list[dict]]:
    """Instances of each image, in mmdet's form; notes the faults of the others.

    Args:
        annotations: All annotations.
        sizes: (height, width) of each image.
        id_to_label: Label of each category id.
        faults: Takes what is wrong.
        lvis: Whether a polygon of under three points beside others is an error; else it is left out.
        skip: Ids of images whose annotations are passed over.

    Returns:
        By image id, lists of `bbox` [x1, y1, x2, y2] (the mask's where the file has none), `bbox_label`, `ignore_flag`
        (crowd) and `mask` (polygons or RLE).
    """
    annotations.positions(faults)
    found = []
    for index, fields in enumerate(annotations.records):
        if type(fields.get("image_id")) is int and fields["image_id"] in skip:
            continue
        with faults:
            image = annotations.member(index, "image_id", sizes)
            found.append((image, _instance(annotations, index, id_to_label), annotations.where(index)))
    masks = check_masks(
        [instance["mask"] for _, instance, _ in found],
        [sizes[image] for image, _, _ in found],
        lambda position: f"{found[position][2]}: field 'segmentation'",
        faults,
        strict=lvis,
    )
    instances: dict[int, list[dict]] = {image: [] for image in sizes}
    for (image, instance, _), mask in zip(found, masks, strict=True):
        if mask:
            box = instance["bbox"] or mask_bounds(mask)
            instances[image].append({**instance, "bbox": box, "mask": mask})
    return instances


def _instance(annotations: Records, index: int, id_to_label: Mapping[int, int]) -> dict:
    """One instance, its mask not yet checked."""
    fields = annotations.records[index]
    if fields.get("ignore"):
        raise InputError(f"{annotations.where(index)}: field 'ignore' is set, which is not supported")
    label = id_to_label[annotations.member(index, "category_id", id_to_label)]
    box = annotations.box(index)
    if not isinstance(fields.get("segmentation"), dict):
        annotations.get(index, "segmentation", list)
    return {
        "bbox": box and [box[0], box[1], box[0] + box[2], box[1] + box[3]],
        "bbox_label": label,
        "ignore_flag": int(annotations.flag(index, "iscrowd")),
        "mask": fields["segmentation"],
    }

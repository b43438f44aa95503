"""The YouTube-VIS family of video datasets, read from the json files as published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mmdet.datasets.base_video_dataset import BaseVideoDataset
from mmdet.registry import DATASETS
from PIL import Image
from pycocotools import mask as mask_api
from tqdm import tqdm

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
from .transforms.loading import turned_size

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")


@DATASETS.register_module()
class VideoInstanceDataset(SeededItems, BaseVideoDataset):
    """Videos with instance tracks: YouTube-VIS 2019/2021, OVIS, LV-VIS, converted BURST, or your
    own.

    Reads the benchmark's own json: `annotations` may be absent or null (test sets), `bboxes` may be
    absent, masks may be polygons or either kind of RLE. The records have the form mmdet's video
    transforms expect (`video_id`, `video_length`, `images` with one entry a frame), and are kept
    pickled in one array that worker processes share.

    Args:
        ann_file: The json, or several names of which the first that exists is taken; "" builds the
            videos from the folders below the image root (in sorted order, with ids from 0), as for
            the LV-VIS test set.
        vocabulary: Name or file of the category list; None takes the json's own `categories`.
        prompt_options: Arguments of `DatasetVocabulary.prompts`, for the `prompts` in `metainfo`.
        require_boxes: Where a json has `bboxes`, leave out a mask whose box is null, as the
            published loaders do (the one of BURST does not).
        check_files: Look for every frame before anything runs.
        cut_at_size_change: Open every frame and end a video before the first one whose size is not
            that of the json. The LV-VIS download has such frames; without this they are errors when
            they are read.
        kwargs: See mmengine's `BaseDataset`; `data_prefix=dict(img_path=...)` is the folder of the
            frames.

    Raises:
        InputError: A broken json or record, an unknown video or category, an RLE that does not fit
            its video, a missing frame.
    """

    def __init__(
        self,
        *,
        ann_file: str | Sequence[str],
        vocabulary: str | None = None,
        prompt_options: Mapping | None = None,
        require_boxes: bool = True,
        check_files: bool = True,
        cut_at_size_change: bool = False,
        **kwargs,
    ) -> None:
        self.vocabulary_name = vocabulary
        self.prompt_options = dict(prompt_options or {})
        self.require_boxes = require_boxes
        self.check_files = check_files
        self.cut_at_size_change = cut_at_size_change
        if ann_file:
            ann_file = first_existing(kwargs.get("data_root") or "", ann_file)
        super().__init__(ann_file=ann_file, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Reads and checks the json, or the folders.

        Returns:
            One record a video, in ascending order of id.
        """
        folder = self.data_prefix.get("img_path", "")
        source = self.ann_file or folder
        data = read_annotation_file(source) if self.ann_file else videos_from_folder(folder)
        self.vocabulary = dataset_vocabulary(source, data, self.vocabulary_name)
        self._metainfo.update(
            classes=self.vocabulary.names,
            prompts=self.vocabulary.prompts(**self.prompt_options),
            category_ids=self.vocabulary.ids,
            dataset_name=self.vocabulary.name,
            ann_file=str(source) if data.get("annotations") else None,
        )
        videos = Records(source, data, "videos")
        names = {videos.records[i]["id"]: frame_names(videos, i) for i in videos.ascending()}
        if self.check_files:
            require_files(folder, (name for frames in names.values() for name in frames), source)
        sizes = {videos.records[i]["id"]: videos.size(i) for i in range(len(videos.records))}
        if self.cut_at_size_change:
            bar = tqdm(names.items(), desc=f"sizes of {source}", unit="video", delay=2)
            names = {key: frames_of_size(folder, own, sizes[key]) for key, own in bar}
        annotations = Records(source, data, "annotations", optional=True)
        tracks = read_tracks(annotations, sizes, names, self.vocabulary.id_to_label, self.require_boxes)
        return [self._record(video_id, names[video_id], sizes[video_id], tracks) for video_id in names]

    def filter_data(self) -> list[dict]:
        """Keeps every video: the published loaders leave none out, with or without annotations."""
        return self.data_list

    def _record(self, video_id: int, names: list[str], size: tuple[int, int], tracks: dict[int, list]) -> dict:
        folder = Path(self.data_prefix.get("img_path", ""))
        frames = tracks.get(video_id) or [[] for _ in names]
        return {
            "video_id": video_id,
            "video_length": len(names),
            "height": size[0],
            "width": size[1],
            "images": [
                {
                    "img_id": index,
                    "frame_id": index,
                    "file_name": name,
                    "img_path": str(folder / name),
                    "height": size[0],
                    "width": size[1],
                    "instances": instances,
                }
                for index, (name, instances) in enumerate(zip(names, frames, strict=True))
            ],
        }


def frame_names(videos: Records, index: int) -> list[str]:
    """Relative paths of a video's frames: the first `length` of `file_names`.

    Raises:
        InputError: The list is missing, empty, shorter than `length`, or a name leaves the data
            root.
    """
    names = videos.get(index, "file_names", list)
    length = videos.records[index].get("length", len(names))
    if type(length) is not int or not 0 < length <= len(names):
        raise InputError(f"{videos.where(index)}: field 'length' is {length!r}, but there are {len(names)} file_names")
    for name in names[:length]:
        if not isinstance(name, str):
            raise InputError(f"{videos.where(index)}: file_names holds {str(name)[:40]!r}, not text")
    return [relative_name(name, videos.where(index)) for name in names[:length]]


def frames_of_size(folder: str | Path, names: list[str], size: tuple[int, int]) -> list[str]:
    """The frames of a video before the first whose size is not (height, width).

    Raises:
        InputError: A file is no image, or even the first frame has another size.
    """
    for index, name in enumerate(names):
        if image_size(Path(folder) / name) != size:
            if index == 0:
                raise InputError(
                    f"{Path(folder) / name}, the first frame of its video, is not {size[0]} x "
                    f"{size[1]} (height x width) as the annotation file says"
                )
            return names[:index]
    return names


def image_size(path: Path) -> tuple[int, int]:
    """(height, width) of an image file, from its header.

    Raises:
        InputError: The file is no image.
    """
    try:
        with Image.open(path) as image:
            return turned_size(image)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"image {path} cannot be read (damaged?): {error}") from None


def read_tracks(
    annotations: Records,
    sizes: dict[int, tuple[int, int]],
    names: dict[int, list[str]],
    id_to_label: dict[int, int],
    require_boxes: bool,
) -> dict[int, list[list[dict]]]:
    """Instances of every frame, in mmdet's form.

    Args:
        annotations: One record a track.
        sizes: (height, width) of each video.
        names: Frames of each video.
        id_to_label: Label of each category id.
        require_boxes: See `VideoInstanceDataset`.

    Returns:
        For each video a list over frames of lists of `bbox` [x1, y1, x2, y2], `bbox_label`,
        `ignore_flag` (crowd), `instance_id` (the track's id) and `mask` (RLE or polygons).
    """
    annotations.ascending()
    owned = group_by(annotations, "video_id", names, "video")
    frames: dict[int, list[list[dict]]] = {}
    for video_id, positions in owned.items():
        frames[video_id] = [[] for _ in names[video_id]]
        for i in positions:
            label = id_to_label.get(annotations.get(i, "category_id", int))
            if label is None:
                category = annotations.records[i]["category_id"]
                raise InputError(f"{annotations.where(i)}: there is no category {category}")
            track = {
                "bbox_label": label,
                "ignore_flag": int(bool(annotations.records[i].get("iscrowd"))),
                "instance_id": annotations.records[i]["id"],
            }
            masks = track_masks(annotations, i, sizes[video_id], len(names[video_id]), require_boxes)
            for frame, mask in masks.items():
                frames[video_id][frame].append({**track, "bbox": mask_box(mask), "mask": mask})
    return frames


def track_masks(
    annotations: Records, index: int, size: tuple[int, int], length: int, require_boxes: bool
) -> dict[int, dict | list]:
    """The masks of one track by frame, checked; frames without one are left out.

    Raises:
        InputError: Too few entries, or a mask that is malformed or does not fit the video.
    """
    segmentations = annotations.get(index, "segmentations", list)
    boxes = annotations.records[index].get("bboxes")
    for field, values in (("segmentations", segmentations), ("bboxes", boxes)):
        if values is not None and (not isinstance(values, list) or len(values) < length):
            raise InputError(
                f"{annotations.where(index)}: field '{field}' must be a list of {length} entries, one a frame"
            )
    has_box = [True] * length if boxes is None or not require_boxes else [bool(box) for box in boxes]
    present = [t for t in range(length) if segmentations[t] and has_box[t]]
    masks: dict[int, dict | list] = {}
    rles = [segmentations[t] for t in present if not isinstance(segmentations[t], list)]
    checked, faults = check_rles(rles, *size)
    queue = iter(enumerate(checked))
    for t in present:
        where = f"{annotations.where(index)}: segmentations[{t}]"
        if isinstance(segmentations[t], list):
            polygons = check_polygons(segmentations[t], where)
            if polygons:
                masks[t] = polygons
            continue
        position, mask = next(queue)
        if position in faults:
            raise InputError(f"{where} {faults[position]}")
        masks[t] = mask
    return masks


def mask_box(mask: dict | list) -> list[float]:
    """Bounds [x1, y1, x2, y2] of an RLE or of polygons."""
    if isinstance(mask, list):
        xs = [x for polygon in mask for x in polygon[0::2]]
        ys = [y for polygon in mask for y in polygon[1::2]]
        return [min(xs), min(ys), max(xs), max(ys)]
    x, y, w, h = mask_api.toBbox(mask).tolist()
    return [x, y, x + w, y + h]


def videos_from_folder(folder: str | Path) -> dict:
    """An annotation object without annotations from folders of frames.

    Args:
        folder: Folder with one folder of images for each video.

    Returns:
        `videos` in sorted order of their folders, with ids from 0, frames in sorted order, and the
        size of the first frame.

    Raises:
        InputError: The folder is missing or has no videos.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError(f"folder of videos {root} does not exist; check data_root and data_prefix")
    videos = []
    for path in sorted(p for p in root.iterdir() if p.is_dir()):
        frames = sorted(f.name for f in path.iterdir() if f.suffix.lower() in IMAGE_SUFFIXES)
        if not frames:
            continue
        height, width = image_size(path / frames[0])
        videos.append(
            {
                "id": len(videos),
                "height": height,
                "width": width,
                "length": len(frames),
                "file_names": [f"{path.name}/{name}" for name in frames],
            }
        )
    if not videos:
        raise InputError(f"{root} has no folder with images; expected <video>/<frame>.jpg")
    return {"videos": videos}

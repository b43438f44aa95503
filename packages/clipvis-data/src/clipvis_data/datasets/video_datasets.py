"""The YouTube-VIS family of video datasets, read from the json files as published."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmdet.datasets.base_video_dataset import BaseVideoDataset
from mmdet.registry import DATASETS
from tqdm import tqdm

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.faults import Faults
from clipvis_core.foundation.masks import mask_bounds
from clipvis_core.foundation.records import Records, read_annotation_file
from clipvis_core.foundation.youtube_vis import Video, read_tracks, read_videos
from clipvis_data.datasets.base import REMEDY, AnnotatedDataset
from clipvis_data.paths import image_size, located, require_files, videos_from_folder


@DATASETS.register_module()
class VideoInstanceDataset(AnnotatedDataset, BaseVideoDataset):
    """Videos with instance tracks: YouTube-VIS 2019/2021, OVIS, LV-VIS, converted BURST, or your
    own.

    Reads the benchmark's own json: `annotations` may be absent or null (test sets), `bboxes` may be absent, masks may
    be polygons or either kind of RLE. The records have the form mmdet's video transforms expect (`video_id`,
    `video_length`, `images` with one entry a frame), and are kept pickled in one array that worker processes share.

    `ann_file=""` builds the videos from the folders below the image root (in sorted order, with ids from 0), as for the
    LV-VIS test set.

    Args:
        require_boxes: Where a track has some `bboxes`, leave out a mask whose box is null, as the
            published loaders do (the one of BURST does not).
        cut_at_size_change: Open every frame and end a video before the first one whose size is not that of the json.
            The LV-VIS download has such frames; without this they are errors when they are read.
        **kwargs: See `AnnotatedDataset`; `data_prefix=dict(img_path=...)` is the folder of the frames.

    Raises:
        InputError: A broken json or record, an unknown video or category, an RLE that does not fit
            its video, a missing frame.
    """

    def __init__(self, *, require_boxes: bool = True, cut_at_size_change: bool = False, **kwargs: Any) -> None:
        self.require_boxes = require_boxes
        self.cut_at_size_change = cut_at_size_change
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict]:
        """Reads and checks the json, or the folders.

        Returns:
            One record a video, in ascending order of id.
        """
        folder = self.data_prefix.get("img_path", "")
        source = self.ann_file or folder
        data = read_annotation_file(source) if self.ann_file else videos_from_folder(folder)
        self.take_categories(source, data)
        faults = Faults(REMEDY)
        videos = read_videos(Records(source, data, "videos"), faults, names=True)
        faults.raise_if_any()
        if self.check_files:
            paths = located(folder, (name for video in videos.values() for name in video.file_names))
            require_files(folder, paths.values(), source)
            videos = {
                key: replace(video, file_names=tuple(paths[name] for name in video.file_names))
                for key, video in videos.items()
            }
        if self.cut_at_size_change:
            bar = tqdm(videos.items(), desc=f"sizes of {source}", unit="video", delay=2)
            videos = {key: cut_at_size_change(folder, video) for key, video in bar}
        annotations = Records(source, data, "annotations", optional=True)
        frames = read_frames(annotations, videos, self.vocabulary.id_to_label, self.require_boxes, faults)
        faults.raise_if_any()
        return [self._record(video, frames[key]) for key, video in videos.items()]

    def filter_data(self) -> list[dict]:
        """Keeps every video: the published loaders leave none out, with or without annotations.

        Raises:
            InputError: There is no video, or a training set has no object.
        """
        frames = (frame for record in self.data_list for frame in record["images"])
        if not self.data_list or not (self.test_mode or any(frame["instances"] for frame in frames)):
            what = "object" if self.data_list else "video"
            raise InputError(
                f"{self.ann_file or self.data_root}: has no {what}, so there is nothing to train on or test"
            )
        return self.data_list

    def _record(self, video: Video, frames: list[list[dict]]) -> dict:
        folder = Path(self.data_prefix.get("img_path", ""))
        size = {"height": video.height, "width": video.width}
        return {
            "video_id": video.id,
            "video_length": video.length,
            **size,
            "images": [
                {
                    "img_id": index,
                    "frame_id": index,
                    "file_name": name,
                    "img_path": str(folder / name),
                    **size,
                    "instances": instances,
                }
                for index, (name, instances) in enumerate(zip(video.file_names, frames, strict=True))
            ],
        }


def cut_at_size_change(folder: str | Path, video: Video) -> Video:
    """A video up to the first frame that has another size.

    Raises:
        InputError: A file is no image, or even the first frame has another size.
    """
    for index, name in enumerate(video.file_names):
        if image_size(Path(folder) / name) != (video.height, video.width):
            if index == 0:
                raise InputError(
                    f"{Path(folder) / name}, the first frame of its video, is not {video.height} x "
                    f"{video.width} (height x width) as the annotation file says"
                )
            return replace(video, length=index, file_names=video.file_names[:index])
    return video


def read_frames(
    annotations: Records,
    videos: dict[int, Video],
    id_to_label: Mapping[int, int],
    require_boxes: bool,
    faults: Faults,
    *,
    skip: Container[int] = (),
) -> dict[int, list[list[dict]]]:
    """Instances of every frame, in mmdet's form; notes the faults of the others.

    Args:
        annotations: One record a track.
        videos: Videos by id.
        id_to_label: Label of each category id.
        require_boxes: See `VideoInstanceDataset`.
        faults: Takes what is wrong.
        skip: Ids of videos whose tracks are passed over.

    Returns:
        For each video a list over frames of lists of `bbox` [x1, y1, x2, y2], `bbox_label`,
        `ignore_flag` (crowd), `instance_id` (the track's id) and `mask` (RLE or polygons).
    """
    frames: dict[int, list[list[dict]]] = {key: [[] for _ in range(video.length)] for key, video in videos.items()}
    lists = ("segmentations", "bboxes")
    for track in read_tracks(annotations, videos, id_to_label, faults, lists=lists, exact=False, skip=skip):
        video = track.video
        boxes = track.fields.get("bboxes") if require_boxes else None
        present = [t for t in range(video.length) if track.segmentations[t] not in (None, [])]
        if boxes is not None and any(boxes):  # where all are null they are measured
            present = [t for t in present if boxes[t]]
        masks = track.checked_masks(present, faults)
        fields = {
            "bbox_label": id_to_label[track.category_id],
            "ignore_flag": int(track.iscrowd),
            "instance_id": track.id,
        }
        for t, mask in zip(present, masks, strict=True):
            if mask:
                frames[video.id][t].append({**fields, "bbox": mask_bounds(mask), "mask": mask})
    return frames

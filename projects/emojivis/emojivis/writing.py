"""EmojiVIS on disk: frames, a json in the YouTube-VIS form, and one of images in the COCO form."""

from __future__ import annotations

import os
import shutil
from functools import partial
from multiprocessing import Pool
from pathlib import Path

from PIL import Image
from pycocotools import mask as mask_api
from tqdm import tqdm

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.whole_file import write_json

from .vocabulary import emoji_vocabulary
from .world import EmojiWorld

JPEG_QUALITY = 95


def write_emojivis(
    root: str | Path, world: EmojiWorld, split: str, videos: int, *, processes: int | None = None
) -> dict[str, int]:
    """Paints the first clips of a world into `root/split/JPEGImages` and writes `root/split.json`.

    `root/split_images.json` has the first frame of each clip as an image, for image models. The frames appear
    under their name when all are there, the jsons after them.

    Args:
        root: Folder of the dataset; made if need be.
        world: The clips.
        split: Name of the folder and the json.
        videos: Number of clips.
        processes: Processes that paint; None takes one a core.

    Returns:
        Number of videos, frames and annotations written.

    Raises:
        InputError: The folder is there already, or cannot be written to; no videos are asked for.
    """
    if videos < 1:
        raise InputError(f"cannot write {videos} videos; ask for at least one")
    folder = Path(root) / split
    if folder.exists():
        raise InputError(f"{folder} is there already; remove it first, or name another folder")
    partial_folder = folder.with_name(f".{split}.{os.getpid()}.part")
    try:
        (partial_folder / "JPEGImages").mkdir(parents=True)
        paint = partial(_write_clip, world, partial_folder / "JPEGImages")
        with Pool(processes) as pool:
            clips = list(tqdm(pool.imap(paint, range(videos)), total=videos, desc=split, unit="clip"))
        os.replace(partial_folder, folder)
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error}") from None
    finally:
        shutil.rmtree(partial_folder, ignore_errors=True)
    data = _annotation_object(clips, world.options.size)
    write_json(_first_frames(data), folder.with_name(f"{split}_images.json"), indent=None)
    write_json(data, folder.with_suffix(".json"), indent=None)
    return {"videos": videos, "frames": videos * world.options.length, "annotations": len(data["annotations"])}


def _write_clip(world: EmojiWorld, folder: Path, index: int) -> tuple[list[str], list[dict]]:
    """Writes a clip's frames; returns their names and its tracks, without ids."""
    clip = world.clip(index)
    (folder / f"{index:05d}").mkdir()
    names = [f"{index:05d}/{t:05d}.jpg" for t in range(len(clip.frames))]
    for name, frame in zip(names, clip.frames, strict=True):
        Image.fromarray(frame).save(folder / name, quality=JPEG_QUALITY)
    masks = [clip.masks(t) for t in range(len(names))]
    ids = emoji_vocabulary().ids
    tracks = []
    for track, label in enumerate(clip.labels):
        own = [frame.get(track) for frame in masks]
        if any(own):
            tracks.append({"category_id": ids[label], "iscrowd": 0, **_track_masks(own)})
    return names, tracks


def _track_masks(masks: list[dict | None]) -> dict[str, list]:
    return {
        "segmentations": [m and {"size": m["size"], "counts": m["counts"].decode()} for m in masks],
        "bboxes": [m and mask_api.toBbox(m).tolist() for m in masks],
        "areas": [m and int(mask_api.area(m)) for m in masks],
    }


def _annotation_object(clips: list[tuple[list[str], list[dict]]], size: tuple[int, int]) -> dict[str, list]:
    """The YouTube-VIS object; `partition` marks base (0) and novel (2) categories as in LV-VIS."""
    shape = {"height": size[0], "width": size[1]}
    videos = [{"id": v, **shape, "length": len(names), "file_names": names} for v, (names, _) in enumerate(clips, 1)]
    owned = [(v, track) for v, (_, tracks) in enumerate(clips, 1) for track in tracks]
    annotations = [
        {"id": a, "video_id": v, **shape, "length": len(track["areas"]), **track}
        for a, (v, track) in enumerate(owned, 1)
    ]
    categories = [
        {"id": c.id, "name": c.name, "partition": 0 if c.split == "base" else 2} for c in emoji_vocabulary().categories
    ]
    return {"videos": videos, "annotations": annotations, "categories": categories}


def _first_frames(data: dict[str, list]) -> dict[str, list]:
    """The COCO object of the videos' first frames; an image has the id of its video."""
    images = [
        {key: video[key] for key in ("id", "height", "width")} | {"file_name": video["file_names"][0]}
        for video in data["videos"]
    ]
    annotations = [
        {
            "id": track["id"],
            "image_id": track["video_id"],
            "category_id": track["category_id"],
            "iscrowd": 0,
            "segmentation": track["segmentations"][0],
            "bbox": track["bboxes"][0],
            "area": track["areas"][0],
        }
        for track in data["annotations"]
        if track["segmentations"][0]
    ]
    return {"images": images, "annotations": annotations, "categories": data["categories"]}

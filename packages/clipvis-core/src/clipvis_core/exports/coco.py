"""COCO instances, with videos and track ids."""

from __future__ import annotations

from pathlib import Path

from pycocotools import mask as mask_api

from clipvis_core.exports.frame_files import frame_name, write_frames
from clipvis_core.exports.kind import Kind, Options
from clipvis_core.exports.selection import Selection, Track
from clipvis_core.foundation.categories import joined_words
from clipvis_core.foundation.masks import record_of
from clipvis_core.foundation.whole_file import write_json

FILE, FRAMES = "annotations.json", "images"


def write(selection: Selection, folder: Path, options: Options) -> None:
    """Writes `annotations.json` and `images/CLIP/00000.jpg`.

    The form is that of https://cocodataset.org/#format-data (object detection): `images`, `annotations` with a
    compressed RLE in `segmentation`, `categories`. `videos`, `video_id`, `frame_id` and `instance_id`, the track's id,
    are those of COCO-VID files, which `mmdet.datasets.BaseVideoDataset` reads. `track_number` is the track's place in
    `results.json`.
    """
    content: dict[str, list] = {"videos": [], "images": [], "annotations": [], "categories": categories(selection)}
    for video_id, clip in enumerate(selection.clips, start=1):
        size = {"height": clip.height, "width": clip.width}
        content["videos"].append({"id": video_id, "name": clip.name, **size})
        for frame in range(clip.num_frames):
            image = {"id": len(content["images"]) + 1, "file_name": f"{clip.name}/{frame_name(frame)}", **size}
            content["images"].append({**image, "video_id": video_id, "frame_id": frame, **clip.origin(frame)})
            for track, mask in clip.visible(frame):
                place = {"id": len(content["annotations"]) + 1, "image_id": image["id"], "video_id": video_id}
                content["annotations"].append({**place, **annotation(track, mask)})
        if options.frames:
            write_frames(clip, folder / FRAMES / clip.name, progress=options.progress)
    write_json(content, folder / FILE, indent=None)


def annotation(track: Track, mask: dict) -> dict:
    """A track in one frame, without its ids."""
    return {
        "category_id": track.category + 1,
        "instance_id": track.id,
        "track_id": track.id,
        "track_number": track.number,
        "score": track.score,
        "iscrowd": 0,
        "segmentation": record_of(mask),
        "area": int(mask_api.area(mask)),
        "bbox": mask_api.toBbox(mask).tolist(),
    }


def categories(selection: Selection) -> list[dict]:
    """All categories with ids from 1; `prompt_name` and `synonyms` are what our own data sets read besides."""
    return [
        {"id": place, "name": words[0], "prompt_name": joined_words(words), "synonyms": list(words)}
        for place, words in enumerate(selection.categories, start=1)
    ]


COCO = Kind("coco", "COCO instances with track ids, and the frames", write, joins=True)

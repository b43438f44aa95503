"""YouTube-VIS: a data set that one's own videos are trained on."""

from __future__ import annotations

from pathlib import Path

from pycocotools import mask as mask_api

from clipvis_core.exports.coco import categories
from clipvis_core.exports.frame_files import frame_name, write_frames
from clipvis_core.exports.kind import Kind, Options
from clipvis_core.exports.selection import Clip, Selection, Track
from clipvis_core.foundation.masks import record_of
from clipvis_core.foundation.whole_file import write_json

FILE, FRAMES = "train.json", "frames"


def write(selection: Selection, folder: Path, options: Options) -> None:
    """Writes `train.json` and `frames/CLIP/00000.jpg`.

    The form is that of https://youtube-vos.org/dataset/vis/: `videos` with `file_names`, `annotations` with one mask,
    box and area a frame (null where it is not seen), `categories`. The names are those that
    `configs/_base_/datasets/own_videos.py` expects.
    """
    content: dict[str, list] = {"videos": [], "annotations": [], "categories": categories(selection)}
    for video_id, clip in enumerate(selection.clips, start=1):
        content["videos"].append(_video(video_id, clip))
        content["annotations"] += [{"video_id": video_id, **_track(track, clip)} for track in clip.tracks]
        if options.frames:
            write_frames(clip, folder / FRAMES / clip.name, progress=options.progress)
    write_json(content, folder / FILE, indent=None)


def _video(video_id: int, clip: Clip) -> dict:
    names = [f"{clip.name}/{frame_name(frame)}" for frame in range(clip.num_frames)]
    size = {"height": clip.height, "width": clip.width}
    return {"id": video_id, "name": clip.name, **size, "length": clip.num_frames, "file_names": names}


def _track(track: Track, clip: Clip) -> dict:
    return {
        "id": track.id,
        "category_id": track.category + 1,
        "track_number": track.number,
        "score": track.score,
        "iscrowd": 0,
        "height": clip.height,
        "width": clip.width,
        "length": clip.num_frames,
        "segmentations": [None if mask is None else record_of(mask) for mask in track.masks],
        "bboxes": [None if mask is None else mask_api.toBbox(mask).tolist() for mask in track.masks],
        "areas": [None if mask is None else int(mask_api.area(mask)) for mask in track.masks],
    }


YTVIS = Kind("ytvis", "a YouTube-VIS data set to train on: json and frames", write, joins=True)

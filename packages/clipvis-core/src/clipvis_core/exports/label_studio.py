"""Label Studio: tasks with pre-annotations."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import quoteattr

from pycocotools import mask as mask_api

from clipvis_core.exports.brush_rle import brush_rle
from clipvis_core.exports.frame_files import frame_name, write_frames
from clipvis_core.exports.kind import Kind, Options
from clipvis_core.exports.selection import Clip, Selection, Track
from clipvis_core.foundation.whole_file import write_json, write_whole
from clipvis_core.media import track_color

MASKS, TRACKS, IMAGES = "images.json", "video.json", "images"
LOCAL = "/data/local-files/?d="
_MODEL = "clipvis"


def write(selection: Selection, folder: Path, options: Options) -> None:
    """Writes two projects in the form of https://labelstud.io/guide/predictions: json tasks, labelling in xml.

    `images.json` has a task a frame with exact brush masks (`brushlabels`), `video.json` one task with the tracks'
    boxes (`videorectangle`: Label Studio has no masks in videos). A result's id is that of its track. Pictures and
    video are named for Label Studio's local files: its document root is the folder that holds `images` and the video.
    """
    (clip,) = selection.clips
    write_json([_image_task(clip, frame) for frame in range(clip.num_frames)], folder / MASKS, indent=None)
    write_json([_video_task(clip)], folder / TRACKS, indent=None)
    labels = _labels(selection.names)
    image = f'<Image name="image" value="$image"/><BrushLabels name="label" toName="image">{labels}</BrushLabels>'
    video = '<Video name="video" value="$video" frameRate="$fps"/><VideoRectangle name="box" toName="video"/>'
    video += f'<Labels name="label" toName="video">{labels}</Labels>'
    for name, view in ((MASKS, image), (TRACKS, video)):
        write_whole(f"<View>{view}</View>\n".encode(), (folder / name).with_suffix(".xml"))
    if options.frames:
        write_frames(clip, folder / IMAGES, progress=options.progress)


def _labels(names: list[str]) -> str:
    colors = (track_color(number) for number in range(1, len(names) + 1))
    return "".join(
        f'<Label value={quoteattr(name)} background="#{red:02x}{green:02x}{blue:02x}"/>'
        for name, (red, green, blue) in zip(names, colors, strict=True)
    )


def _image_task(clip: Clip, frame: int) -> dict:
    data = {"image": f"{LOCAL}{IMAGES}/{frame_name(frame)}", **clip.origin(frame)}
    results = [_brush(clip, track, mask) for track, mask in clip.visible(frame)]
    return {"data": data, "predictions": [{"model_version": _MODEL, "result": results}]}


def _brush(clip: Clip, track: Track, mask: dict) -> dict:
    return {
        "id": f"track-{track.number}",
        "type": "brushlabels",
        "from_name": "label",
        "to_name": "image",
        "original_width": clip.width,
        "original_height": clip.height,
        "image_rotation": 0,
        "score": track.score,
        "value": {"format": "rle", "rle": brush_rle(mask_api.decode(mask) > 0), "brushlabels": [track.label]},
    }


def _video_task(clip: Clip) -> dict:
    rate, name = clip.answer.result.frame_rate, clip.answer.video.name if clip.answer.video else clip.name
    results = [_rectangles(clip, track) for track in clip.tracks]
    data = {"video": f"{LOCAL}{name}", "fps": float(rate)}
    return {"data": data, "predictions": [{"model_version": _MODEL, "result": results}]}


def _rectangles(clip: Clip, track: Track) -> dict:
    """A track's boxes in per cent of the frame; frames count from 1, and `enabled` says that the object stays."""
    sequence = []
    for frame in track.frames:
        x, y, width, height = mask_api.toBbox(track.masks[frame])
        across, down = 100 / clip.width, 100 / clip.height
        box = {"x": x * across, "y": y * down, "width": width * across, "height": height * down, "rotation": 0}
        stays = frame + 1 < clip.num_frames and track.masks[frame + 1] is not None
        sequence.append({"frame": clip.number(frame) + 1, "time": clip.time(frame), "enabled": stays, **box})
    last = clip.num_frames - 1
    duration = clip.time(last) + float(1 / clip.answer.result.frame_rate)
    return {
        "id": f"track-{track.number}",
        "type": "videorectangle",
        "from_name": "box",
        "to_name": "video",
        "score": track.score,
        "value": {
            "framesCount": clip.number(last) + 1,
            "duration": duration,
            "sequence": sequence,
            "labels": [track.label],
        },
    }


LABEL_STUDIO = Kind("labelstudio", "Label Studio tasks: brush masks of images, boxes of a video", write)

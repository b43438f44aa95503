"""Cut-outs, crops, animations, overlay frames and supervision's detections."""

from __future__ import annotations

import csv

import av
import numpy as np
import pytest
from answered_clips import FRAMES, HEIGHT, WIDTH, answered, iou, moving_masks
from PIL import Image, ImageSequence

from clipvis_core.exports import Options, detections, export
from clipvis_core.media import open_frames


@pytest.fixture(scope="module")
def masks():
    return moving_masks()


def test_rgba_pictures_have_the_mask_as_alpha(tmp_path, masks):
    path = export(answered(tmp_path), "rgba")
    assert sorted(folder.name for folder in path.iterdir() if folder.is_dir()) == [
        "001-dog", "002-car", "003-lamp_tall_thin"
    ]  # fmt: skip
    frames = list(open_frames(tmp_path / "videos/park"))
    for track, folder in enumerate(sorted(path.glob("00*"))):
        for frame in range(FRAMES):
            picture = np.asarray(Image.open(folder / f"{frame:05}.png"))
            assert iou(picture[:, :, 3] == 255, masks[track, frame]) == 1.0 or not masks[track, frame].any()
            assert not picture[picture[:, :, 3] < 255].any()
            assert (picture[masks[track, frame]][:, :3] == frames[frame][masks[track, frame]]).all()


@pytest.mark.parametrize(
    ("kind", "suffix", "decoder", "bits"), [("rgba-mov", ".mov", None, 10), ("rgba-webm", ".webm", "libvpx-vp9", 8)]
)
def test_videos_keep_alpha(tmp_path, masks, kind, suffix, decoder, bits):
    path = export(answered(tmp_path), kind)
    files = sorted(path.glob(f"*{suffix}"))
    assert len(files) == 3
    for track, file in enumerate(files):
        with av.open(str(file)) as container:
            stream = container.streams.video[0]
            codec = stream.codec_context
            if decoder:  # FFmpeg's own VP9 decoder leaves alpha out
                assert stream.metadata["ALPHA_MODE"] == "1"
                codec = av.CodecContext.create(decoder, "r")
            frames = [frame for packet in container.demux(stream) for frame in codec.decode(packet)]
        assert len(frames) == FRAMES
        times = [float(frame.pts * stream.time_base) for frame in frames]
        assert times == pytest.approx([t / 10 for t in range(FRAMES)])
        for t, frame in enumerate(frames):
            alpha = frame.reformat(format="rgba").to_ndarray()[:, :, 3]
            assert not masks[track, t].any() or iou(alpha > 127, masks[track, t]) > (0.99 if bits == 10 else 0.9)


def test_crops_are_the_best_boxes_of_each_track(tmp_path, masks):
    path = export(answered(tmp_path), "crops", options=Options(crops=2))
    with (path / "index.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [len([row for row in rows if row["track"] == str(number)]) for number in (1, 2, 3)] == [2, 2, 2]
    frames = list(open_frames(tmp_path / "videos/park"))
    for row in rows:
        x, y, width, height = (int(row[key]) for key in ("x", "y", "width", "height"))
        picture = np.asarray(Image.open(path / row["file"]))
        assert (picture == frames[int(row["frame"])][y : y + height, x : x + width]).all()
    car = [int(row["frame"]) for row in rows if row["track"] == "2"]
    assert car == [1, 5]  # its second part grows


def test_gif_is_short_small_and_timed(tmp_path):
    path = export(answered(tmp_path), "gif")
    with Image.open(path) as picture:
        assert picture.size == (WIDTH, HEIGHT)
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(picture)]
        assert picture.info["loop"] == 0
    assert durations == [100] * FRAMES
    assert export(answered(tmp_path / "other"), "gif", path) == path, "one of ours is replaced"


def test_a_long_video_becomes_few_pictures(tmp_path):
    from clipvis_core.exports.animation import MOST_PICTURES, shown_frames
    from clipvis_core.exports.selection import select

    masks = np.zeros((1, 1000, 4, 4), dtype=bool)
    masks[:, :, 1] = True
    (clip,) = select([answered(tmp_path, masks=masks, scores=(0.9,))]).clips
    shown = shown_frames(clip)
    assert 200 < len(shown) <= MOST_PICTURES
    assert shown[0] == 0


def test_frames_are_those_of_the_overlay(tmp_path):
    answer = answered(tmp_path)
    path = export(answer, "frames")
    drawn = answer.drawn()
    for t, frame in enumerate(open_frames(tmp_path / "videos/park")):
        assert (np.asarray(Image.open(path / f"{t:05}.png")) == drawn.draw(frame, t)).all()


def test_supervision_detections(tmp_path, masks):
    supervision = pytest.importorskip("supervision")
    found = list(detections(answered(tmp_path)))
    assert len(found) == FRAMES
    for frame, one in enumerate(found):
        assert isinstance(one, supervision.Detections)
        assert list(one.tracker_id) == [track + 1 for track in range(3) if masks[track, frame].any()]
        for number, mask in zip(one.tracker_id, one.mask, strict=True):
            assert iou(mask, masks[number - 1, frame]) == 1.0
        assert one[one.class_id == 0].data["class_name"].tolist() == ["dog"]
        assert supervision.mask_to_xyxy(one.mask)[:, :2].tolist() == one.xyxy[:, :2].tolist()

"""The Python API on the sources it takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image
from pycocotools import mask as coco_mask

from clipvis_core import InputError, Vocabulary
from clipvis_core.foundation.calibration import Calibration
from clipvis_core.inference import CLIPVISInferencer, draw_records, resized_size, write_overlay
from clipvis_core.inference.preprocessing import to_input
from clipvis_core.media import open_frames
from clipvis_core.tracking import LiveRule

WORDS = ["dog, puppy", "grass"]


def short_config(repo_root, mode):
    config = Config.fromfile(repo_root / f"configs/{mode}/clipvis_r50_lvis.py")
    config.model.head.query_decoder.num_layers = 3
    config.model.head.query_decoder.num_queries = 10
    return config


@pytest.fixture(scope="module")
def inferencer(repo_root):
    return CLIPVISInferencer(
        short_config(repo_root, "video"),
        vocabulary=WORDS,
        device="cpu",
        short_side=64,
        topk=7,
        num_memory=3,
        num_match=2,
    )


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [np.kron(rng.integers(0, 255, (6, 9, 3)), np.ones((8, 8, 1))).astype(np.uint8) for _ in range(12)]


def test_arrays_folder_and_generator_agree(inferencer, frames, tmp_path):
    for index, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / f"frame_{index}.png")
    results = [inferencer(source, progress=False) for source in (frames, tmp_path, (frame for frame in frames))]
    for result in results:
        assert (result.num_frames, result.height, result.width) == (12, 48, 72)
        assert result.records() == results[0].records()
    records = results[0].records(video_id=5)
    assert len(records) == 7
    assert all(record["video_id"] == 5 and record["category_id"] in (1, 2) for record in records)
    assert all(len(record["segmentations"]) == 12 for record in records)


def test_one_frame_and_one_pixel(inferencer):
    for shape in ((40, 50, 3), (1, 1, 3), (1, 90, 3)):
        result = inferencer([np.full(shape, 128, np.uint8)], progress=False)
        assert result.num_frames == 1
        sizes = {tuple(s["size"]) for record in result.records() for s in record["segmentations"] if s}
        assert sizes <= {shape[:2]}


def test_a_stream_ends_with_the_result_of_the_whole(inferencer, frames):
    stream = inferencer.stream(frames)
    found = list(stream)
    assert [tracks.frame for _, tracks in found] == list(range(12))
    np.testing.assert_array_equal([image for image, _ in found], frames)
    assert stream.result().records() == inferencer(frames, progress=False).records()
    image, tracks = found[-1]
    names = stream.vocabulary.names
    last = tracks.records(names)
    assert tracks.records(names, score_thr=last[1]["score"]) == last[:2]
    for record in last:
        assert record["label"] == ("dog", "grass")[record["category_id"] - 1]
        if record["segmentation"] is not None:
            assert record["segmentation"]["size"] == [48, 72]
    drawn = draw_records(image, last)
    assert drawn.shape == (48, 72, 3)
    assert (drawn != image).any()
    assert (draw_records(image, []) == frames[-1]).all()


def test_a_stream_may_be_left_early(inferencer, frames):
    """The result is that of the frames so far."""
    stream = inferencer.stream(iter(frames))
    for _, tracks in stream:
        if tracks.frame == 4:
            break
    stream.close()
    assert stream.result().records() == inferencer(frames[:5], progress=False).records()


def test_leaving_in_a_window_of_many(inferencer, frames, monkeypatch):
    """The result holds no frame that was not seen."""
    monkeypatch.setattr(inferencer.model, "window", 10)
    stream = inferencer.stream(frames)
    for _, tracks in stream:
        if tracks.frame == 2:
            break
    stream.close()
    assert stream.result().num_frames == 3


def test_cuda_graphs_are_asked_for(inferencer, frames):
    assert inferencer.model.cuda_graphs is None
    small = CLIPVISInferencer("photo-mini", vocabulary=WORDS, contrast="none", device="cpu", cuda_graphs=True)
    small(frames[:1], progress=False)
    assert "need a GPU" in small.model.cuda_graphs.reasons[0]


def test_still_frames_are_segmented_once(inferencer, frames, monkeypatch):
    twice = [frame for frame in frames[:3] for _ in range(2)]
    full = inferencer(twice, progress=False)
    compute, seen = inferencer.model.outputs, []
    monkeypatch.setattr(inferencer.model, "outputs", lambda images: seen.append(0) or compute(images))
    monkeypatch.setattr(inferencer.model, "reuse_within", 0)
    result = inferencer(twice, progress=False)
    assert len(seen) == 3
    assert result.records() == full.records()
    assert result.ask(["cat"]).records() == full.ask(["cat"]).records()
    stream = inferencer.stream(twice, live=LiveRule(start_score=0, patience=2), keep=False)
    assert [tracks.frame for _, tracks in stream] == list(range(6))


def test_frames_of_a_live_source_do_not_wait_for_each_other(inferencer, frames, monkeypatch):
    monkeypatch.setattr(inferencer.model, "window", 10)
    seen = []
    outputs = inferencer.model.outputs
    monkeypatch.setattr(inferencer.model, "outputs", lambda images: seen.append(len(images)) or outputs(images))
    source = open_frames(frames[:3])
    for live, windows in ((False, [3]), (True, [1, 1, 1])):
        source.live = live
        seen.clear()
        inferencer(source, progress=False)
        assert seen == windows


def test_an_endless_stream_keeps_nothing(inferencer, frames):
    stream = inferencer.stream(frames, live=LiveRule(start_score=0, patience=2), keep=False)
    assert all(len(tracks.ids) for _, tracks in stream)
    with pytest.raises(ValueError, match="nothing was kept"):
        stream.result()


def test_a_source_that_breaks(inferencer, frames):
    """Frames before the break are there; the break is an error in its place."""

    def broken():
        yield from frames[:3]
        raise InputError("the cable was pulled")

    stream = inferencer.stream(broken())
    seen = []
    with pytest.raises(InputError, match="the cable was pulled"):
        seen.extend(tracks.frame for _, tracks in stream)
    with pytest.raises(InputError, match="the cable was pulled"):
        inferencer(broken(), progress=False)
    assert seen in ([], [0, 1, 2])


def test_summary_shows_each_query_once(inferencer, frames):
    result = inferencer(frames, progress=False)
    drawn = result.drawn(score_thr=0.0)
    queries = result.tracks.queries[drawn.indices].tolist()
    assert len(queries) == len(set(queries))
    for line, index in zip(drawn.summary(), drawn.indices, strict=True):
        shown = [t for t, segment in enumerate(result.tracks.segmentations[index]) if segment]
        assert (line.track, line.first, line.last) == (index + 1, shown[0], shown[-1])
        assert line.label == ("dog", "grass")[int(result.tracks.labels[index])]
    assert result.drawn(score_thr=1.1).summary() == []
    assert drawn.first(1).indices == drawn.indices[:1]


def test_an_object_with_two_tracks_is_shown_once(inferencer, frames):
    result = inferencer(frames, progress=False)
    first, *others = result.drawn(score_thr=0.0, all_tracks=True).indices
    assert others
    masks = [result.tracks.segmentations[first]] * len(result.tracks.segmentations)
    twice = replace(result, tracks=replace(result.tracks, segmentations=masks))
    everywhere = [segment or masks[0][0] for segment in masks[0]]
    twice = replace(twice, tracks=replace(twice.tracks, segmentations=[everywhere] * len(masks)))
    assert twice.drawn(score_thr=0.0).indices == [first]
    assert len(twice.records()) == len(result.records())


def test_masks_are_the_records(inferencer, frames):
    result = inferencer(frames, progress=False)
    masks = result.masks(3, [0, 2])
    assert masks.shape == (2, 48, 72)
    for slot, index in enumerate((0, 2)):
        segment = result.tracks.segmentations[index][3]
        assert masks[slot].sum() == (coco_mask.area(segment) if segment else 0)


def test_overlay_has_every_frame(inferencer, frames, tmp_path):
    source = open_frames(frames)
    result = inferencer(source, progress=False)
    write_overlay(result.drawn(score_thr=0.0), source, tmp_path / "overlay.mp4", progress=False)
    written = open_frames(tmp_path / "overlay.mp4")
    assert len(list(written)) == 12
    assert (written.height, written.width, written.frame_rate) == (48, 72, result.frame_rate)


def test_vocabulary_can_change(inferencer, frames):
    inferencer.set_vocabulary(Vocabulary.from_text("sky"))
    result = inferencer(frames[:2], progress=False)
    inferencer.set_vocabulary(WORDS)
    assert result.vocabulary.names == ("sky",)
    assert {record["category_id"] for record in result.records()} == {1}


def test_bfloat16_is_near(repo_root, inferencer, frames):
    half = CLIPVISInferencer(
        short_config(repo_root, "video"), vocabulary=WORDS, device="cpu", short_side=64, topk=7, dtype="bfloat16"
    )
    result = half(frames[:2], progress=False)
    exact = inferencer(frames[:2], progress=False)
    assert result.tracks.scores.isfinite().all()
    assert abs(float(result.tracks.scores.max() - exact.tracks.scores.max())) < 0.1


def test_frames_at_once(repo_root):
    config = repo_root / "configs/quick/clips.py"
    assert CLIPVISInferencer(config, vocabulary=WORDS, device="cpu").model.window == 1
    assert CLIPVISInferencer(config, vocabulary=WORDS, device="cpu", window=3).model.window == 3
    assert CLIPVISInferencer(config, vocabulary=WORDS, device="cpu", reuse_within=8).model.reuse_within == 8


def test_image_model(repo_root, frames):
    inferencer = CLIPVISInferencer(short_config(repo_root, "image"), vocabulary=WORDS, device="cpu", short_side=64)
    result = inferencer(frames[:1], progress=False)
    assert len(result.records()) == 20
    assert all(len(record["segmentations"]) == 1 for record in result.records())
    with pytest.raises(InputError, match="image model"):
        inferencer.stream(frames)
    with pytest.raises(InputError, match="several frames"):
        inferencer(frames, progress=False)
    with pytest.raises(InputError, match="video models"):
        CLIPVISInferencer(short_config(repo_root, "image"), vocabulary=WORDS, num_memory=3)
    with pytest.raises(InputError, match="video models"):
        CLIPVISInferencer(short_config(repo_root, "image"), vocabulary=WORDS, window=3)
    with pytest.raises(InputError, match="video models"):
        CLIPVISInferencer(short_config(repo_root, "image"), vocabulary=WORDS, reuse_within=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vocabulary": []}, "vocabulary is empty"),
        ({"vocabulary": WORDS, "device": "cuda:77"}, "device 'cuda:77'"),
        ({"vocabulary": WORDS, "device": "nonsense"}, "device 'nonsense'"),
        ({"vocabulary": WORDS, "dtype": "int8"}, "dtype 'int8'"),
        ({"vocabulary": WORDS, "reuse_within": -1}, "reuse_within -1: grey levels go from 0 to 255"),
        ({"vocabulary": WORDS, "reuse_within": float("nan")}, "reuse_within nan: grey levels"),
        ({"vocabulary": WORDS, "reuse_within": 8, "window": 2}, "leave out window 2"),
        ({"vocabulary": WORDS, "reuse_within": 8, "device": "meta"}, "for the CPU, not for meta"),
        ({"vocabulary": WORDS, "topk": 0}, "topk must be at least 1"),
        ({"vocabulary": WORDS, "short_side": -3}, "short_side must be at least 1"),
        ({"vocabulary": WORDS, "checkpoint": "none.pth"}, "cannot read the checkpoint"),
        ({"vocabulary": WORDS, "config": "none.py"}, "config none.py not found"),
    ],
)
def test_mistakes_are_named(repo_root, options, message):
    config = options.pop("config", short_config(repo_root, "video"))
    with pytest.raises(InputError, match=message):
        CLIPVISInferencer(config, **options)


def test_configs_of_other_models_are_refused(tmp_path):
    path = tmp_path / "config.py"
    path.write_text("model = dict(type='MaskRCNN')\n")
    with pytest.raises(InputError, match="CLIPVISVideo"):
        CLIPVISInferencer(path, vocabulary=WORDS)
    path.write_text("model = 0.5\n")
    with pytest.raises(InputError, match="CLIPVISVideo"):
        CLIPVISInferencer(path, vocabulary=WORDS)
    path.write_text("model = dict(type='CLIPVISVideo')\n")
    with pytest.raises(InputError, match="has no inference"):
        CLIPVISInferencer(path, vocabulary=WORDS)
    path.write_text("model = dict(\n")
    with pytest.raises(InputError, match="cannot be read"):
        CLIPVISInferencer(path, vocabulary=WORDS)


def test_resized_size_bounds():
    assert resized_size(480, 640, 480, 1333) == (480, 640)
    assert resized_size(1000, 300, 480, 1333) == (1333, 400)
    assert resized_size(5000, 1, 480, 1333) == (1333, 1)


def test_input_is_antialiased_by_pillow_rows_first():
    frame = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    rows = Image.fromarray(frame).resize((30, 40), Image.Resampling.BILINEAR)
    expected = np.array(rows.resize((30, 20), Image.Resampling.BILINEAR))
    assert torch.equal(to_input([frame], (20, 30))[0], torch.from_numpy(expected).permute(2, 0, 1))
    assert torch.equal(to_input([frame], (40, 60))[0], torch.from_numpy(frame).permute(2, 0, 1))


@pytest.fixture
def contrasted(inferencer):
    """The same model with two contrast words, one of which falls under an asked one."""
    inferencer.contrast = Vocabulary.from_text("poodle; sky; wall")
    inferencer.set_vocabulary(WORDS)
    yield inferencer
    inferencer.contrast = None
    inferencer.set_vocabulary(WORDS)


def test_contrast_words_add_a_score_and_change_nothing_that_is_published(inferencer, frames, contrasted):
    inferencer.contrast = None
    inferencer.set_vocabulary(WORDS)
    published = inferencer(frames, progress=False)
    assert published.tracks.calibrated is None
    contrasted.contrast = Vocabulary.from_text("poodle; sky; wall")
    contrasted.set_vocabulary(WORDS)
    left = contrasted.model.contrast_embedding().vocabulary.names  # random weights may take the sky for a dog
    assert "wall" in left
    assert "poodle" not in left
    result = contrasted(frames, progress=False)
    records = result.records()
    scores = [record.pop("calibrated_score") for record in records]
    assert records == published.records()
    assert scores == result.tracks.calibrated.tolist()
    drawn = result.drawn(0.0, all_tracks=True)
    assert drawn.scores == sorted(drawn.scores, reverse=True)
    assert all(score > 0 for score in drawn.scores)


def test_a_stream_ends_with_the_same_judgement(contrasted, frames):
    stream = contrasted.stream(frames)
    *_, (_, tracks) = stream
    result = stream.result()
    known = dict(zip(zip(tracks.queries.tolist(), tracks.labels.tolist(), strict=True), tracks.calibrated, strict=True))
    pairs = zip(result.tracks.queries.tolist(), result.tracks.labels.tolist(), strict=True)
    ends = zip(pairs, result.tracks.calibrated.tolist(), strict=True)
    compared = [(known[pair], score) for pair, score in ends if pair in known]
    assert compared
    assert all(first == pytest.approx(second, abs=1e-6) for first, second in compared)
    live = contrasted.stream(frames, live=LiveRule(start_score=0, patience=2), keep=False)
    for _, found in live:
        records = found.records(live.vocabulary.names, score_thr=0.2)
        assert all(record["calibrated_score"] >= 0.2 for record in records)


def test_the_threshold_is_that_of_the_calibration(contrasted, frames, monkeypatch):
    assert contrasted.score_thr == 0.3
    fitted = Calibration(0.0, 0.0, 0.0, 0.0, offset=0.0, lead=50.0, threshold=0.45)
    monkeypatch.setattr(contrasted.model, "calibration", fitted)
    assert contrasted.score_thr == 0.45
    result = contrasted(frames, progress=False)
    assert result.tracks.calibrated.tolist() == [0.5] * len(result.tracks.scores)
    contrasted.contrast = None
    contrasted.set_vocabulary(WORDS)
    assert contrasted.score_thr == 0.3


def test_what_cannot_be_named_is_no_answer(contrasted, frames, monkeypatch):
    """Its logits are all 0, so that no contrast word leads."""
    backbone = contrasted.model.backbone
    plain = backbone.region_embeddings
    monkeypatch.setattr(backbone, "region_embeddings", lambda *given: torch.zeros_like(plain(*given)))
    result = contrasted(frames[:2], progress=False)
    assert not result.tracks.calibrated.any()
    assert result.drawn(0.0).indices == []

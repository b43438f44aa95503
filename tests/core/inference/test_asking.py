"""Asking a video for other words gives what a run with these words gives."""

from __future__ import annotations

import dataclasses
import weakref
from fractions import Fraction
from io import BytesIO

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.config import Config
from pycocotools import mask as coco_mask

from clipvis_core import InputError, Vocabulary
from clipvis_core.checkpoints import read_checkpoint, write_weights
from clipvis_core.inference import Asker, CLIPVISInferencer, SegmentationResult, ask
from clipvis_core.inference import judging as judging_module
from clipvis_core.inference.asking import FEATURES
from clipvis_core.inference.finding import find_moments, frame_scores
from clipvis_core.inference.judging import Words, judge, judge_best
from clipvis_core.inference.kept_encoder import KeptEncoder
from clipvis_core.inference.replay import replay
from clipvis_core.model_zoo import find_weights
from clipvis_core.text import VocabularyEmbedding
from clipvis_core.text.contrast import AUTO, NONE
from clipvis_core.tracking.feature_facts import FeatureFacts
from clipvis_core.tracking.feature_file import FeatureFile, FeatureWriter
from clipvis_core.tracking.frame_features import FrameFeatures
from clipvis_core.tracking.mask_archive import FRAMES_IN_WAITING

FIRST = ["grass, lawn"]
WORDS = ("dog", "puppy", "red car", "person", "street", "sky", "a tall tree", "cat", "rocket")
CONTRAST = Vocabulary.from_text("house; water, sea; cat; bicycle")
TIE = 1e-5  # scores nearer than this may change places by float noise


def r50_config(repo_root) -> Config:
    """R50 with random weights and a narrow decoder."""
    config = Config.fromfile(repo_root / "configs/video/clipvis_r50_lvis.py")
    config.model.head.query_decoder.num_layers = 2
    config.model.head.query_decoder.num_queries = 12
    return config


@pytest.fixture(scope="module")
def inferencers(repo_root, tmp_path_factory):
    """Models by name, each with contrast words."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLIPVIS_CACHE", str(tmp_path_factory.mktemp("cache")))
        nano = repo_root / "weights/clipvis_nano.safetensors"
        options = dict(vocabulary=FIRST, device="cpu", short_side=64)
        yield {
            "r50": CLIPVISInferencer(r50_config(repo_root), contrast=CONTRAST, topk=15, **options),
            "nano": CLIPVISInferencer(None, nano, contrast=CONTRAST, topk=20, **options),
            "photo-mini": CLIPVISInferencer("photo-mini", **options),
        }


def clip(seed: int, num_frames: int) -> list[np.ndarray]:
    """Coloured blocks that move."""
    rng = np.random.default_rng(seed)
    picture = np.kron(rng.integers(0, 255, (9, 12, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    return [np.roll(picture, 3 * t, axis=1) for t in range(num_frames)]


def run(inferencer: CLIPVISInferencer, frames, words, *, keep: bool = False) -> SegmentationResult:
    inferencer.set_vocabulary(words)
    return inferencer(frames, progress=False, keep_features=keep)


def pairs_of(result: SegmentationResult) -> dict:
    """Score, calibrated score and masks by (query, category)."""
    tracks = result.tracks
    calibrated = tracks.scores * 0 - 1 if tracks.calibrated is None else tracks.calibrated
    keys = zip(tracks.queries.tolist(), tracks.labels.tolist(), strict=True)
    values = zip(tracks.scores.tolist(), calibrated.tolist(), map(list, tracks.segmentations), strict=True)
    return dict(zip(keys, values, strict=True))


def assert_same(asked: SegmentationResult, expected: SegmentationResult) -> None:
    """But for pairs at the end of the list that are as good as each other."""
    found, wanted = pairs_of(asked), pairs_of(expected)
    assert len(found) == len(wanted)
    for pair in found.keys() ^ wanted.keys():
        others = wanted if pair in found else found
        assert min(abs((found.get(pair) or wanted[pair])[0] - score) for score, _, _ in others.values()) < TIE
    for pair in found.keys() & wanted.keys():
        assert found[pair][:2] == pytest.approx(wanted[pair][:2], abs=1e-3)
        assert found[pair][2] == wanted[pair][2]
    for field in ("name", "height", "width", "frame_rate", "num_frames", "vocabulary"):
        assert getattr(asked, field) == getattr(expected, field)
    assert list(asked.times) == pytest.approx(list(expected.times), abs=1e-6)


@pytest.mark.parametrize("name", ["r50", "nano", "photo-mini"])
@settings(max_examples=6, deadline=None, derandomize=True)
@given(
    words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=len(WORDS), unique=True),
    synonyms=st.booleans(),
    seed=st.integers(0, 2**16),
    num_frames=st.integers(1, 4),
)
def test_asking_is_running(inferencers, name, words, synonyms, seed, num_frames):
    inferencer = inferencers[name]
    frames = clip(seed, num_frames)
    vocabulary = Vocabulary.from_categories([words[:2], *words[2:]] if synonyms else words)
    first = run(inferencer, frames, FIRST, keep=True)
    contrast = AUTO if name == "photo-mini" else CONTRAST
    assert_same(first.ask(vocabulary, contrast=contrast), run(inferencer, frames, vocabulary))
    assert_same(first.ask(FIRST, contrast=contrast), first)


def test_longer_than_masks_wait(inferencers):
    frames = clip(0, FRAMES_IN_WAITING + 2)
    inferencer = inferencers["photo-mini"]
    first = run(inferencer, frames, FIRST, keep=True)
    assert_same(first.ask(WORDS), run(inferencer, frames, WORDS))


@pytest.fixture
def features(inferencers, tmp_path):
    """A folder with the features of three frames, by the name of a model."""

    def keep(name: str):
        inferencer = inferencers[name]
        inferencer.set_vocabulary(FIRST)
        with (tmp_path / FEATURES).open("wb") as file:
            stream = inferencer.stream(clip(1, 3), keep_features=file)
            result = stream.result()
        assert result.asker is None  # the file cannot be read while it is written
        return tmp_path

    return keep


@pytest.mark.parametrize("name", ["r50", "nano", "photo-mini"])
def test_a_folder_needs_no_model(inferencers, features, name, tmp_path):
    """But for the text side of the encoder, and that only for words that no cache knows."""
    folder = features(name)
    contrast = AUTO if name == "photo-mini" else CONTRAST
    cache = tmp_path / "cache"
    expected = run(inferencers[name], clip(1, 3), WORDS[:4])
    asker = Asker.open(folder, cache_dir=cache)
    assert_same(asker.ask(WORDS[:4], contrast=contrast), expected)
    assert any(cache.glob("text-*.pt")) == (name != "r50")  # random weights are not worth a cache
    if name != "r50":
        again = Asker.open(folder, cache_dir=cache, checkpoint="not_there.pth")
        assert_same(again.ask(WORDS[:4], contrast=contrast), expected)


@pytest.mark.parametrize("contrast", [AUTO, NONE])
def test_an_image(tmp_path, monkeypatch, contrast):
    """Has scores of its own; from memory and from a file."""
    monkeypatch.setenv("CLIPVIS_CACHE", str(tmp_path / "cache"))
    options = dict(vocabulary=FIRST, device="cpu", short_side=64, contrast=contrast)
    inferencer = CLIPVISInferencer("photo_mini/photo_mini_image", find_weights("photo-mini"), **options)
    image = clip(7, 1)
    first = run(inferencer, image, FIRST, keep=True)
    with (tmp_path / FEATURES).open("wb") as file:
        assert inferencer(image, progress=False, keep_features=file).asker is None
    assert_same(first, run(inferencer, image, FIRST))
    for words in (WORDS, WORDS[:2]):
        expected = run(inferencer, image, words)
        assert_same(first.ask(words, contrast=contrast), expected)
        assert_same(ask(tmp_path, words, contrast=contrast), expected)


def test_without_contrast(inferencers, features):
    inferencer = inferencers["nano"]
    folder = features("nano")
    asked = ask(folder, WORDS[:3], contrast=NONE, topk=5)
    assert asked.tracks.calibrated is None
    assert len(asked.tracks.scores) == 5
    expected = run(inferencer, clip(1, 3), WORDS[:3])
    assert asked.tracks.scores.tolist() == pytest.approx(expected.tracks.scores[:5].tolist(), abs=1e-3)


def test_an_answer_can_be_asked_again(inferencers):
    first = run(inferencers["photo-mini"], clip(2, 2), FIRST, keep=True)
    asked = first.ask(["dog"])
    assert_same(asked.ask(FIRST), first)
    with pytest.raises(InputError, match="keep_features=True"):
        run(inferencers["photo-mini"], clip(2, 1), FIRST).ask(["dog"])


def test_other_weights_are_one_line(inferencers, features, repo_root, tmp_path):
    folder = features("nano")
    other = tmp_path / "other.safetensors"
    content = read_checkpoint(repo_root / "weights/clipvis_nano.safetensors")
    content["state_dict"]["backbone.clip.text_projection"] *= 1.5
    write_weights(content["state_dict"], other, meta=content["meta"])
    for weights, message in (
        (other, "has another text encoder than these features"),
        (repo_root / "weights/photo_mini.safetensors", "does not fit the model"),
        ("gone.pth", "cannot read the checkpoint"),
    ):
        with pytest.raises(InputError, match=message) as error:
            Asker.open(folder, checkpoint=weights, cache_dir=False).ask(["dog"], contrast=NONE)
        assert "\n" not in str(error.value)


def test_weights_that_moved_are_found_by_their_config(features):
    """Where the model is one of the zoo: the file that the features name is gone."""
    folder = features("photo-mini")
    path = folder / FEATURES
    facts = FeatureFile.open(path).facts
    words = KeptEncoder(facts).encode_text(["dog"])
    moved = dataclasses.replace(facts, checkpoint="/gone/photo_mini.safetensors")
    assert torch.equal(KeptEncoder(moved).encode_text(["dog"]), words)
    for config, message in (("/home/somebody/config.py", "not of this package"), ("video/clipvis_r50_own", "are gone")):
        with pytest.raises(InputError, match=message):
            KeptEncoder(dataclasses.replace(moved, config=config)).encode_text(["dog"])


def test_words_that_cannot_be_encoded(features):
    folder = features("photo-mini")
    with pytest.raises(InputError, match="write it in English"):
        ask(folder, ["狗"])


def test_a_broken_end_is_the_answer_of_the_frames_before(inferencers, features):
    folder = features("photo-mini")
    whole = (folder / FEATURES).read_bytes()
    (folder / FEATURES).write_bytes(whole[: int(len(whole) * 0.8)])
    asker = Asker.open(folder)
    assert not asker.features.ended
    expected = run(inferencers["photo-mini"], clip(1, len(asker.features)), WORDS)
    assert len(asker.features) == 2
    assert_same(asker.ask(WORDS), expected)


def test_what_a_killed_run_left_can_be_asked(features):
    folder = features("photo-mini")
    expected = ask(folder, ["dog"])
    (folder / FEATURES).rename(folder / f".{FEATURES}.x1y2.part")
    assert_same(ask(folder, ["dog"]), expected)
    (folder / f".{FEATURES}.x1y2.part").unlink()
    with pytest.raises(InputError, match=r"has no features\.bin to ask"):
        ask(folder, ["dog"])


def test_damaged_masks_are_one_line(features, monkeypatch):
    folder = features("photo-mini")
    monkeypatch.setattr(FeatureFile, "codes", lambda self, t: dict.fromkeys(range(50), b"~~~"))
    with pytest.raises(InputError, match="features are damaged: a mask of frame 0"):
        ask(folder, ["dog"])


def test_memory_does_not_grow_with_the_video(inferencers, monkeypatch):
    """While a video is asked, few frames are unpacked at a time: those judged together, and as many ahead."""
    monkeypatch.setattr(judging_module, "_PAIRS_TOGETHER", 1)  # of one frame, then
    first = run(inferencers["photo-mini"], clip(3, 12), FIRST, keep=True)
    alive: list[weakref.ref] = []
    frame = FeatureFile.frame

    def watched(self, t, *tracks, **options):
        assert sum(ref() is not None for ref in alive) <= 3  # in the loop, in the queue, and before it
        found = frame(self, t, *tracks, **options)
        alive.append(weakref.ref(found.regions))
        return found

    monkeypatch.setattr(FeatureFile, "frame", watched)
    first.ask(WORDS)
    assert len(alive) >= 12


def test_tracks_that_cannot_be_among_the_best_are_left_out():
    """And only these: the answer is that of all tracks. Some frames are hidden."""
    features, words = made_up_features(), made_up_words()
    for topk in (5, 40, 10_000):
        some = judge_best(features, words, topk).tracks
        assert (len(some) < features.facts.num_queries) == (topk < 100)
        found = replay(features, words, topk)
        every = judge(features, words, np.arange(features.facts.num_queries)).scores.top(topk)
        keys = zip(every.queries.tolist(), every.labels.tolist(), strict=True)
        assert list(zip(found.queries.tolist(), found.labels.tolist(), strict=True)) == list(keys)
        assert found.scores.tolist() == pytest.approx(every.scores.tolist(), abs=1e-6)
        hidden = [[mask is None for mask in masks] for masks in found.segmentations]
        assert hidden == every.hidden.tolist()
    assert every.hidden.any()
    assert not every.hidden.all()


def made_up_features(queries: int = 60, num_frames: int = 7) -> FeatureFile:
    """Some tracks are objects and most are none; each has a mask in each frame."""
    rng = np.random.default_rng(0)
    facts = FeatureFacts("clip", 4, 4, Fraction(25), topk=10, weighted=True, logit_scale=20.0, encoder="ab12")
    file = BytesIO()
    writer = FeatureWriter(file, facts)
    objectness = np.where(np.arange(queries) % 4 == 0, 4.0, -8.0)
    code = coco_mask.encode(np.ones((4, 4), np.uint8, order="F"))["counts"]
    for _ in range(num_frames):
        logits = np.stack([objectness + 6 * rng.standard_normal(queries), np.zeros(queries)], axis=1)
        values = rng.standard_normal((queries, 16)), rng.random(queries), logits, rng.random(queries) + 3
        values = (value.astype(np.float32) for value in (*values, np.full(queries, 5)))
        writer.append(FrameFeatures(*values, np.arange(queries, dtype=np.int16)), dict.fromkeys(range(queries), code))
    writer.finish([t / 25 for t in range(num_frames)])
    return FeatureFile(file)


def made_up_words() -> Words:
    rows = torch.randn((30, 16), generator=torch.Generator().manual_seed(0))
    vocabulary = Vocabulary.from_categories(f"word {index}" for index in range(30))
    rows = torch.nn.functional.normalize(rows, dim=-1)
    return Words(20.0, VocabularyEmbedding(vocabulary, rows, torch.arange(30)), None)


def test_moments(inferencers):
    words = ["red car", "sky"]
    first = run(inferencers["photo-mini"], clip(5, 5), FIRST, keep=True)
    moments = find_moments(first.asker, words, contrast=NONE, most=3)
    assert 0 < len(moments) <= 3
    assert [moment.score for moment in moments] == sorted((moment.score for moment in moments), reverse=True)
    answer = first.ask(words, contrast=NONE)
    drawn = answer.drawn(0.0).first(3)
    scores = frame_scores(first.asker, drawn, first.asker.words(words, NONE))
    for moment, number, label, row in zip(moments, drawn.numbers, drawn.labels, scores, strict=True):
        assert (moment.track, moment.label) == (number, label)
        seen = [mask is not None for mask in answer.tracks.segmentations[number - 1]]
        assert seen[moment.frame]
        assert row[moment.frame] == pytest.approx(max(score for score, there in zip(row, seen, strict=True) if there))
        assert moment.first <= moment.time <= moment.last
    assert find_moments(first.asker, words, contrast=NONE, score_thr=1.0) == []


def test_a_region_that_cannot_be_named():
    """It is each category alike, and none beside contrast words; also after it was kept."""
    rows = torch.eye(4)
    asked = VocabularyEmbedding(Vocabulary.from_text("a; b"), rows[:2], torch.tensor([0, 1]))
    contrast = VocabularyEmbedding(Vocabulary.from_text("c"), rows[2:3], torch.tensor([0]))
    probs, beside = Words(10.0, asked, contrast).judge(np.zeros((1, 4), np.float32))
    assert probs.tolist() == [[0.5, 0.5]]
    assert beside.softmax(dim=-1).tolist() == [[0.0, 0.0, 1.0]]


def test_a_file_that_is_no_features(tmp_path):
    with pytest.raises(InputError, match="no file of features"):
        FeatureFile(BytesIO(b"nothing"))
    with pytest.raises(InputError, match="has no features"):
        ask(tmp_path, ["dog"])

"""Encoding words once, and keeping them."""

from __future__ import annotations

import pytest
import torch

from clipvis_core import InputError, Vocabulary
from clipvis_core.text import TEMPLATES, TextClassifier
from clipvis_core.text import classifier as classifier_module
from clipvis_core.text.cache import RowCache, text_fingerprint
from clipvis_core.text.encoder import TextTower


@pytest.fixture
def encoded(monkeypatch):
    """Words that were really sent through the text tower."""
    counts = []
    original = classifier_module.word_rows

    def recording(tower, tokens, num_words):
        counts.append(num_words)
        return original(tower, tokens, num_words)

    monkeypatch.setattr(classifier_module, "word_rows", recording)
    return counts


def test_cut_context_equals_full_context(video_model):
    clip = video_model.backbone.clip
    tokens = TextClassifier(video_model.backbone, cache_dir=False).tokens("traffic light")
    with torch.no_grad():
        full = clip.encode_text(tokens)
    torch.testing.assert_close(TextTower(clip).encode(tokens).float(), full, atol=2e-5, rtol=1e-4)


def test_rows_do_not_depend_on_the_batch(video_model):
    words = ["dog", "a rather long name of a thing", "é"]
    together = (
        TextClassifier(video_model.backbone, cache_dir=False)
        .embed(Vocabulary.from_categories(words))
        .rows
    )
    for word, row in zip(words, together, strict=True):
        alone = (
            TextClassifier(video_model.backbone, cache_dir=False)
            .embed(Vocabulary.from_categories([word]))
            .rows[0]
        )
        torch.testing.assert_close(alone, row, atol=1e-7, rtol=0)
    torch.testing.assert_close(together.norm(dim=-1), torch.ones(3))


def test_memory_and_disk(video_model, tmp_path, encoded):
    first = TextClassifier(video_model.backbone, cache_dir=tmp_path)
    rows = first.embed(Vocabulary.from_text("dog; cat")).rows
    first.embed(Vocabulary.from_text("cat; dog; bird"))
    assert encoded == [2, 1]

    second = TextClassifier(video_model.backbone, cache_dir=tmp_path)
    again = second.embed(Vocabulary.from_text("dog; cat; bird")).rows
    assert encoded == [2, 1]
    torch.testing.assert_close(again[:2], rows, atol=0, rtol=0)


def test_damaged_cache_is_encoded_again(video_model, tmp_path, encoded):
    TextClassifier(video_model.backbone, cache_dir=tmp_path).embed(Vocabulary.from_text("dog"))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    TextClassifier(video_model.backbone, cache_dir=tmp_path).embed(Vocabulary.from_text("dog"))
    assert encoded == [1, 1]


def test_unwritable_cache_does_not_stop(video_model, tmp_path):
    (tmp_path / "file").write_text("")
    classifier = TextClassifier(video_model.backbone, cache_dir=tmp_path / "file" / "below")
    assert classifier.embed(Vocabulary.from_text("dog")).rows.shape == (1, 1024)


def test_interrupted_encoding_keeps_what_was_saved(video_model, tmp_path, monkeypatch):
    monkeypatch.setattr(classifier_module, "WORDS_PER_BATCH", 1)
    monkeypatch.setattr(classifier_module, "WORDS_BETWEEN_SAVES", 1)
    original, calls = classifier_module.word_rows, []

    def stopping(*args):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(*args)

    monkeypatch.setattr(classifier_module, "word_rows", stopping)
    classifier = TextClassifier(video_model.backbone, cache_dir=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        classifier.embed(Vocabulary.from_text("dog; cat; bird"))
    stored = RowCache(tmp_path, text_fingerprint(video_model.backbone.clip, TEMPLATES)).read()
    assert len(stored) == 2


def test_fingerprint_follows_weights_and_templates(video_model):
    clip = video_model.backbone.clip
    before = text_fingerprint(clip, TEMPLATES)
    assert text_fingerprint(clip, TEMPLATES[:3]) != before
    with torch.no_grad():
        clip.ln_final.bias[0] += 1
    changed = text_fingerprint(clip, TEMPLATES)
    with torch.no_grad():
        clip.ln_final.bias[0] -= 1
    assert changed != before


def test_name_over_77_tokens_is_refused(video_model):
    with pytest.raises(InputError, match="CLIP reads 77"):
        TextClassifier(video_model.backbone, cache_dir=False).embed(
            Vocabulary.from_categories(["dog " * 70])
        )


def test_logits_take_the_best_synonym(video_model):
    classifier = TextClassifier(video_model.backbone, cache_dir=False)
    embedding = classifier.embed(Vocabulary.from_text("dog, puppy, hound; cat; bird, sparrow"))
    features = torch.randn(2, 7, 1024, generator=torch.Generator().manual_seed(0))
    logits = embedding.logits(features, scale=10.0)
    cosine = (
        torch.nn.functional.cosine_similarity(features.unsqueeze(-2), embedding.rows, dim=-1) * 10
    )
    expected = torch.stack(
        [cosine[..., :3].amax(-1), cosine[..., 3], cosine[..., 4:].amax(-1)], dim=-1
    )
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=0)

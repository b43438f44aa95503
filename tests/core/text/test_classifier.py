"""Encoding words once, and keeping them."""

from __future__ import annotations

import zlib

import pytest
import torch
import torch.nn.functional as F

from clipvis_core import InputError, Vocabulary
from clipvis_core.text import TextClassifier
from clipvis_core.text import classifier as classifier_module
from clipvis_core.text.classifier import RowCache


class HashedWords:
    """A text encoder that knows no meaning: rows drawn by the word. It counts what it is asked for."""

    def __init__(self, fingerprint: str = "first") -> None:
        self.fingerprint = fingerprint
        self.asked: list[list[str]] = []

    def encode_text(self, words):
        self.asked.append(list(words))
        if any(len(word) > 30 for word in words):
            raise InputError("a name is too long")
        seeds = (zlib.crc32(f"{self.fingerprint} {word}".encode()) for word in words)
        return F.normalize(torch.stack([torch.randn(8, generator=torch.Generator().manual_seed(s)) for s in seeds]))

    def text_fingerprint(self):
        return self.fingerprint


def test_rows_stand_in_the_order_of_the_synonyms():
    encoder = HashedWords()
    vocabulary = Vocabulary.from_text("dog, puppy; a long name; cat")
    embedding = TextClassifier(encoder, cache_dir=False).embed(vocabulary)
    for word, row in zip(["dog", "puppy", "a long name", "cat"], embedding.rows, strict=True):
        assert torch.equal(row, encoder.encode_text([word])[0])
    assert embedding.category_of_row.tolist() == [0, 0, 1, 2]


def test_memory_and_disk(tmp_path):
    encoder = HashedWords()
    first = TextClassifier(encoder, cache_dir=tmp_path)
    rows = first.embed(Vocabulary.from_text("dog; cat")).rows
    first.embed(Vocabulary.from_text("cat; dog; bird"))
    assert encoder.asked == [["dog", "cat"], ["bird"]]

    second = TextClassifier(encoder, cache_dir=tmp_path)
    again = second.embed(Vocabulary.from_text("dog; cat; bird")).rows
    assert len(encoder.asked) == 2
    torch.testing.assert_close(again[:2], rows, atol=0, rtol=0)


def test_another_fingerprint_finds_nothing_on_disk(tmp_path):
    TextClassifier(HashedWords(), cache_dir=tmp_path).embed(Vocabulary.from_text("dog"))
    other = HashedWords("second")
    TextClassifier(other, cache_dir=tmp_path).embed(Vocabulary.from_text("dog"))
    assert other.asked == [["dog"]]


def test_forgotten_rows_follow_the_encoder(tmp_path):
    encoder = HashedWords()
    classifier = TextClassifier(encoder, cache_dir=tmp_path)
    before = classifier.embed(Vocabulary.from_text("dog")).rows
    encoder.fingerprint = "second"
    assert torch.equal(classifier.embed(Vocabulary.from_text("dog")).rows, before)
    classifier.forget()
    assert not torch.equal(classifier.embed(Vocabulary.from_text("dog")).rows, before)


def test_damaged_cache_is_encoded_again(tmp_path):
    encoder = HashedWords()
    TextClassifier(encoder, cache_dir=tmp_path).embed(Vocabulary.from_text("dog"))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    TextClassifier(encoder, cache_dir=tmp_path).embed(Vocabulary.from_text("dog"))
    assert encoder.asked == [["dog"], ["dog"]]


def test_unwritable_cache_does_not_stop(tmp_path):
    (tmp_path / "file").write_text("")
    classifier = TextClassifier(HashedWords(), cache_dir=tmp_path / "file" / "below")
    assert classifier.embed(Vocabulary.from_text("dog")).rows.shape == (1, 8)


def test_interrupted_encoding_keeps_what_was_saved(tmp_path, monkeypatch):
    monkeypatch.setattr(classifier_module, "WORDS_PER_BATCH", 1)
    monkeypatch.setattr(classifier_module, "WORDS_BETWEEN_SAVES", 1)

    class Stopped(HashedWords):
        def encode_text(self, words):
            if len(self.asked) == 2:
                raise KeyboardInterrupt
            return super().encode_text(words)

    with pytest.raises(KeyboardInterrupt):
        TextClassifier(Stopped(), cache_dir=tmp_path).embed(Vocabulary.from_text("dog; cat; bird"))
    stored = RowCache(tmp_path, "first").read()
    assert set(stored) == {"bird", "dog"}


def test_a_name_that_is_too_long_stops_at_once():
    encoder = HashedWords()
    names = [*(f"thing {number}" for number in range(200)), "a" * 31]
    with pytest.raises(InputError, match="too long"):
        TextClassifier(encoder, cache_dir=False).embed(Vocabulary.from_categories(names))
    assert len(encoder.asked) == 1


def test_many_words_show_a_progress_bar(capsys):
    names = [f"thing {number}" for number in range(100)]
    classifier = TextClassifier(HashedWords(), cache_dir=False)
    classifier.embed(Vocabulary.from_categories(names[:40]))
    assert capsys.readouterr().err == ""
    classifier.embed(Vocabulary.from_categories([f"other {name}" for name in names]))
    assert "encoding words: 100%" in capsys.readouterr().err


def test_logits_take_the_best_synonym():
    classifier = TextClassifier(HashedWords(), cache_dir=False)
    embedding = classifier.embed(Vocabulary.from_text("dog, puppy, hound; cat; bird, sparrow"))
    features = torch.randn(2, 7, 8, generator=torch.Generator().manual_seed(0))
    logits = embedding.logits(features, scale=10.0)
    cosine = F.cosine_similarity(features.unsqueeze(-2), embedding.rows, dim=-1) * 10
    expected = torch.stack([cosine[..., :3].amax(-1), cosine[..., 3], cosine[..., 4:].amax(-1)], dim=-1)
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("words", ["dog; cat", "dog, puppy; cat"])
def test_a_row_of_zeros_cannot_be_named(words):
    embedding = TextClassifier(HashedWords(), cache_dir=False).embed(Vocabulary.from_text(words))
    assert embedding.logits(torch.zeros(1, 3, 8), scale=100.0).tolist() == [[[0.0, 0.0]] * 3]

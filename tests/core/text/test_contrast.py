"""Contrast words: what was asked for, and what means the same, is never among those that are left."""

from __future__ import annotations

import hashlib

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from clipvis_core import InputError, Vocabulary
from clipvis_core.text import VocabularyEmbedding, read_contrast, remaining_contrast
from clipvis_core.text.contrast import same_cosine
from clipvis_core.text.nouns import shipped_nouns, singulars

LISTED = read_contrast("auto")


def row(word: str) -> torch.Tensor:
    seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=4).digest(), "little")
    return F.normalize(torch.randn(256, generator=torch.Generator().manual_seed(seed)), dim=0)


def embed(vocabulary: Vocabulary, **others: torch.Tensor) -> VocabularyEmbedding:
    """Rows that say nothing of a word's meaning, but for `others`."""
    rows = torch.stack([others.get(word, row(word)) for word in vocabulary.synonyms])
    return VocabularyEmbedding(vocabulary, rows, torch.tensor(vocabulary.category_of_synonym))


CONTRAST = embed(LISTED)
LEAST = same_cosine(CONTRAST)


def left(*asked: str, **rows: torch.Tensor) -> set[str]:
    embedding = embed(Vocabulary.from_categories([[word] for word in asked]), **rows)
    kept = remaining_contrast(embedding, CONTRAST, least=LEAST)
    return set() if kept is None else set(kept.vocabulary.synonyms)


def test_the_shipped_list_is_a_few_hundred_categories():
    assert 300 <= len(LISTED) <= 500
    unknown = [word for word in LISTED.synonyms if not shipped_nouns().senses(word)]
    assert unknown == ["tv", "gift", "frisbee"]


@given(
    st.lists(st.sampled_from(LISTED.synonyms), min_size=1, max_size=6, unique=True),
    st.sampled_from([str, str.upper, "the {}".format, "small {}".format, "{}s".format]),
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_asked_words_are_never_left(words, written):
    asked = [written(word) for word in words]
    kept = {word.casefold() for word in left(*asked)}
    assert not kept & {word.casefold() for word in asked}
    assert not any(shipped_nouns().related(word, other) for word in asked for other in kept)
    if written is str:
        mates = [synonyms for synonyms in LISTED.categories if set(synonyms) & set(words)]
        assert not kept & {word for synonyms in mates for word in synonyms}


@given(st.lists(st.sampled_from(LISTED.synonyms), min_size=1, max_size=4, unique=True), st.randoms())
@settings(max_examples=15, deadline=None, derandomize=True)
def test_order_and_repeated_asking_do_not_matter(words, random):
    once = left(*words)
    random.shuffle(words)
    assert left(*words) == once
    assert once == set.intersection(*(left(word) for word in words))


@pytest.mark.parametrize(
    ("asked", "gone", "stays"),
    [
        ("animal", ["dog", "zebra", "person"], ["car", "piano"]),
        ("dancer", ["person", "people"], ["dog"]),
        ("puppies", ["dog"], ["cat", "wolf"]),
        ("bike", ["bicycle", "motorcycle"], ["car"]),
        ("vehicle", ["car", "boat", "train"], ["horse"]),
        ("red car", ["car", "automobile"], ["bus"]),
        ("women", ["person"], ["dog", "dress"]),
        ("person", ["person", "human"], ["tiger", "dog", "mug"]),
        ("man on a horse", ["person"], ["horse"]),
    ],
)
def test_what_falls_under_the_asked_word_or_over_it_goes(asked, gone, stays):
    kept = left(asked)
    assert not kept & set(gone)
    assert kept >= set(stays)


def test_what_the_encoder_takes_for_one_thing_goes():
    """WordNet does not have kitten under cat."""
    assert "cat" in left("kitten")
    near = F.normalize(row("cat") + 0.3 * row("kitten"), dim=0)
    assert "cat" not in left("kitten", kitten=near)
    assert left("kitten", kitten=near) == left("kitten") - {"cat"}


def test_everything_may_go():
    few = embed(Vocabulary.from_text("dog; cat"))
    assert remaining_contrast(embed(Vocabulary.from_text("animal")), few) is None
    assert same_cosine(embed(Vocabulary.from_text("dog"))) == 1.0


def test_rows_follow_their_words():
    kept = remaining_contrast(embed(Vocabulary.from_text("dog")), CONTRAST)
    for word, vector, category in zip(kept.vocabulary.synonyms, kept.rows, kept.category_of_row, strict=True):
        assert torch.equal(vector, row(word))
        assert word in kept.vocabulary.categories[category]


def test_choices(tmp_path):
    assert read_contrast("none") is None
    assert read_contrast(None) is None
    (tmp_path / "own.txt").write_text("wall\nsky, clouds\n")
    assert read_contrast(tmp_path / "own.txt").categories == (("wall",), ("sky", "clouds"))
    with pytest.raises(InputError, match="missing"):
        read_contrast(tmp_path / "missing.txt")


def test_plurals():
    assert "bus" in list(singulars("buses"))
    assert "knife" in list(singulars("knives"))
    assert "person" in list(singulars("people"))
    assert list(singulars("glass")) == ["glass"]

"""Words to vectors by a table."""

from __future__ import annotations

import re
import unicodedata

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clipvis_core.foundation.errors import InputError
from clipvis_core.models.static_text import StaticTextEncoder, piece_rows, quantise_rows, word_pieces


def spelled(name: str) -> list[str]:
    pieces = list(piece_rows())
    return [pieces[row] for row in word_pieces(name)]


@pytest.fixture
def encoder() -> StaticTextEncoder:
    torch.manual_seed(0)
    return StaticTextEncoder(dim=8)


def test_names_are_cut_greedily() -> None:
    assert spelled("dog") == ["dog"]
    assert spelled("Golden Retriever") == ["golden", "retrieve", "##r"]
    assert spelled("zzyzx") == ["z", "##zy", "##z", "##x"]


def test_case_accents_and_punctuation_do_not_matter() -> None:
    assert word_pieces("CAFÉ") == word_pieces("cafe")
    assert word_pieces("T-shirt") == word_pieces("t shirt") == word_pieces("  t_shirt! ")


@given(name=st.text("abcXYZ019 -_./éßǆﬁ狗🐶\n", max_size=30))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_any_name_is_cut_or_refused(name: str) -> None:
    if not any(char.isascii() and char.isalnum() for char in unicodedata.normalize("NFKD", name)):
        with pytest.raises(InputError, match="write it in English"):
            word_pieces(name)
        return
    joined = "".join(piece.removeprefix("##") for piece in spelled(name))
    assert re.fullmatch("[a-z0-9]+", joined)


@pytest.mark.parametrize("name", ["", " ", "狗", "🐶", "--"])
def test_a_name_with_nothing_to_look_up_is_named(encoder: StaticTextEncoder, name: str) -> None:
    with pytest.raises(InputError, match=f"the name '{name}' has no Latin letter"):
        encoder.encode(["dog", name])


def test_vectors_are_normalised_sums_of_rows(encoder: StaticTextEncoder) -> None:
    rows = encoder.table.float() * encoder.scale
    pieces = piece_rows()
    expected = rows[pieces["golden"]] + rows[pieces["retrieve"]] + rows[pieces["##r"]]

    vectors = encoder.encode(["dog", "golden retriever"])

    assert vectors.dtype == torch.float32
    torch.testing.assert_close(vectors[1], expected / expected.norm())
    torch.testing.assert_close(vectors[0], rows[pieces["dog"]] / rows[pieces["dog"]].norm())


def test_a_vector_depends_on_its_word_alone(encoder: StaticTextEncoder) -> None:
    words = ["golden retriever", "dog", "polar bear"]
    together = encoder.encode(words)
    alone = torch.cat([encoder.encode([word]) for word in words])
    assert torch.equal(together, alone)


def test_fingerprint_follows_the_rows(encoder: StaticTextEncoder) -> None:
    before = encoder.fingerprint()
    assert encoder.fingerprint() == before
    encoder.table[7, 3] += 1
    changed = encoder.fingerprint()
    encoder.scale[9] *= 2
    assert len({before, changed, encoder.fingerprint()}) == 3


def test_eight_bits_keep_rows() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(50, 16, generator=generator) * torch.logspace(-3, 2, 50).unsqueeze(1)
    rows[4] = 0.0
    table, scale = quantise_rows(rows)
    assert table.dtype == torch.int8
    error = (table.float() * scale - rows).abs()
    assert (error <= rows.abs().amax(dim=1, keepdim=True) / 254 * 1.001 + 1e-9).all()

"""CLIP's tokenizer cut to fewer tokens."""

from __future__ import annotations

import open_clip
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from open_clip.tokenizer import SimpleTokenizer

from clipvis_core.models.tokenizer import ShortTokenizer, build_tokenizer

WHOLE = SimpleTokenizer()
SHORT = ShortTokenizer(4096, context_length=32)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20))
def test_text_survives_and_ids_fit_the_embedding(text):
    tokens = SHORT.encode(text)
    assert all(0 <= token < 4094 for token in tokens)
    assert SHORT.decode(tokens) == WHOLE.decode(WHOLE.encode(text))


def test_frequent_words_keep_their_ids_and_rare_ones_are_spelt():
    assert SHORT.encode("a photo of a dog") == WHOLE.encode("a photo of a dog")
    assert len(WHOLE.encode("accordion")) < len(SHORT.encode("accordion"))


def test_start_and_end_are_the_last_ids():
    row = SHORT(["a dog"])[0]
    assert row.shape == (32,)
    assert row[0] == SHORT.sot_token_id == 4094
    assert row[3] == row.max() == SHORT.eot_token_id == 4095
    assert SHORT.vocab_size == 4096


def test_the_whole_size_is_clips_own_tokenizer():
    text = "The quick brown fox, 42 times, ran over Übersee!"
    assert ShortTokenizer(49408).encode(text) == WHOLE.encode(text)
    assert ShortTokenizer(514).encode("dog") != WHOLE.encode("dog")
    for size in (513, 49409):
        with pytest.raises(ValueError, match="is not from 514 to 49408"):
            ShortTokenizer(size)


def test_an_architecture_gets_the_tokenizer_of_its_size():
    assert type(build_tokenizer("RN50")) is SimpleTokenizer
    tokenizer = build_tokenizer("clip-nano")
    text = open_clip.get_model_config("clip-nano")["text_cfg"]
    assert tokenizer.vocab_size == text["vocab_size"] == 4096
    assert tokenizer.context_length == text["context_length"] == 48

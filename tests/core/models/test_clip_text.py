"""Words through CLIP's text tower."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
import torch
import torch.nn.functional as F

from clipvis_core import InputError
from clipvis_core.models.clip_text import CLIPWords, TextTower
from clipvis_core.text import fill_templates


@contextmanager
def changed(parameter):
    """Another value while the context lasts."""
    before = parameter.detach().clone()
    with torch.no_grad():
        parameter += 1
    yield
    with torch.no_grad():
        parameter.copy_(before)


@pytest.fixture
def words(video_model):
    return video_model.backbone.words


def test_cut_context_equals_full_context(words):
    tokens = words.tokens("traffic light")
    with torch.no_grad():
        full = words.clip.encode_text(tokens)
    cut = TextTower(words.clip).encode(tokens)
    torch.testing.assert_close(cut.float(), full, atol=2e-5, rtol=1e-4)


def test_a_row_is_the_mean_over_the_templates(words):
    prompts = words.tokenizer(fill_templates("yak"))
    with torch.no_grad():
        embeddings = F.normalize(words.clip.encode_text(prompts), dim=-1)
    expected = F.normalize(embeddings.mean(dim=0), dim=-1)
    torch.testing.assert_close(words.encode_text(["yak"])[0], expected, atol=1e-5, rtol=1e-4)


def test_rows_do_not_depend_on_the_batch(words):
    names = ["dog", "a rather long name of a thing", "é"]
    together = words.encode_text(names)
    for name, row in zip(names, together, strict=True):
        torch.testing.assert_close(words.encode_text([name])[0], row, atol=1e-7, rtol=0)
    torch.testing.assert_close(together.norm(dim=-1), torch.ones(3))


def test_lower_precision_around_it_changes_nothing(words):
    exact = words.encode_text(["dog"])
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(words.encode_text(["dog"]), exact)


def test_fingerprint_follows_weights_and_templates(words):
    before = words.text_fingerprint()
    fewer = CLIPWords(words.clip, words.tokenizer, words.templates[:3])
    assert fewer.text_fingerprint() != before
    with changed(words.clip.ln_final.bias):
        assert words.text_fingerprint() != before
    with changed(words.clip.visual.conv1.weight):
        assert words.text_fingerprint() == before
    assert words.text_fingerprint() == before


def test_name_over_77_tokens_is_refused(words):
    with pytest.raises(InputError, match="CLIP reads 77"):
        words.encode_text(["dog", "dog " * 70])

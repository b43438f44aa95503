"""Tokens and classifier rows against the published text classifier."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from clipvis_core.models.clip_text import TextTower


@pytest.mark.parametrize(("kind", "depth"), [("rn50", 7), pytest.param("convnextb", 10, marks=pytest.mark.slow)])
def test_tokens_embeddings_and_rows(reference, kind, depth):
    model = reference.model("video", kind, depth)
    expected = reference.arrays(f"text_A_{kind}")
    words = model.backbone.words
    tokens = torch.cat([words.tokens(word) for word in model.vocabulary.synonyms[:2]])
    np.testing.assert_array_equal(tokens[:16].numpy(), expected["tokens_first16"])

    raw = TextTower(model.backbone.clip).encode(tokens[:4])
    np.testing.assert_allclose(raw.numpy(), expected["encode_text_first4_raw"], atol=1e-4, rtol=0)

    embedding = model.vocabulary_embedding()
    np.testing.assert_allclose(embedding.rows.numpy(), expected["text_classifier"], atol=1e-6, rtol=0)
    counts = np.bincount(embedding.category_of_row.numpy())
    np.testing.assert_array_equal(counts, expected["num_templates"])

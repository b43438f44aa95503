"""photo-mini's calibration asks no photo with labels that were fitted on it."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import torch

from clipvis_core.models import ConSEEncoder
from clipvis_core.models.efficientnet_trunk import DENSE_CHANNELS


@pytest.fixture
def tool(repo_root, monkeypatch):
    monkeypatch.syspath_prepend(str(repo_root / "tools"))
    return importlib.import_module("projects.photo_mini.photo_mini.calibrating")


def test_parts_are_asked_with_the_labels_of_the_others(tool, monkeypatch):
    photo, objects_of = tool.Photo, importlib.import_module("projects.photo_mini.photo_mini.objects").Objects
    # Photos 2 and 5 show a crowd or nothing: no object is counted for them.
    crowds = [[False], [False], [True], [True, False], [False], [], [False], [False]]
    photos = [photo(Path(f"{n}.jpg"), [], ["cow"] * len(flags), flags) for n, flags in enumerate(crowds)]
    seen_in = [0, 1, 3, 4, 6, 7]  # by number of the photo
    features = torch.tensor(seen_in, dtype=torch.float32).unsqueeze(1).expand(-1, DENSE_CHANNELS)
    objects = objects_of(features, torch.zeros(6, dtype=torch.int64), torch.arange(6), ("cow", "person"))
    encoder = ConSEEncoder(num_labels=5, embed_dim=4, likeliest=2)
    before = encoder.classifier.weight.clone()
    fitted = []
    monkeypatch.setattr(tool, "set_classifier", lambda *given: fitted.append(given))

    parts = tool.divide(photos, objects, encoder, count=2, every=1)

    assert [[int(one.path.stem) for one in part.photos] for part in parts] == [[0, 2, 4, 6], [1, 3, 5, 7]]
    for part in parts:
        part.prepare()
        given, own, others = fitted.pop()
        assert given is encoder
        assert torch.equal(own.weight, before[:3])
        asked = {int(one.path.stem) for one in part.photos}
        learnt = set(others.features[:, 0].int().tolist())
        assert learnt == set(seen_in) - asked
    rarely = tool.divide(photos, objects, encoder, count=2, every=2)
    assert [[int(one.path.stem) for one in part.photos] for part in rarely] == [[0, 4], [1, 5]]

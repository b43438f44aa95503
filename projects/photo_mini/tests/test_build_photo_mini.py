"""Parts of the tool that builds photo-mini's encoder, on small inputs."""

from __future__ import annotations

import importlib
import json
import zipfile

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from pycocotools import mask as rle_tools
from safetensors.torch import save

from clipvis_core.foundation.errors import InputError
from clipvis_core.models import ConSEEncoder
from clipvis_core.models.static_text import piece_rows, word_pieces

WIDTH, HEADS = 12, 3


@pytest.fixture
def part():
    """A module of the tool by its name."""
    return lambda name: importlib.import_module(f"projects.photo_mini.photo_mini.{name}")


@pytest.fixture
def tool():
    return importlib.import_module("projects.photo_mini.photo_mini.building")


def bert_state(layers: int) -> dict[str, torch.Tensor]:
    """Random weights of a small BERT under its published names."""
    generator = torch.Generator().manual_seed(0)
    shapes = {
        "embeddings.word_embeddings.weight": (len(piece_rows()) + 3, WIDTH),
        "embeddings.position_embeddings.weight": (64, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
        "embeddings.LayerNorm.weight": (WIDTH,),
        "embeddings.LayerNorm.bias": (WIDTH,),
    }
    dense = {
        "attention.self.query": (WIDTH, WIDTH),
        "attention.self.key": (WIDTH, WIDTH),
        "attention.self.value": (WIDTH, WIDTH),
        "attention.output.dense": (WIDTH, WIDTH),
        "intermediate.dense": (2 * WIDTH, WIDTH),
        "output.dense": (WIDTH, 2 * WIDTH),
    }
    for layer in range(layers):
        for name, shape in dense.items():
            shapes[f"encoder.layer.{layer}.{name}.weight"] = shape
            shapes[f"encoder.layer.{layer}.{name}.bias"] = shape[:1]
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes[f"encoder.layer.{layer}.{name}.weight"] = (WIDTH,)
            shapes[f"encoder.layer.{layer}.{name}.bias"] = (WIDTH,)
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def bert_by_the_book(state: dict[str, torch.Tensor], rows: list[int], layers: int) -> torch.Tensor:
    """One text through BERT, mean over its tokens, unit length."""

    def dense(x, name):
        return F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])

    def norm(x, name):
        return F.layer_norm(x, (WIDTH,), state[f"{name}.weight"], state[f"{name}.bias"], eps=1e-12)

    x = state["embeddings.word_embeddings.weight"][rows]
    x = x + state["embeddings.position_embeddings.weight"][: len(rows)]
    x = norm(x + state["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in range(layers):
        here = f"encoder.layer.{layer}"
        query, key, value = (
            dense(x, f"{here}.attention.self.{part}").view(len(rows), HEADS, -1).transpose(0, 1)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(1, 2) / (WIDTH / HEADS) ** 0.5
        mixed = (scores.softmax(dim=-1) @ value).transpose(0, 1).flatten(1)
        x = norm(x + dense(mixed, f"{here}.attention.output.dense"), f"{here}.attention.output.LayerNorm")
        inner = F.gelu(dense(x, f"{here}.intermediate.dense"))
        x = norm(x + dense(inner, f"{here}.output.dense"), f"{here}.output.LayerNorm")
    return F.normalize(x.mean(dim=0), dim=0)


def test_sentence_encoder_computes_what_bert_does(part, tmp_path):
    state = bert_state(layers=2)
    vocabulary = {"[PAD]": 0, "[CLS]": 1, "[SEP]": 2}
    vocabulary |= {piece: row + 3 for piece, row in piece_rows().items()}
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
        archive.writestr("config.json", json.dumps({"num_attention_heads": HEADS}))
        archive.writestr("tokenizer.json", json.dumps({"model": {"vocab": vocabulary}}))
        archive.writestr("model.safetensors", save(state))
    encoder = part("sentence_encoder").read_sentence_encoder(tmp_path / "model.zip")
    texts = ["a golden retriever on the lawn", "dog", "polar bear", "camel"]

    vectors = encoder.encode(texts, "texts")

    for text, vector in zip(texts, vectors, strict=True):
        rows = [1, *(row + 3 for row in word_pieces(text)), 2]
        torch.testing.assert_close(vector, bert_by_the_book(state, rows, 2), rtol=1e-4, atol=1e-5)


def test_another_archive_is_refused(part, tmp_path):
    (tmp_path / "model.zip").write_text("no archive")
    with pytest.raises(InputError, match=r"is not the model\.zip of all-minilm"):
        part("sentence_encoder").read_sentence_encoder(tmp_path / "model.zip")


def test_fitted_table_comes_nearer_to_texts(part):
    generator = torch.Generator().manual_seed(0)
    pieces = F.normalize(torch.randn(len(piece_rows()), 6, generator=generator), dim=-1)
    texts = ["polar bear", "teddy bear", "brown bear", "traffic light", "light bulb", "dog"]
    vectors = F.normalize(torch.randn(len(texts), 6, generator=generator), dim=-1)

    def agreement(table):
        sums = torch.stack([table[word_pieces(text)].sum(dim=0) for text in texts])
        return F.cosine_similarity(sums, vectors)

    module = part("word_table")
    start = module.fit_word_table(pieces, texts, vectors, rounds=0)
    fitted = module.fit_word_table(pieces, texts, vectors, loyalty=0.01, rounds=6)

    assert agreement(start).mean() < 0.6
    assert agreement(fitted).min() > 0.9
    untouched = piece_rows()["camel"]
    torch.testing.assert_close(fitted[untouched], start[untouched])


def test_projection_keeps_what_tells_names_apart(part):
    generator = torch.Generator().manual_seed(0)
    spread = torch.randn(200, 3, generator=generator) @ torch.randn(3, 10, generator=generator)
    vectors = F.normalize(spread + 5, dim=-1)
    project = part("word_table").Projection.fit(vectors, dim=9)
    centred = F.normalize(vectors - vectors.mean(dim=0), dim=-1)
    expected = centred @ centred.T
    assert ((project(vectors) @ project(vectors).T - expected).abs() < 0.02).all()


def test_anchors_win_where_they_were_fitted_and_nowhere_else(part):
    generator = torch.Generator().manual_seed(0)
    centres = 4 * torch.randn(4, 16, generator=generator)
    classifier = torch.nn.Linear(16, 2).requires_grad_(False)
    classifier.weight.copy_(centres[:2])
    classifier.bias.copy_(-centres[:2].square().sum(dim=1) / 2)
    labels = torch.arange(2).repeat(30)
    features = centres[2:][labels] + 0.3 * torch.randn(60, 16, generator=generator)
    objects = part("objects").Objects(features, labels, torch.arange(60), ("cow", "person"))

    weight, bias = part("anchors").fit_anchors(objects, classifier)

    def likeliest(x):
        logits = torch.cat([classifier(x), F.linear(x, weight, bias)], dim=1)
        return logits.argmax(dim=1).tolist()

    assert likeliest(centres) == [0, 1, 2, 3]


def test_temperature_is_that_of_the_labels(part):
    generator = torch.Generator().manual_seed(0)
    cosines = 2 * torch.rand(4000, 5, generator=generator) - 1
    labels = torch.multinomial((8 * cosines).softmax(dim=1), 1, generator=generator)[:, 0]
    temperature = part("anchors").best_temperature(cosines, labels)
    assert temperature.shape == ()
    assert 7 < temperature < 9


@pytest.fixture
def annotated(tmp_path):
    """Two photos and a video of two frames: a left half, a small box, a crowd, an object that leaves."""
    for name in ("a.png", "b.png", "0.png", "1.png"):
        Image.new("RGB", (96, 64), (200, 40, 90)).save(tmp_path / name)
    half = np.zeros((64, 96), np.uint8, order="F")
    half[:, :48] = 1
    rle = rle_tools.encode(half)
    rle["counts"] = rle["counts"].decode()
    size = {"height": 64, "width": 96}
    categories = [{"id": 7, "name": "cow"}, {"id": 3, "name": "person"}]
    box = [[8, 8, 16, 8, 16, 16, 8, 16]]
    photos = {
        "categories": categories,
        "images": [{"id": 1, "file_name": "a.png", **size}, {"id": 2, "file_name": "b.png", "tiny": True, **size}],
        "annotations": [
            {"image_id": 1, "category_id": 3, "segmentation": rle},
            {"image_id": 1, "category_id": 7, "segmentation": box},
            {"image_id": 1, "category_id": 7, "segmentation": rle, "iscrowd": 1},
            {"image_id": 2, "category_id": 7, "segmentation": rle},
        ],
    }
    video = {
        "categories": categories,
        "videos": [{"id": 1, "file_names": ["0.png", "1.png"], **size}],
        "annotations": [{"video_id": 1, "category_id": 3, "segmentations": [rle, None]}],
    }
    for name, data in (("photos.json", photos), ("video.json", video)):
        (tmp_path / name).write_text(json.dumps(data))
    return tmp_path


def test_objects_of_photos_and_videos(part, annotated):
    torch.manual_seed(0)
    encoder = ConSEEncoder(num_labels=3, embed_dim=4, likeliest=2)
    module = part("objects")
    pixels = module.Pixels(mean=[127.0] * 3, std=[128.0] * 3)

    def see(name, **options):
        return module.see_objects(encoder, pixels, annotated / name, annotated, **options)

    everything = see("photos.json")
    assert everything.names == ("cow", "person")
    assert everything.labels.tolist() == [1, 0, 0]
    assert everything.photos.tolist() == [0, 0, 1]
    assert see("photos.json", left_out="tiny").photos.tolist() == [0, 0]
    assert see("photos.json", least_area=100).labels.tolist() == [1, 0]
    frames = see("video.json", every=1)
    assert frames.labels.tolist() == [1]
    torch.testing.assert_close(frames.features[0], everything.features[0])


def test_a_photo_that_is_not_there_is_named(part, annotated):
    (annotated / "a.png").unlink()
    module = part("objects")
    pixels = module.Pixels(mean=[127.0] * 3, std=[128.0] * 3)
    encoder = ConSEEncoder(num_labels=3, embed_dim=4, likeliest=2)
    with pytest.raises(InputError, match=r"cannot read the photo .*a\.png"):
        module.see_objects(encoder, pixels, annotated / "photos.json", annotated)


def test_trunk_is_read_in_order(tool, tmp_path):
    torch.manual_seed(1)
    published = ConSEEncoder(num_labels=5, embed_dim=4)
    own = {**published.trunk.state_dict(), **published.classifier.state_dict()}
    torch.save({f"_published.{name}": tensor for name, tensor in own.items()}, tmp_path / "net.pth")
    encoder = ConSEEncoder(num_labels=9, embed_dim=4)

    classifier = tool.load_trunk(encoder, tmp_path / "net.pth")

    torch.testing.assert_close(classifier.weight, published.classifier.weight)
    for name, tensor in published.trunk.state_dict().items():
        assert torch.equal(encoder.trunk.state_dict()[name], tensor), name


def test_weights_of_another_network_are_refused(tool, tmp_path):
    torch.save({"a": torch.ones(3, 2), "b": torch.ones(3)}, tmp_path / "net.pth")
    with pytest.raises(InputError, match="holds no weights of EfficientNet-Lite0"):
        tool.load_trunk(ConSEEncoder(num_labels=9, embed_dim=4), tmp_path / "net.pth")

"""What `build_photo_mini.py` does: the encoder's file is put together, or measured on true masks."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS
from mmengine.config import Config
from timm.data import ImageNetInfo
from torch import Tensor

from clipvis_core.checkpoints import WEIGHTS_SUFFIX, read_checkpoint, write_weights
from clipvis_core.foundation.errors import InputError
from clipvis_core.models import ConSEEncoder
from clipvis_core.models.static_text import quantise_rows
from projects.photo_mini.photo_mini.anchors import best_temperature, fit_anchors, split_photos
from projects.photo_mini.photo_mini.objects import LEAST_AREA, Objects, Pixels, see_objects
from projects.photo_mini.photo_mini.sentence_encoder import SentenceEncoder, read_sentence_encoder
from projects.photo_mini.photo_mini.word_table import Projection, fit_word_table, piece_texts

CONFIG = Path(__file__).resolve().parents[3] / "configs/_base_/backbones/photo_mini.py"
SYNONYMS = {"person": ("man", "woman", "child")}  # ImageNet has no name near any of them
LICENCES = {
    "trunk": "EfficientNet-Lite0, ImageNet weights, Apache-2.0",
    "words": "distilled from all-MiniLM-L6-v2, Apache-2.0; names of WordNet 3.0, WordNet licence",
    "labels": "ImageNet's 1,000, then the categories of the photos, in the order of their file",
}


def build(args: argparse.Namespace) -> None:
    if args.out.suffix != WEIGHTS_SUFFIX:
        raise InputError(f"{args.out}: end the name in {WEIGHTS_SUFFIX}")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    config = Config.fromfile(CONFIG)
    encoder = build_encoder(config)
    labels = encoder.classifier.out_features
    trunk_labels = load_trunk(encoder, args.trunk)
    teacher = read_sentence_encoder(args.sentences)
    objects = see_objects(encoder, Pixels(**config.pixels), *args.photos, left_out=args.leave_out)
    if trunk_labels.out_features + len(objects.names) != labels:
        raise InputError(
            f"{args.photos[0]} has {len(objects.names)} categories and {CONFIG.name} has room for "
            f"{labels - trunk_labels.out_features}: change its num_labels"
        )
    teach_words(encoder, teacher)
    encoder.label_vectors.copy_(label_vectors(encoder, objects.names))
    fit_part, rest = split_photos(objects)
    set_classifier(encoder, trunk_labels, fit_part)
    encoder.logit_scale.copy_(best_temperature(cosines(encoder, rest, rest.names), rest.labels))
    set_classifier(encoder, trunk_labels, objects)
    write_weights(encoder.state_dict(), args.out, meta=LICENCES)
    size = args.out.stat().st_size / 2**20
    print(f"{args.out}: {size:.1f} MiB, temperature {float(encoder.logit_scale):.1f}")


def measure(args: argparse.Namespace) -> None:
    config = Config.fromfile(CONFIG)
    encoder = build_encoder(config, str(args.weights))
    encoder.init_weights()
    objects = see_objects(
        encoder, Pixels(**config.pixels), args.annotations, args.folder,
        least_area=LEAST_AREA, every=args.every,
    )  # fmt: skip
    names = [name.strip() for name in args.names.split(";")] if args.names else objects.names
    ranked = cosines(encoder, objects, names).argsort(dim=1, descending=True)
    truth = torch.tensor([_place(name, names) for name in objects.names])[objects.labels]
    right = ranked[:, :5] == truth.unsqueeze(1)
    print(f"{len(right)} objects of at least {LEAST_AREA} pixels, {len(names)} names")
    print(f"top-1 {right[:, 0].float().mean():.3f}, top-5 {right.any(dim=1).float().mean():.3f}")
    for place, name in enumerate(objects.names):
        own = right[objects.labels == place]
        if len(own):
            print(f"  {name}: {own[:, 0].sum()} of {len(own)}, in the first five {own.any(dim=1).sum()}")


def _place(name: str, names: Sequence[str]) -> int:
    try:
        return list(names).index(name)
    except ValueError:
        raise InputError(f"the annotations have the name '{name}': add it to --names") from None


def build_encoder(config: Config, pretrained: str | None = None) -> ConSEEncoder:
    """The encoder of the config, with random weights."""
    return MODELS.build({**config.encoder, "pretrained": pretrained, "_scope_": "mmdet"})


def load_trunk(encoder: ConSEEncoder, path: Path) -> torch.nn.Linear:
    """Loads a published file, whose tensors stand in the order of timm's; returns its classifier, the last two.

    Raises:
        InputError: The file holds something else.
    """
    *trunk, weight, bias = read_checkpoint(path).values()
    names = list(encoder.trunk.state_dict())
    classifier = torch.nn.Linear(*weight.shape[::-1]).requires_grad_(False)
    try:
        encoder.trunk.load_state_dict(dict(zip(names, trunk, strict=True)))
        classifier.load_state_dict({"weight": weight, "bias": bias})
    except (RuntimeError, ValueError):
        raise InputError(f"{path} holds no weights of EfficientNet-Lite0") from None
    return classifier


def teach_words(encoder: ConSEEncoder, teacher: SentenceEncoder) -> None:
    """Fills the word table."""
    names = things()
    vectors = teacher.encode(names, "names of things")
    project = Projection.fit(vectors, encoder.embed_dim)
    pieces = project(teacher.encode(piece_texts(), "pieces of words"))
    table, scale = quantise_rows(fit_word_table(pieces, names, project(vectors)))
    encoder.text.table.copy_(table)
    encoder.text.scale.copy_(scale)


def things() -> list[str]:
    """Every name in ImageNet's 22 thousand categories that has a Latin letter or digit."""
    descriptions = ImageNetInfo("imagenet-22k").label_descriptions()
    names = [name.strip() for text in descriptions for name in text.split(",")]
    return [name for name in dict.fromkeys(names) if re.search("[A-Za-z0-9]", name)]


def label_vectors(encoder: ConSEEncoder, further: Sequence[str]) -> Tensor:
    """Unit vectors `(L, D)` of ImageNet's labels and of further names, each the mean of its synonyms."""
    labels = [text.split(",") for text in ImageNetInfo("imagenet-1k").label_descriptions()]
    labels += [[name, *SYNONYMS.get(name, ())] for name in further]
    means = [encoder.encode_text(names).mean(dim=0) for names in labels]
    return F.normalize(torch.stack(means), dim=-1)


def set_classifier(encoder: ConSEEncoder, own: torch.nn.Linear, objects: Objects) -> None:
    """ImageNet's rows, then those fitted on objects."""
    weight, bias = fit_anchors(objects, own)
    encoder.classifier.weight.copy_(torch.cat([own.weight, weight]))
    encoder.classifier.bias.copy_(torch.cat([own.bias, bias]))


def cosines(encoder: ConSEEncoder, objects: Objects, names: Sequence[str]) -> Tensor:
    """Cosines `(N, K)` of objects and names."""
    vectors = F.normalize(encoder.combine_labels(objects.features), dim=-1)
    return vectors @ encoder.encode_text(names).T

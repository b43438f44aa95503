"""Names of parameters: those of the published system, ours, and the conversion between them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from clipvis_core.foundation.errors import InputError

#: A buffer of the published criterion that always holds the class weights (object, nothing); ours is a config value.
CLASS_WEIGHT_KEY = "criterion.empty_object_weight"
CLASS_WEIGHT = torch.tensor([1.0, 0.4])

#: Family of an encoder that is no CLIP, as far as names say.
OTHER_ENCODER = "an encoder other than CLIP"


def _part(prefixes: tuple[str, str, str], *rows: tuple[str, str, str]) -> list[tuple[str, str, str]]:
    """Rows of one part of the model, each name with the part's own start."""
    return [tuple(prefix + name for prefix, name in zip(prefixes, row, strict=True)) for row in rows]


#: (published, earlier, ours): starts of names; `#` stands for a layer's number. The earlier names are those of files
#: written while mmdet's decoder layers held the parameters.
_NAMES: tuple[tuple[str, str, str], ...] = (
    ("backbone.clip_model.", "backbone.clip.", "backbone.clip."),
    *_part(
        ("sem_seg_head.pixel_decoder.", "head.pixel_decoder.", "head.pixel_decoder."),
        ("input_proj.#.0.", "input_convs.#.conv.", "input_convs.#.conv."),
        ("input_proj.#.1.", "input_convs.#.gn.", "input_convs.#.gn."),
        ("transformer.level_embed", "level_encoding.weight", "level_embed.weight"),
        ("adapter_1.norm.", "lateral_convs.0.gn.", "lateral_conv.gn."),
        ("adapter_1.", "lateral_convs.0.conv.", "lateral_conv.conv."),
        ("layer_1.norm.", "output_convs.0.gn.", "output_conv.gn."),
        ("layer_1.", "output_convs.0.conv.", "output_conv.conv."),
        ("mask_features.", "mask_feature.", "mask_feature."),
    ),
    *_part(
        (
            "sem_seg_head.pixel_decoder.transformer.encoder.layers.#.",
            "head.pixel_decoder.encoder.layers.#.",
            "head.pixel_decoder.layers.#.",
        ),
        ("self_attn.", "self_attn.", "attention."),
        ("norm1.", "norms.0.", "norm1."),
        ("linear1.", "ffn.layers.0.0.", "ffn.0."),
        ("linear2.", "ffn.layers.1.", "ffn.2."),
        ("norm2.", "norms.1.", "norm2."),
    ),
    *_part(
        ("sem_seg_head.predictor.transformer_", "head.transformer_decoder.layers.#.", "head.query_decoder.layers.#."),
        ("cross_attention_layers.#.multihead_attn.", "cross_attn.attn.", "cross_attention."),
        ("cross_attention_layers.#.norm.", "norms.0.", "norm1."),
        ("self_attention_layers.#.self_attn.", "self_attn.attn.", "self_attention."),
        ("self_attention_layers.#.norm.", "norms.1.", "norm2."),
        ("ffn_layers.#.linear1.", "ffn.layers.0.0.", "ffn.0."),
        ("ffn_layers.#.linear2.", "ffn.layers.1.", "ffn.2."),
        ("ffn_layers.#.norm.", "norms.2.", "norm3."),
    ),
    *_part(
        ("sem_seg_head.predictor.", "head.", "head.query_decoder."),
        ("decoder_norm.", "transformer_decoder.post_norm.", "norm."),
        *((f"{name}.", f"{name}.", f"{name}.") for name in ("query_feat", "query_embed", "level_embed")),
        *(
            (f"{published}.layers.{layer}.", f"{earlier}.{2 * layer}.", f"{ours}.{2 * layer}.")
            for published, earlier, ours in (
                ("object_embed", "object_embed", "object_head"),
                ("mask_embed", "mask_embed", "mask_head"),
                ("iou_head", "iou_embed", "iou_head"),
            )
            for layer in range(3)
        ),
    ),
)
_PUBLISHED, _EARLIER, _OURS = range(3)


def _rules(source: int, target: int) -> list[tuple[re.Pattern, str]]:
    """Patterns that rename names of one column into another's."""
    return [
        (re.compile(re.escape(row[source]).replace(r"\#", r"(\d+)")), row[target].replace("#", r"\1")) for row in _NAMES
    ]


_PUBLISHED_TO_OURS = _rules(_PUBLISHED, _OURS)
_EARLIER_TO_OURS = _rules(_EARLIER, _OURS)
_OURS_TO_PUBLISHED = _rules(_OURS, _PUBLISHED)


@dataclass(frozen=True)
class Layout:
    """What a checkpoint's keys say of its model.

    Attributes:
        family: `RN50` or `ConvNeXt-B` for a CLIP; the names of another encoder do not say what it is.
        num_layers: Decoder layers L: 6 (LVIS) or 9 (COCO, YouTube-VIS) in the released files.
    """

    family: str
    num_layers: int

    def __str__(self) -> str:
        return f"{self.family} with {self.num_layers} decoder layers"


def is_official(names: Iterable[str]) -> bool:
    """Whether the names are the published system's."""
    return any(name.startswith(("sem_seg_head.", "backbone.clip_model.")) for name in names)


def describe_layout(names: Iterable[str]) -> Layout:
    """Encoder family and decoder depth of a CLIP-VIS state dict, under either naming.

    Raises:
        InputError: The names are not those of a CLIP-VIS model.
    """
    names = list(names)
    layers = {
        int(found[1])
        for name in names
        if (found := re.match(r"sem_seg_head\.predictor\.transformer_ffn_layers\.(\d+)\.", name))
        or (found := re.match(r"head\.query_decoder\.layers\.(\d+)\.ffn\.", name))
    }
    encoder = [name for name in names if name.startswith("backbone.")]
    if not layers or not encoder:
        examples = ", ".join(names[:3]) or "none"
        raise InputError(f"these are not the weights of a CLIP-VIS model (names such as {examples})")
    if is_official(names) and not any(".object_embed." in name for name in names):
        raise InputError("these are the weights of another system, such as Mask2Former: they have no object head")
    return Layout(_family(encoder), len(layers))


def _family(names: Iterable[str]) -> str:
    clip = re.compile(r"backbone\.clip(_model)?\.visual\.(?P<trunk>trunk\.)?")
    found = [match for name in names if (match := clip.match(name))]
    if not found:
        return OTHER_ENCODER
    return "ConvNeXt-B" if any(match["trunk"] for match in found) else "RN50"


def to_ours(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Renames a published state dict; tensors are passed on untouched.

    Raises:
        InputError: A name is unknown, or the constant buffer holds other values than it always does.
    """
    state = dict(state)
    weight = state.pop(CLASS_WEIGHT_KEY, CLASS_WEIGHT)
    if weight.shape != CLASS_WEIGHT.shape or not torch.equal(weight.float().cpu(), CLASS_WEIGHT):
        raise InputError(f"{CLASS_WEIGHT_KEY} is {weight.tolist()} and should be {CLASS_WEIGHT.tolist()}")
    return _rename_all(state, _PUBLISHED_TO_OURS)


def to_official(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of `to_ours`, bit for bit."""
    return {**_rename_all(state, _OURS_TO_PUBLISHED), CLASS_WEIGHT_KEY: CLASS_WEIGHT.clone()}


def to_current(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Renames what has an earlier name of ours; all else keeps its name, tensors are passed on untouched."""
    return {_renamed(name, _EARLIER_TO_OURS) or name: tensor for name, tensor in state.items()}


def _rename_all(state: dict[str, Tensor], rules: list[tuple[re.Pattern, str]]) -> dict[str, Tensor]:
    renamed = {name: _renamed(name, rules) for name in state}
    unknown = [name for name, other in renamed.items() if other is None]
    if unknown:
        raise InputError(f"{len(unknown)} names do not belong to a CLIP-VIS model: {list_names(unknown)}")
    return {renamed[name]: tensor for name, tensor in state.items()}


def _renamed(name: str, rules: list[tuple[re.Pattern, str]]) -> str | None:
    """The name by the first rule that fits its start."""
    for pattern, replacement in rules:
        if found := pattern.match(name):
            return found.expand(replacement) + name[found.end() :]
    return None


def list_names(names: list[str]) -> str:
    """Names for a message, the first three of them."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more

"""Names of parameters: the published system's, ours, and the way between."""

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

_PIXEL = ("sem_seg_head.pixel_decoder.", "head.pixel_decoder.")
_ENCODER = (_PIXEL[0] + "transformer.encoder.layers.#.", _PIXEL[1] + "encoder.layers.#.")
_PREDICTOR = ("sem_seg_head.predictor.", "head.")
_LAYER = "head.transformer_decoder.layers.#."

#: (published, ours) name prefixes; `#` stands for a layer number.
_PREFIXES: tuple[tuple[str, str], ...] = (
    ("backbone.clip_model.", "backbone.clip."),
    (_PIXEL[0] + "input_proj.#.0.", _PIXEL[1] + "input_convs.#.conv."),
    (_PIXEL[0] + "input_proj.#.1.", _PIXEL[1] + "input_convs.#.gn."),
    (_PIXEL[0] + "transformer.level_embed", _PIXEL[1] + "level_encoding.weight"),
    (_ENCODER[0] + "self_attn.", _ENCODER[1] + "self_attn."),
    (_ENCODER[0] + "norm1.", _ENCODER[1] + "norms.0."),
    (_ENCODER[0] + "norm2.", _ENCODER[1] + "norms.1."),
    (_ENCODER[0] + "linear1.", _ENCODER[1] + "ffn.layers.0.0."),
    (_ENCODER[0] + "linear2.", _ENCODER[1] + "ffn.layers.1."),
    (_PIXEL[0] + "adapter_1.norm.", _PIXEL[1] + "lateral_convs.0.gn."),
    (_PIXEL[0] + "adapter_1.", _PIXEL[1] + "lateral_convs.0.conv."),
    (_PIXEL[0] + "layer_1.norm.", _PIXEL[1] + "output_convs.0.gn."),
    (_PIXEL[0] + "layer_1.", _PIXEL[1] + "output_convs.0.conv."),
    (_PIXEL[0] + "mask_features.", _PIXEL[1] + "mask_feature."),
    (_PREDICTOR[0] + "transformer_cross_attention_layers.#.multihead_attn.", _LAYER + "cross_attn.attn."),
    (_PREDICTOR[0] + "transformer_cross_attention_layers.#.norm.", _LAYER + "norms.0."),
    (_PREDICTOR[0] + "transformer_self_attention_layers.#.self_attn.", _LAYER + "self_attn.attn."),
    (_PREDICTOR[0] + "transformer_self_attention_layers.#.norm.", _LAYER + "norms.1."),
    (_PREDICTOR[0] + "transformer_ffn_layers.#.linear1.", _LAYER + "ffn.layers.0.0."),
    (_PREDICTOR[0] + "transformer_ffn_layers.#.linear2.", _LAYER + "ffn.layers.1."),
    (_PREDICTOR[0] + "transformer_ffn_layers.#.norm.", _LAYER + "norms.2."),
    (_PREDICTOR[0] + "decoder_norm.", "head.transformer_decoder.post_norm."),
    *(
        (_PREDICTOR[0] + f"{name}.", _PREDICTOR[1] + f"{name}.")
        for name in ("query_feat", "query_embed", "level_embed")
    ),
    *(
        (_PREDICTOR[0] + f"{published}.layers.{layer}.", _PREDICTOR[1] + f"{ours}.{2 * layer}.")
        for published, ours in (
            ("object_embed", "object_embed"),
            ("mask_embed", "mask_embed"),
            ("iou_head", "iou_embed"),
        )
        for layer in range(3)
    ),
)


def _rules(source: int, target: int) -> list[tuple[re.Pattern, str]]:
    """Patterns that rename names of one side into the other's."""
    rules = []
    for pair in _PREFIXES:
        pattern = re.escape(pair[source]).replace(r"\#", r"(\d+)")
        rules.append((re.compile(pattern), pair[target].replace("#", r"\1")))
    return rules


_TO_OURS, _TO_OFFICIAL = _rules(0, 1), _rules(1, 0)


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
        or (found := re.match(r"head\.transformer_decoder\.layers\.(\d+)\.ffn\.", name))
    }
    encoder = [name for name in names if name.startswith("backbone.")]
    if not layers or not encoder:
        examples = ", ".join(names[:3]) or "none"
        raise InputError(f"these are not the weights of a CLIP-VIS model (names such as {examples})")
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
    return _rename(state, _TO_OURS)


def to_official(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The way back of `to_ours`, bit for bit."""
    return {**_rename(state, _TO_OFFICIAL), CLASS_WEIGHT_KEY: CLASS_WEIGHT.clone()}


def _rename(state: dict[str, Tensor], rules: list[tuple[re.Pattern, str]]) -> dict[str, Tensor]:
    renamed, unknown = {}, []
    for name, tensor in state.items():
        for pattern, replacement in rules:
            new_name, hits = pattern.subn(replacement, name, count=1)
            if hits and pattern.match(name):
                renamed[new_name] = tensor
                break
        else:
            unknown.append(name)
    if unknown:
        raise InputError(f"{len(unknown)} names do not belong to a CLIP-VIS model: {list_names(unknown)}")
    return renamed


def list_names(names: list[str], most: int = 8) -> str:
    """Names for a message, the first few of them."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"

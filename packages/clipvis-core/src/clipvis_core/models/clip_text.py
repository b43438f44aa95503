"""The text side of a CLIP model: prompts, tokens, and unit vectors of words."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from clipvis_core.foundation.errors import InputError
from clipvis_core.text.templates import TEMPLATES, fill_templates

if TYPE_CHECKING:
    from open_clip import CLIP
    from open_clip.tokenizer import HFTokenizer, SimpleTokenizer


class CLIPWords:
    """A CLIP model as `TextEncoder`: a view that owns no parameter and sees every change of the model's.

    Args:
        clip: An open_clip model with a causal text transformer that is read at the end token.
        tokenizer: The model's tokenizer.
        templates: Prompt templates with one `{}` each.
    """

    def __init__(
        self, clip: CLIP, tokenizer: SimpleTokenizer | HFTokenizer, templates: Sequence[str] = TEMPLATES
    ) -> None:
        self.clip = clip
        self.tokenizer = tokenizer
        self.templates = tuple(templates)

    def encode_text(self, words: Sequence[str]) -> Tensor:
        """One unit vector a word: normalised mean of its normalised prompt embeddings.

        Returns:
            float32 `(P, D)` on the CPU.

        Raises:
            InputError: A word's prompt is too long for the context.
        """
        tokens = torch.cat([self.tokens(word) for word in words])
        with torch.autocast(self.clip.text_projection.device.type, enabled=False):
            embeddings = F.normalize(TextTower(self.clip).encode(tokens), dim=-1)
            means = embeddings.view(len(words), -1, embeddings.shape[-1]).mean(dim=1)
            return F.normalize(means, dim=-1).float().cpu()

    def tokens(self, word: str) -> Tensor:
        """Token ids of a word's prompts, `(templates, context_length)`."""
        prompts = fill_templates(word, self.templates)
        return tokenize(self.tokenizer, prompts, self.clip.context_length)

    def text_fingerprint(self) -> str:
        """Hex digest of weights, activation and templates."""
        digest = hashlib.blake2b(digest_size=16)
        digest.update("\n".join(self.templates).encode())
        digest.update(type(self.clip.transformer.resblocks[0].mlp.gelu).__name__.encode())
        for name, tensor in self.clip.state_dict().items():
            if not name.startswith("visual."):
                digest.update(name.encode())
                digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
        return digest.hexdigest()


def tokenize(tokenizer: SimpleTokenizer, prompts: Sequence[str], context_length: int = 77) -> Tensor:
    """Token ids, int64 `(P, context_length)`, zeros behind the end token.

    Raises:
        InputError: A prompt does not fit; CLIP's own tokenizer would cut it without a word.
    """
    for prompt in prompts:
        length = len(tokenizer.encode(prompt)) + 2
        if length > context_length:
            raise InputError(
                f"the prompt '{prompt[:60]}...' has {length} tokens and CLIP reads {context_length}: use a shorter name"
            )
    return tokenizer(list(prompts), context_length=context_length)


class TextTower:
    """A copy of a CLIP model's text side in another precision.

    In float64 a row does not depend on the other prompts of its batch nor on the machine (to 1e-15), which float32
    kernels do not give (up to 1.3e-6 seen); encoding happens once a word, so the cost is paid once.

    Args:
        clip: An open_clip model with a causal text transformer that is read at the end token.
        dtype: Precision of the copy.
    """

    def __init__(self, clip: CLIP, dtype: torch.dtype = torch.float64) -> None:
        self.token_embedding = copy.deepcopy(clip.token_embedding).to(dtype)
        self.transformer = copy.deepcopy(clip.transformer).to(dtype)
        self.ln_final = copy.deepcopy(clip.ln_final).to(dtype)
        self.positional_embedding = clip.positional_embedding.detach().to(dtype)
        self.text_projection = clip.text_projection.detach().to(dtype)
        self.attn_mask = clip.attn_mask.to(dtype)

    @torch.no_grad()
    def encode(self, tokens: Tensor) -> Tensor:
        """Text embeddings `(P, D)` of tokens `(P, context_length)`, see `encode_tokens`."""
        return encode_tokens(self, tokens.to(self.text_projection.device))


def encode_tokens(tower: CLIP | TextTower, tokens: Tensor) -> Tensor:
    """Text embeddings, not normalised, `(P, D)`.

    Positions behind the longest prompt of the batch change nothing, the tower being causal: they are cut, which
    is exact and several times faster than the full context.

    Args:
        tower: The text side of a CLIP model.
        tokens: `(P, context_length)` from `tokenize`, on the tower's device.
    """
    ends = tokens.argmax(dim=-1)  # the end token has the highest id
    length = int(ends.max()) + 1
    x = tower.token_embedding(tokens[:, :length]) + tower.positional_embedding[:length]
    x = tower.transformer(x, attn_mask=tower.attn_mask[:length, :length])
    x = tower.ln_final(x[torch.arange(len(x), device=x.device), ends])
    return x @ tower.text_projection

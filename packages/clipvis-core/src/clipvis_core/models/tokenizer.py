"""CLIP's tokenizer, whole or cut to a smaller vocabulary."""

from __future__ import annotations

from functools import cache

from open_clip.tokenizer import HFTokenizer, SimpleTokenizer

from clipvis_core.models.own_architectures import open_clip


class ShortTokenizer(SimpleTokenizer):
    """CLIP's byte-pair tokenizer with the first of its merges only.

    Merges are sorted by how often they occur in English text, so a cut list keeps frequent words whole and spells
    rare ones in several pieces. The embedding of a small model, which has a row a token, shrinks with it.

    Args:
        vocab_size: Number of tokens: 512 bytes, the merges, and the start and end token.
        context_length: Tokens of a text.

    Raises:
        ValueError: Not a size between the bytes and CLIP's own 49,408.

    Example:
        >>> tokenizer = ShortTokenizer(4096)
        >>> [tokenizer.decode([token]) for token in tokenizer.encode("a photo of a yak")]
        ['a ', 'photo ', 'of ', 'a ', 'y', 'ak ']
    """

    def __init__(self, vocab_size: int, context_length: int = 77) -> None:
        super().__init__(context_length=context_length)
        specials = list(self.decoder.values())[-2:]
        if not 514 <= vocab_size <= len(self.encoder):
            raise ValueError(f"vocab_size {vocab_size} is not from 514 to {len(self.encoder)}")
        tokens = [self.decoder[i] for i in range(vocab_size - 2)] + specials
        self.encoder = {token: i for i, token in enumerate(tokens)}
        self.decoder = dict(enumerate(tokens))
        self.bpe_ranks = {pair: rank for pair, rank in self.bpe_ranks.items() if rank < vocab_size - 514}
        self.vocab_size = vocab_size
        self.all_special_ids = [self.encoder[token] for token in specials]
        self.sot_token_id, self.eot_token_id = self.all_special_ids


@cache  # reading the merges takes longer than building a small network
def build_tokenizer(model_name: str) -> SimpleTokenizer | HFTokenizer:
    """The tokenizer of an open_clip architecture; one with fewer tokens than CLIP's gets a `ShortTokenizer`."""
    text = (open_clip.get_model_config(model_name) or {}).get("text_cfg", {})
    whole = open_clip.get_tokenizer(model_name)
    size = text.get("vocab_size", 49408)
    if type(whole) is SimpleTokenizer and size < whole.vocab_size:
        return ShortTokenizer(size, context_length=text.get("context_length", 77))
    return whole

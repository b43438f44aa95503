"""What words need of an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor


class TextEncoder(Protocol):
    """The text side of an encoder: all that `TextClassifier` asks for."""

    def encode_text(self, words: Sequence[str]) -> Tensor:
        """Unit vectors of P words, float32 `(P, D)` on the CPU.

        A word's row does not depend on the others, so that rows can be kept. Prompt templates, where there are any,
        are the encoder's own business.

        Args:
            words: Names as the user wrote them, at least one.

        Raises:
            InputError: The encoder cannot read a word, such as one that is too long.
        """

    def text_fingerprint(self) -> str:
        """Hex digest of all that decides a row but the word: the weights, templates. It is the disk cache's key."""

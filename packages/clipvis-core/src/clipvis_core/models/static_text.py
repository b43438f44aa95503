"""Words to vectors by a table with a row for each piece of a word."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipvis_core.foundation.errors import InputError

#: One piece a line, its row in the table. `##` marks a piece that continues a word. The list is BERT's (Apache-2.0),
#: without the pieces that hold anything but `a`-`z` and `0`-`9`.
PIECES_FILE = Path(__file__).with_name("word_pieces.txt")

CONTINUES = "##"


class StaticTextEncoder(nn.Module):
    """The vector of a name is the normalised sum of its pieces' rows.

    The length of a row is the weight of its piece: frequent pieces, which carry little meaning, have short rows. Rows
    are kept in 8 bits with a factor each, because there are many of them.

    Args:
        dim: D, the length of vectors.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        num_pieces = len(piece_rows())
        table = torch.randint(-127, 128, (num_pieces, dim), dtype=torch.int8)
        self.register_buffer("table", table)
        self.register_buffer("scale", torch.full((num_pieces, 1), 1 / 127))

    @torch.no_grad()
    def encode(self, words: Sequence[str]) -> Tensor:
        """Unit vectors of P words, float32 `(P, D)` on the CPU.

        Raises:
            InputError: A word has no letter or digit that has a Latin form.
        """
        rows = [torch.tensor(word_pieces(word), device=self.table.device) for word in words]
        sums = torch.stack([self._rows(row).sum(dim=0) for row in rows])
        return F.normalize(sums, dim=-1).float().cpu()

    def fingerprint(self) -> str:
        """Hex digest of the pieces and their rows."""
        digest = hashlib.blake2b(PIECES_FILE.read_bytes(), digest_size=16)
        for tensor in (self.table, self.scale):
            digest.update(tensor.cpu().contiguous().view(torch.uint8).numpy())
        return digest.hexdigest()

    def _rows(self, pieces: Tensor) -> Tensor:
        """Rows `(N, D)` of pieces `(N,)`, float64: a sum does not depend on the machine."""
        return self.table[pieces].double() * self.scale[pieces].double()


def quantise_rows(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Table int8 `(N, D)` and scale float32 `(N, 1)` whose product is nearest to `rows` `(N, D)`."""
    scale = rows.abs().amax(dim=1, keepdim=True).clamp(min=1e-8) / 127
    return (rows / scale).round().to(torch.int8), scale.float()


@cache
def piece_rows() -> dict[str, int]:
    """Row of each piece."""
    return {piece: row for row, piece in enumerate(PIECES_FILE.read_text("ascii").splitlines())}


def word_pieces(name: str) -> list[int]:
    """Rows of a name's pieces: accents and case are dropped, each word is cut greedily, longest piece first.

    Args:
        name: A word or several; anything but letters and digits separates.

    Raises:
        InputError: Nothing is left to look up.

    Example:
        >>> pieces = list(piece_rows())
        >>> [pieces[row] for row in word_pieces("Café-racer wheelies")]
        ['cafe', 'racer', 'wheel', '##ies']
    """
    plain = unicodedata.normalize("NFKD", name.lower())
    without_accents = "".join(char for char in plain if not unicodedata.combining(char))
    rows = [row for word in re.findall("[a-z0-9]+", without_accents) for row in _pieces_of_word(word)]
    if not rows:
        raise InputError(f"the name '{name}' has no Latin letter or digit: write it in English")
    return rows


def _pieces_of_word(word: str) -> list[int]:
    """Greedy cut of one word; always possible, because every letter and digit is a piece itself."""
    known = piece_rows()
    rows, start = [], 0
    while start < len(word):
        prefix = CONTINUES if start else ""
        end = next(end for end in range(len(word), start, -1) if prefix + word[start:end] in known)
        rows.append(known[prefix + word[start:end]])
        start = end
    return rows

"""Gives a trained mask decoder more queries: what it has is kept, each new query is an old one with noise.

Example:
    python projects/photo_mini/photo_mini/grow_queries.py weights/photo_mini.safetensors \\
        work_dirs/photo_mini/grown.safetensors --queries 100
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from torch import Tensor

from clipvis_core.checkpoints import model_state, read_checkpoint, write_weights
from clipvis_core.foundation.errors import InputError

QUERY_TABLES = ("head.query_decoder.query_feat.weight", "head.query_decoder.query_embed.weight")


def grow_rows(table: Tensor, rows: int, noise: float, generator: torch.Generator) -> Tensor:
    """Appends rows to a table.

    Args:
        table: `(Q, C)`.
        rows: How many there shall be, at least Q. Row Q + i begins as row i modulo Q.
        noise: Standard deviation of what is added to a new row, in standard deviations of the table.
        generator: Where the noise comes from.

    Returns:
        float32 `(rows, C)`, of which the first Q are the table's.

    Raises:
        InputError: `rows` is less than Q.
    """
    count = len(table)
    if rows < count:
        raise InputError(f"there are {count} queries already, more than {rows}: ask for at least {count}")
    table = table.float()
    new = table[torch.arange(rows - count) % count]
    spread = noise * table.std() * torch.randn(new.shape, generator=generator)
    return torch.cat([table, new + spread])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("input", metavar="IN", help="weights to read")
    parser.add_argument("output", metavar="OUT", help="safetensors file to write")
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--noise", type=float, default=0.5)
    args = parser.parse_args()
    state = dict(model_state(read_checkpoint(args.input), args.input))
    generator = torch.Generator().manual_seed(0)
    for name in QUERY_TABLES:
        if name not in state:
            raise InputError(
                f"{args.input} has no {name}: name weights of a CLIP-VIS model, not in the published layout"
            )
        state[name] = grow_rows(state[name], args.queries, args.noise, generator)
    Path(args.output).parent.mkdir(parents=True, exist_ok=True)
    write_weights(state, args.output, dtype=torch.float32, meta={})


if __name__ == "__main__":
    sys.path.append(str(Path(__file__).resolve().parents[3] / "tools"))
    import _command

    _command.run(main, InputError)

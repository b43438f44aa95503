"""Where the benchmarks keep their files, and how many records they have."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

# Videos or images of each published json, by the end of its path in the layout of docs/data.md.
PUBLISHED_COUNTS = {
    "lvis/lvis_v1_train.json": 100_170,
    "lvis/lvis_v1_train_norare.json": 100_170,
    "lvis/lvis_v1_val.json": 19_809,
    "coco/annotations/instances_train2017.json": 118_287,
    "coco/annotations/instances_val2017.json": 5_000,
    "ytvis2019/train.json": 2_238,
    "ytvis2019/valid.json": 302,
    "ytvis2019/test.json": 343,
    "ytvis2021/train.json": 2_985,
    "ytvis2021/valid.json": 421,
    "ytvis2021/test.json": 453,
    "ovis/annotations_train.json": 607,
    "ovis/annotations_valid.json": 140,
    "ovis/annotations_test.json": 154,
    "lvvis/train/train_ytvis_style.json": 3_083,
    "lvvis/val/val_instances_.json": 837,
    "lvvis/test/test_instances.json": 908,
    "burst/val/b2y_val.json": 993,
}

_SAMPLE = 20  # file names tried for each candidate folder


def published_count(path: Path) -> int | None:
    """Videos or images the benchmark's json at this place has; None for other files."""
    for end, count in PUBLISHED_COUNTS.items():
        if path.resolve().as_posix().endswith(f"/{end}"):
            return count
    return None


def find_image_folder(json_path: Path, root: Path, names: Sequence[str]) -> Path | None:
    """The folder that some relative image names are relative to.

    Args:
        json_path: The annotation file; folders near it, or with a name like its own, come first.
        root: Where to look.
        names: Relative paths.

    Returns:
        The folder below `root` with the most of a sample of the names; None if no folder has any.
    """
    step = max(1, len(names) // _SAMPLE)
    sample = names[::step][:_SAMPLE]
    best, best_key = None, (0, False, 0)
    for folder in folders_below(root):
        hits = sum((folder / name).is_file() for name in sample)
        parts = folder.relative_to(root).parts
        named_alike = any(part in json_path.stem for part in parts)  # val/JPEGImages and val.json
        key = (hits, named_alike, -len(os.path.relpath(folder, json_path.parent)))
        if hits and key > best_key:
            best, best_key = folder, key
    return best


def folders_below(root: Path, depth: int = 3) -> Iterator[Path]:
    """Folders at most `depth` down; one that holds over 200 folders holds videos, which are not entered."""
    yield root
    if depth == 0:
        return
    below = [Path(entry.path) for entry in os.scandir(root) if entry.is_dir()]
    if len(below) > 200:
        return
    for folder in sorted(below):
        yield from folders_below(folder, depth - 1)

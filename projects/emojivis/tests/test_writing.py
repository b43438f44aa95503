"""EmojiVIS written to disk: sound by the checker, read back by the ordinary dataset, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
from mmdet.registry import DATASETS
from pycocotools import mask as mask_api

from clipvis_core.foundation.errors import InputError
from clipvis_data.preparation import check_root
from projects.emojivis.emojivis import EMOJI_LIST, EmojiWorld, SceneOptions, emoji_vocabulary, write_emojivis

SMALL = SceneOptions(size=(96, 128), length=5, objects=(2, 4), sprite_size=(30, 60), cut_prob=0.5)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("emojivis")
    for split in ("train", "val"):
        write_emojivis(folder, EmojiWorld(split, options=SMALL), split, 4, processes=1)
    return folder


def test_the_checker_finds_no_fault(root):
    reports = check_root(root, processes=1)
    names = ["train.json", "train_images.json", "val.json", "val_images.json"]
    assert [report.path.name for report in reports] == names
    assert [report.faults for report in reports] == [[]] * 4
    assert [report.images.parent.name for report in reports] == ["train", "train", "val", "val"]
    assert reports[0].counts["videos"] == reports[1].counts["images"] == 4


def test_the_json_holds_the_clips(root):
    world = EmojiWorld("val", options=SMALL)
    data = json.loads((root / "val.json").read_text())
    for annotation in data["annotations"]:
        clip = world.clip(annotation["video_id"] - 1)
        for t, rle in enumerate(annotation["segmentations"]):
            if rle is None:
                assert annotation["bboxes"][t] is annotation["areas"][t] is None
                continue
            mask = mask_api.decode(rle)
            (owner,) = np.unique(clip.owners[t][mask > 0])
            assert annotation["category_id"] == clip.labels[owner - 1] + 1
            assert annotation["areas"][t] == mask.sum() == (clip.owners[t] == owner).sum()


def test_training_has_base_categories_only_and_partitions_are_marked(root):
    data = json.loads((root / "train.json").read_text())
    partitions = {c["id"]: c["partition"] for c in data["categories"]}
    assert {a["category_id"] for a in data["annotations"]} <= {i for i, p in partitions.items() if p == 0}
    novel = {i for i, partition in partitions.items() if partition == 2}
    assert novel == set(emoji_vocabulary().group("novel"))


def test_the_ordinary_dataset_reads_it(root):
    dataset = DATASETS.build(
        {
            "type": "VideoInstanceDataset",
            "data_root": str(root),
            "ann_file": "val.json",
            "data_prefix": {"img_path": "val/JPEGImages"},
            "vocabulary": EMOJI_LIST,
        }
    )
    assert len(dataset) == 4
    assert dataset.metainfo["dataset_name"] == "emojivis"
    assert sum(len(frame["instances"]) for frame in dataset.get_data_info(0)["images"]) > 0


def test_the_image_dataset_reads_the_first_frames(root):
    dataset = DATASETS.build(
        {
            "type": "CocoInstanceDataset",
            "data_root": str(root),
            "ann_file": "val_images.json",
            "data_prefix": {"img": "val/JPEGImages"},
            "vocabulary": EMOJI_LIST,
        }
    )
    world = EmojiWorld("val", options=SMALL)
    for index in range(4):
        clip, record = world.clip(index), dataset.get_data_info(index)
        assert record["img_path"].endswith(f"{index:05d}/00000.jpg")
        labels = [clip.labels[track] for track in clip.masks(0)]
        assert [instance["bbox_label"] for instance in record["instances"]] == labels


def test_writing_again_gives_the_same_bytes(root, tmp_path):
    write_emojivis(tmp_path, EmojiWorld("val", options=SMALL), "val", 4, processes=2)
    for name in ("val.json", "val/JPEGImages/00003/00002.jpg"):
        first, second = ((folder / name).read_bytes() for folder in (root, tmp_path))
        assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()


def test_nothing_half_written_and_nothing_overwritten(root, tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"val is there already; remove it first"):
        write_emojivis(root, EmojiWorld("val", options=SMALL), "val", 1, processes=1)
    with pytest.raises(InputError, match="cannot write 0 videos"):
        write_emojivis(tmp_path, EmojiWorld("val", options=SMALL), "val", 0)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.png").write_bytes(b"no picture")
    world = EmojiWorld("val", options=SMALL, backgrounds=tmp_path / "photos")
    with pytest.raises(InputError, match=r"a.png cannot be read"):
        write_emojivis(tmp_path / "out", world, "val", 8, processes=1)
    assert list((tmp_path / "out").iterdir()) == []


def test_the_command(tmp_path, repo_root):
    command = [sys.executable, repo_root / "projects/emojivis/tools/prepare_emojivis.py", tmp_path / "e"]
    run = [*command, "--split", "test", "--videos", "1", "--length", "2", "--processes", "1"]
    result = subprocess.run(run, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "test.json: 1 videos, 2 frames," in result.stdout
    result = subprocess.run(run, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].endswith("remove it first, or name another folder")

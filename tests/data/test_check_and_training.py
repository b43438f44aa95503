"""`check` refuses exactly what training refuses: one list of planted faults and oddities that both are held to."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from builders import image_json, save_picture, video_json, write_images, write_json, write_videos
from PIL import Image

from clipvis_core.foundation.errors import InputError
from clipvis_data.datasets import CocoInstanceDataset, VideoInstanceDataset
from clipvis_data.preparation import check_annotation_file
from clipvis_data.transforms.loading import read_rgb

PICTURE = "000000000011.jpg"


def first(key, **fields):
    """Changes fields of the first record of a list."""
    return lambda data, images: data[key][0].update(fields)


def without(key, field):
    def plant(data, images):
        for record in data[key]:
            record.pop(field, None)

    return plant


def renamed(old_to_new):
    """Changes every name in the json; the files stay."""

    def plant(data, images):
        for image in data["images"]:
            image["file_name"] = old_to_new(image["file_name"])

    return plant


def picture(make):
    """Puts another file in the place of a picture."""
    return lambda data, images: make(images / PICTURE)


def flipped_png(path):
    content = bytearray(png_of(path).read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def png_of(path):
    image = Image.open(path).copy()
    image.save(path, format="PNG")
    return path


def turned(path):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.open(path).copy()
    image.save(path, exif=exif)


def floats(path):
    Image.fromarray(np.zeros((30, 40), np.float32)).save(path, format="TIFF")


def deep(path):
    Image.fromarray(np.full((30, 40), 40000, np.uint16)).save(path, format="PNG")


def repeat_category(data, images):
    data["categories"].append({"id": 9, "name": data["categories"][0]["name"]})


def objects_gone(data, images):
    data["annotations"] = [a for a in data["annotations"] if a["iscrowd"]]


REFUSED = {
    "id twice": first("annotations", id=200),
    "id of text": first("images", id="10"),
    "size of a fraction": first("images", height=30.0),
    "unknown image": first("annotations", image_id=77),
    "unknown category": first("annotations", category_id=77),
    "category twice": first("categories", id=2),
    "category name twice": repeat_category,
    "category of no name": first("categories", name=" "),
    "odd frequency": first("categories", frequency="x"),
    "mask null": first("annotations", segmentation=None),
    "mask of a point": first("annotations", segmentation=[[1, 2, 3, 4]]),
    "mask far away": first("annotations", segmentation=[[0, 0, 1e9, 0, 5, 5]]),
    "mask of another size": first("annotations", segmentation={"size": [40, 30], "counts": [1200]}),
    "box of nan": first("annotations", bbox=[float("nan"), 1, 2, 3]),
    "box of negative sides": first("annotations", bbox=[5, 5, -2, 3]),
    "crowd of 2": first("annotations", iscrowd=2),
    "ignore set": first("annotations", ignore=1),
    "climbing name": first("images", file_name="../000000000010.jpg"),
    "missing file": lambda data, images: (images / PICTURE).unlink(),
    "file in other case": lambda data, images: (images / PICTURE).rename(images / PICTURE.upper()),
    "picture of another size": picture(lambda path: save_picture(path, 30, 41)),
    "picture turned by EXIF": picture(turned),
    "picture cut short": picture(lambda path: path.write_bytes(path.read_bytes()[:-100])),
    "picture of text": picture(lambda path: path.write_text("not found")),
    "picture of no bytes": picture(lambda path: path.write_bytes(b"")),
    "PNG with a wrong byte": picture(flipped_png),
    "floating-point samples": picture(floats),
}
ACCEPTED = {
    "nothing": lambda data, images: None,
    "no boxes": without("annotations", "bbox"),
    "no areas": without("annotations", "area"),
    "no crowd flags": without("annotations", "iscrowd"),
    "box null": first("annotations", bbox=None),
    "unused category": lambda data, images: data["categories"].append({"id": 7, "name": "gnu"}),
    "names with commas": first("categories", name="chair (office, swivel)"),
    "absolute names": renamed("/home/me/data/{}".format),
    "names from Windows": renamed("C:\\me\\{}".format),
    "names that climb by backslashes": renamed("..\\..\\upload\\4\\{}".format),
    "PNG under another name": picture(png_of),
    "16 bits": picture(deep),
    "large ids": lambda data, images: [a.update(id=a["id"] + 2**62) for a in data["annotations"]],
}
#: What training alone refuses, and `check` tells beside its verdict.
NOTED = {"no object": objects_gone, "annotations null": lambda data, images: data.update(annotations=None)}


def refusals(tmp_path, plant):
    """What training says, what `check` says, and its notes; "" for nothing."""
    data = image_json()
    path = write_images(tmp_path, data)
    plant(data, tmp_path / "images")
    write_json(path, data)
    said = ""
    try:
        dataset = CocoInstanceDataset(
            ann_file=path.name, data_root=str(tmp_path), data_prefix={"img": "images"}, pipeline=[]
        )
        for index in range(len(dataset)):
            record = dataset.get_data_info(index)
            read_rgb(record["img_path"], record["height"], record["width"])
    except InputError as error:
        said = str(error)
    report = check_annotation_file(path, processes=1)
    return said, "; ".join(report.faults), "; ".join(report.notes)


@pytest.mark.parametrize("name", REFUSED)
def test_both_refuse(tmp_path, name):
    training, check, _ = refusals(tmp_path, REFUSED[name])
    assert training
    assert check
    if name not in ("category twice", "missing file", "file in other case"):  # these are said in other words
        assert training.split("; ")[0].split(" (")[0] in check


@pytest.mark.parametrize("name", ACCEPTED)
def test_both_accept(tmp_path, name):
    assert refusals(tmp_path, ACCEPTED[name]) == ("", "", "")


@pytest.mark.parametrize("name", NOTED)
def test_a_file_for_tests_alone_is_noted(tmp_path, name):
    training, check, notes = refusals(tmp_path, NOTED[name])
    assert training
    assert (check, notes) == ("", "no object is annotated: it can be tested on, not trained on")


def test_packed_files_and_byte_order_marks(tmp_path):
    text = json.dumps(video_json()).encode()
    write_videos(tmp_path, video_json())
    for name, content in (("a.json", b"\xef\xbb\xbf" + text), ("b.json.gz", gzip.compress(text))):
        (tmp_path / name).write_bytes(content)
        options = {"data_root": str(tmp_path), "data_prefix": {"img_path": "JPEGImages"}, "pipeline": []}
        assert len(VideoInstanceDataset(ann_file=name, **options)) == 3
        assert check_annotation_file(tmp_path / name, processes=1).faults == []

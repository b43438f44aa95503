"""What a browser sends is taken, or refused in one line."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
from PIL import Image

from clipvis_core import InputError
from clipvis_core.command_line.studio import uploads
from clipvis_core.command_line.studio.uploads import take_upload
from clipvis_core.media import open_frames


@pytest.fixture
def pictures(tmp_path):
    paths = []
    for number in (2, 10, 1):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(np.full((6, 8, 3), number, np.uint8)).save(paths[-1])
    return paths


def zipped(tmp_path, files: dict[str, bytes]):
    path = tmp_path / "frames.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_one_several_and_zipped_images(pictures, tmp_path):
    assert take_upload(pictures[:1], tmp_path / "a").read_bytes() == pictures[0].read_bytes()
    several = open_frames(take_upload(pictures, tmp_path / "b"))
    assert [int(frame[0, 0, 0]) for frame in several] == [1, 2, 10]
    files = {f"clip/{path.name}": path.read_bytes() for path in pictures} | {"clip/notes.txt": b"", "clip/.1.png": b""}
    packed = open_frames(take_upload([zipped(tmp_path, files)], tmp_path / "c"))
    assert [int(frame[0, 0, 0]) for frame in packed] == [1, 2, 10]


def test_nothing_leaves_the_folder(pictures, tmp_path):
    content = pictures[0].read_bytes()
    place = take_upload([zipped(tmp_path, {"../../evil.png": content, "/tmp/evil2.png": content})], tmp_path / "c")
    assert sorted(path.name for path in place.iterdir()) == ["evil.png", "evil2.png"]
    assert not (tmp_path.parent / "evil.png").exists()


def test_what_cannot_be_taken(pictures, tmp_path, monkeypatch):
    content = pictures[0].read_bytes()
    text = tmp_path / "notes.txt"
    text.write_text("no image")
    broken = tmp_path / "broken.zip"
    broken.write_bytes(zipped(tmp_path, {"1.png": content}).read_bytes()[:40])
    cases = [
        ([], "nothing was uploaded"),
        ([pictures[0], text], "notes.txt is no image"),
        ([broken], "cannot be unpacked"),
        ([zipped(tmp_path, {"a.txt": b"x"})], "holds no images"),
    ]
    for number, (files, message) in enumerate(cases):
        with pytest.raises(InputError, match=message):
            take_upload(files, tmp_path / str(number))
    with pytest.raises(InputError, match=r"holds 1\.png twice"):
        take_upload([zipped(tmp_path, {"a/1.png": content, "b/1.png": content})], tmp_path / "twice")
    monkeypatch.setattr(uploads, "MOST_BYTES", 1000)
    with pytest.raises(InputError, match="holds more than"):
        take_upload([zipped(tmp_path, {"1.png": b"\0" * 2000})], tmp_path / "bomb")
    (tmp_path / "large.mp4").write_bytes(b"\0" * 2000)
    with pytest.raises(InputError, match="the upload is over"):
        take_upload([tmp_path / "large.mp4"], tmp_path / "large")

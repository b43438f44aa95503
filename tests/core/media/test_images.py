"""Folders of frames and single images."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from clipvis_core.foundation.errors import InputError
from clipvis_core.media import DEFAULT_FRAME_RATE, TruncatedError, open_frames
from clipvis_core.media import frames as frames_module
from clipvis_core.media.images import load_image

ORIENTATION = 0x0112
UNDO = {  # what turns an upright picture into the stored one, for each EXIF orientation but 1
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def save(path, level=0, size=(12, 16), **options):
    Image.fromarray(np.full((*size, 3), level, np.uint8)).save(path, **options)
    return path


def test_folder_is_read_in_natural_order_past_other_files(tmp_path):
    for number in (1, 2, 10, 100):
        save(tmp_path / f"frame_{number}.png", number)
    save(tmp_path / "._frame_3.png")
    (tmp_path / "notes.txt").write_text("frame_4.png")
    source = open_frames(tmp_path)
    assert (source.name, source.height, source.width) == (tmp_path.name, 12, 16)
    assert (source.frame_rate, source.num_frames) == (DEFAULT_FRAME_RATE, 4)
    for _ in range(2):
        assert [frame[0, 0, 0] for frame in source] == [1, 2, 10, 100]
    assert source.num_read == 4


def test_folder_with_unicode_names_and_upper_case_suffixes(tmp_path):
    folder = tmp_path / "vidéo 犬"
    folder.mkdir()
    save(folder / "é2.JPG", 20)
    save(folder / "é10.PNG", 10)
    assert [round(int(frame[0, 0, 0]), -1) for frame in open_frames(folder)] == [20, 10]


def test_folder_names_the_first_odd_size_at_once(tmp_path):
    for number, size in enumerate([(12, 16), (12, 16), (12, 17), (13, 16)]):
        save(tmp_path / f"{number}.png", size=size)
    with pytest.raises(InputError, match=r"2\.png is 17x12, the frames before it 16x12"):
        open_frames(tmp_path)


@pytest.mark.parametrize("names", [[], ["readme.txt"], [".hidden.png"]])
def test_folder_without_frames(tmp_path, names):
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match="holds no frames"):
        open_frames(tmp_path)


def test_folder_with_one_frame_in_two_formats(tmp_path):
    save(tmp_path / "1.png")
    save(tmp_path / "1.jpg")
    with pytest.raises(InputError, match=r"both 1\.jpg and 1\.png"):
        open_frames(tmp_path)


def test_folder_with_a_broken_frame(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(3):
        Image.fromarray(rng.integers(0, 256, (48, 64, 3), np.uint8)).save(tmp_path / f"{number}.jpg")
    broken = tmp_path / "2.jpg"
    broken.write_bytes(broken.read_bytes()[:-1000])
    with pytest.raises(TruncatedError, match=r"2\.jpg cannot be read .*decoded 2 of 3 frames"):
        list(open_frames(tmp_path))
    with pytest.warns(UserWarning, match=r"2\.jpg"):
        assert len(list(open_frames(tmp_path, allow_truncated=True))) == 2


@pytest.mark.parametrize("kind", ["a PNG cut short", "no image", "another size"])
def test_a_folder_ends_at_a_frame_that_cannot_be_taken(tmp_path, kind):
    for number in range(4):
        save(tmp_path / f"{number}.png", number, size=(64, 64))
    bad = tmp_path / "2.png"
    if kind == "another size":
        save(bad, size=(64, 65))
    else:
        bad.write_bytes(bad.read_bytes()[:-30] if kind == "a PNG cut short" else b"nothing")
    with pytest.raises(InputError, match=r"2\.png"):
        open_frames(tmp_path)
    source = open_frames(tmp_path, allow_truncated=True)
    with pytest.warns(UserWarning, match="going on with the frames before that"):
        assert len(list(source)) == 2
    assert source.truncated


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, orientation):
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :16] = 255  # white top left corner
    stored = Image.fromarray(upright)
    if orientation in UNDO:
        stored = stored.transpose(UNDO[orientation])
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / "photo.png"
    stored.save(path, exif=exif)
    source = open_frames(path)
    assert (source.height, source.width) == (16, 32)
    np.testing.assert_array_equal(next(iter(source)), upright)


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("L", 77, (77, 77, 77)),
        ("I;16", 77 * 256 + 5, (77, 77, 77)),
        ("I;16", 77 * 16 + 5, (77, 77, 77)),  # 12 bits in 16
        ("RGBA", (9, 8, 7, 255), (9, 8, 7)),
        ("RGBA", (255, 0, 255, 0), (255, 255, 255)),  # hidden magenta
        ("LA", (9, 0), (255, 255, 255)),
        ("1", 1, (255, 255, 255)),
        ("P", 0, (0, 0, 0)),
    ],
)
def test_pixel_modes(tmp_path, mode, value, expected):
    path = tmp_path / "image.png"
    Image.new(mode, (3, 2), value).save(path)
    frame = load_image(path)
    assert (frame.dtype, frame.shape) == (np.uint8, (2, 3, 3))
    assert tuple(frame[0, 0]) == expected


def test_one_pixel_image(tmp_path):
    source = open_frames(save(tmp_path / "dot.png", 5, size=(1, 1)))
    assert [frame.tolist() for frame in source] == [[[[5, 5, 5]]]]
    assert source.num_frames == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.png", b"", r"a\.png is empty"),
        ("a.jpg", b"<html>not found</html>", r"a\.jpg cannot be read as an image \(not a known format\)"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(40), r"a\.png cannot be read as an image"),
    ],
)
def test_what_is_no_image(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as info:
        open_frames(tmp_path / name)
    assert "\n" not in str(info.value)


def test_images_over_the_size_limit_are_refused_before_decoding(tmp_path, monkeypatch):
    monkeypatch.setattr(frames_module, "MAX_PIXELS", 100)
    with pytest.raises(InputError, match=r"big\.png is 16x12, over the limit"):
        open_frames(save(tmp_path / "big.png"))


@pytest.mark.parametrize("name", ["missing.mp4", "missing.png", "missing", "a\0b", "no/such/folder/x.mp4"])
def test_missing_path(tmp_path, name):
    with pytest.raises(InputError, match="check the path"):
        open_frames(str(tmp_path / name))


def test_device_file_is_refused():
    with pytest.raises(InputError, match="no regular file"):
        open_frames("/dev/null")

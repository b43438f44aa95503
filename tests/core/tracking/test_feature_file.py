"""Features come back as they were kept, from whole files and from broken ones."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kept_features import FACTS, random_codes, random_frame

from clipvis_core import InputError
from clipvis_core.foundation.block_file import whole_blocks, write_block
from clipvis_core.foundation.calibration import Calibration
from clipvis_core.tracking.feature_facts import FeatureFacts
from clipvis_core.tracking.feature_file import FeatureFile, FeatureWriter
from clipvis_core.tracking.frame_features import FrameLayout
from clipvis_core.tracking.packed_rows import pack_rows, unpack_rows

QUIET = settings(max_examples=30, deadline=None, derandomize=True)


def kept(num_frames: int = 3, seed: int = 0, **facts) -> tuple[BytesIO, list]:
    """A file of features, and its frames with their masks."""
    rng = np.random.default_rng(seed)
    frames = [(random_frame(rng), random_codes(rng)) for _ in range(num_frames)]
    file = BytesIO()
    writer = FeatureWriter(file, replace(FACTS, **facts))
    for frame, codes in frames:
        writer.append(frame, codes)
    writer.finish([t / 10 for t in range(num_frames)])
    assert writer.nbytes == len(file.getvalue())
    return file, frames


@QUIET
@given(st.integers(1, 8), st.integers(1, 100), st.integers(0, 2**16))
def test_packed_rows_are_near(rows, dim, seed):
    """Sixteen bits of the largest of 32 neighbours; a row of zeros stays one."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((rows, dim)).astype(np.float32) * 10.0 ** rng.integers(-20, 20, (rows, 1))
    values = values.astype(np.float32)
    values[0] = 0
    back = unpack_rows(*pack_rows(values))
    for start in range(0, dim, 32):
        block = slice(start, start + 32)
        bound = np.abs(values[:, block]).max(axis=1, keepdims=True) / 32767 * 0.51
        assert (np.abs(back - values)[:, block] <= bound).all()
    assert (back[0] == 0).all()


def test_numbers_that_are_none_stay_none():
    rows = np.ones((2, 40), np.float32)
    rows[0, 3], rows[1, 39] = np.nan, np.inf
    back = unpack_rows(*pack_rows(rows))
    assert np.isnan(back[0, :32]).all()
    assert np.isnan(back[1, 32:]).all()
    np.testing.assert_allclose(back[0, 32:], 1, rtol=1e-4)


@QUIET
@given(st.integers(1, 9), st.integers(1, 70), st.integers(0, 2**16))
def test_a_frame_comes_back(queries, dim, seed):
    rng = np.random.default_rng(seed)
    frame, codes = random_frame(rng, queries, dim), random_codes(rng, queries)
    layout = FrameLayout(queries, dim)
    content = layout.pack(frame, codes)
    back = layout.unpack(content)
    np.testing.assert_array_equal(back.regions, unpack_rows(*pack_rows(frame.regions)))
    for name in ("ious", "object_logits", "mask_sums", "mask_cells", "permutation"):
        np.testing.assert_array_equal(getattr(back, name), getattr(frame, name))
    assert layout.unpack_codes(content) == codes
    with pytest.raises(InputError):
        layout.unpack_codes(content[: rng.integers(0, len(content))])


def test_an_image_also_has_the_quality_of_its_masks():
    rng = np.random.default_rng(0)
    frame = replace(random_frame(rng), quality=rng.random(6).astype(np.float32))
    file = BytesIO()
    writer = FeatureWriter(file, replace(FACTS, image=True))
    writer.append(frame, {2: b"code"})
    writer.finish([0.0])
    features = FeatureFile(file)
    np.testing.assert_array_equal(features.frame(0).quality, frame.quality)
    np.testing.assert_array_equal(features.frame(0).permutation, frame.permutation)
    assert features.codes(0) == {2: b"code"}


def test_equal_regions_are_kept_once():
    rng = np.random.default_rng(0)
    frame = random_frame(rng, 50, 100)
    same = replace(frame, regions=np.repeat(frame.regions[:1], 50, axis=0))
    layout = FrameLayout(50, 100)
    assert len(layout.pack(frame, {})) > len(layout.pack(same, {})) + 20 * 200


def test_a_frame_of_the_published_size_takes_less_than_250_kb():
    rng = np.random.default_rng(0)
    frame = random_frame(rng, 100, 1024)
    frame = replace(frame, regions=rng.standard_normal((100, 1024)).astype(np.float32))
    assert len(FrameLayout(100, 1024).pack(frame, {})) < 222_000


def test_a_file_comes_back():
    calibration = Calibration(0.1, 0.2, 0.3, 0.4, -5.0)
    file, frames = kept(calibration=calibration)
    features = FeatureFile(file)
    assert features.facts == replace(FACTS, calibration=calibration, num_queries=6, dim=40)
    assert (len(features), features.ended, features.times) == (3, True, [0.0, 0.1, 0.2])
    for t, (frame, codes) in enumerate(frames):
        np.testing.assert_array_equal(features.frame(t).ious, frame.ious)
        assert features.codes(t) == codes


def test_a_file_cut_anywhere_has_its_first_frames():
    file, frames = kept()
    whole = file.getvalue()
    blocks = list(whole_blocks(file, (b"CVfh", b"CVff", b"CVfe")))
    ends = [block.start + block.length for block in blocks]
    for cut in sorted({*range(0, len(whole), 97), *(end + step for end in ends for step in (-1, 0, 1))}):
        number = sum(end <= cut for end in ends[1:4])
        if not number:
            with pytest.raises(InputError, match="features"):
                FeatureFile(BytesIO(whole[:cut]), "the features")
            continue
        features = FeatureFile(BytesIO(whole[:cut]))
        assert (len(features), features.ended) == (number, cut >= len(whole))
        assert features.codes(number - 1) == frames[number - 1][1]
        assert features.times == pytest.approx([t / (10 if features.ended else 25) for t in range(number)])


@pytest.mark.parametrize("seed", range(40))
def test_damage_is_one_line(seed):
    """Bytes changed anywhere: what can be read is what was written, or one line says that it is damaged."""
    file, frames = kept()
    rng = np.random.default_rng(seed)
    damaged = bytearray(file.getvalue())
    damaged[rng.integers(0, len(damaged))] ^= int(rng.integers(1, 256))
    message = "features.bin"
    try:
        features = FeatureFile(BytesIO(bytes(damaged)), "features.bin")
        for t in range(len(features)):
            np.testing.assert_array_equal(features.frame(t).mask_cells, frames[t][0].mask_cells)
            assert features.codes(t) == frames[t][1]
    except InputError as error:
        message = str(error)
    assert message.startswith("features.bin")
    assert "\n" not in message
    assert len(message) < 300


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("made_by", "somebody"), ("format", 99), ("height", 0), ("width", 10**9), ("frame_rate", "1/0"),
        ("frame_rate", "-3"), ("topk", True), ("logit_scale", float("inf")), ("encoder", "../../x"), ("dim", 2**40),
        ("num_queries", None), ("calibration", {"contrast": 1}), ("calibration", {"nonsense": 1}), ("surprise", 1),
    ],
)  # fmt: skip
def test_headers_are_checked(field, value):
    record = json.loads(replace(FACTS, num_queries=6, dim=40).to_json())
    assert FeatureFacts.from_json(json.dumps(record).encode(), "it").dim == 40
    record[field] = value
    with pytest.raises(InputError, match=r"^features\.bin") as error:
        FeatureFacts.from_json(json.dumps(record).encode(), "features.bin")
    assert len(str(error.value)) < 300


def test_masks_of_other_lengths_are_refused():
    layout = FrameLayout(6, 40)
    rng = np.random.default_rng(0)
    frame = random_frame(rng)
    content = layout.pack(frame, {0: b"abc"})
    for masks in (b"", layout.pack(frame, {0: b"abcd"})[-12:], b"\0" * 30):
        with pytest.raises(InputError, match="has masks"):
            layout.unpack_codes(content[:-12] + masks)


@pytest.mark.parametrize("most_bytes", [None, 5000])
def test_a_full_disk_or_too_much_ends_the_keeping(most_bytes):
    """And nothing else: what the run is for goes on."""

    class Full(BytesIO):
        def write(self, content):
            if most_bytes is None and self.tell() > 5000:
                raise OSError(28, "No space left on device")
            return super().write(content)

    file = Full()
    writer = FeatureWriter(file, FACTS, most_bytes)
    rng = np.random.default_rng(0)
    for _ in range(20):
        writer.append(random_frame(rng), random_codes(rng))
    writer.finish([0.0] * 20)
    assert writer.lost == ("No space left on device" if most_bytes is None else "they would take over 4.65661e-06 GiB")
    assert (writer.nbytes, file.getvalue()) == (0, b"")


def test_what_is_written_is_whatever_comes_next():
    """Frame by frame, in any order of calls the file holds whole blocks only."""
    rng = np.random.default_rng(0)
    file = BytesIO()
    writer = FeatureWriter(file, FACTS)
    for number in range(1, 4):
        writer.append(random_frame(rng), {})
        features = FeatureFile(BytesIO(file.getvalue()))
        assert (len(features), features.ended) == (number, False)
    writer.finish([0.0, 0.1, 0.2])
    writer.finish([0.0, 0.1, 0.2])
    assert FeatureFile(file).ended
    assert len(list(whole_blocks(file, (b"CVfh", b"CVff", b"CVfe")))) == 5


def test_other_files_are_refused():
    for content in (b"", b"RIFF" + bytes(100), b"CVfh" + bytes(60)):
        with pytest.raises(InputError, match="no file of features"):
            FeatureFile(BytesIO(content))
    file = BytesIO()
    write_block(file, b"CVfh", replace(FACTS, num_queries=6, dim=40).to_json())
    with pytest.raises(InputError, match="no whole frame"):
        FeatureFile(file)
    assert {field.name for field in fields(FACTS)} == set(json.loads(FACTS.to_json())) - {"made_by", "format"}

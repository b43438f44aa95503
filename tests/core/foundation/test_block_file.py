"""Blocks come back as they were written, whatever happened to the end of their file."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clipvis_core import InputError
from clipvis_core.foundation.block_file import read_block, whole_blocks, write_block

MARK = b"WORD"
CONTENTS = st.lists(st.binary(max_size=20), min_size=1, max_size=5)


def written(contents: list[bytes]) -> bytes:
    file = BytesIO()
    sizes = [write_block(file, MARK, content) for content in contents]
    assert sum(sizes) == len(file.getvalue())
    return file.getvalue()


def read(content: bytes) -> list[bytes]:
    file = BytesIO(content)
    return [read_block(file, block, "the file") for block in whole_blocks(file, (MARK,))]


@given(CONTENTS, st.data())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_file_cut_anywhere_has_its_first_blocks(contents, data):
    whole = written(contents)
    cut = data.draw(st.integers(0, len(whole)))
    found = read(whole[:cut])
    assert found == contents[: len(found)]
    assert len(written(contents[: len(found) + 1])) > cut or len(found) == len(contents)


@given(CONTENTS, st.data())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_no_damaged_content_is_taken_for_a_good_one(contents, data):
    damaged = bytearray(written(contents))
    place = data.draw(st.integers(0, len(damaged) - 1))
    damaged[place] ^= data.draw(st.integers(1, 255))
    try:
        found = read(bytes(damaged))
    except InputError:
        return
    assert found == contents[: len(found)]
    assert len(found) < len(contents)


def test_a_tail_of_zeros_is_no_block():
    """As a power cut leaves it."""
    assert read(written([b"first"]) + bytes(100)) == [b"first"]


def test_a_file_that_takes_a_part_at_a_time():
    class Slow(BytesIO):
        def write(self, content):
            return super().write(bytes(content[:3]))

    file = Slow()
    write_block(file, MARK, b"content")
    assert read(file.getvalue()) == [b"content"]


def test_an_unknown_mark_ends_the_file():
    file = BytesIO()
    write_block(file, MARK, b"one")
    write_block(file, b"ELSE", b"two")
    write_block(file, MARK, b"three")
    assert read(file.getvalue()) == [b"one"]
    (block,) = whole_blocks(file, (MARK,))
    with pytest.raises(InputError, match="the file is damaged"):
        read_block(file, block._replace(checksum=0), "the file")

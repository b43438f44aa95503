"""Files that grow by checked blocks and can be read whatever happened to their end.

A block is a mark of four letters, the length of its content and a checksum (CRC-32 of the content), both little-endian
`uint32`, and the content.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from clipvis_core.foundation.errors import InputError

_HEAD = struct.Struct("<4sII")
MAX_BLOCK = 2**30


class Block(NamedTuple):
    """Where a block's content is in its file.

    Attributes:
        mark: Its four letters.
        start: Place of the content's first byte.
        length: Bytes of the content.
        checksum: CRC-32 of the content.
    """

    mark: bytes
    start: int
    length: int
    checksum: int


def write_block(file: BinaryIO, mark: bytes, content: bytes) -> int:
    """Appends a block; returns the bytes that were written.

    Raises:
        OSError: The disk is full.
    """
    block = b"".join((_HEAD.pack(mark, len(content), zlib.crc32(content)), content))
    left = memoryview(block)
    while left:  # a file without a buffer may take a part
        left = left[file.write(left) :]
    return len(block)


def whole_blocks(file: BinaryIO, marks: tuple[bytes, ...]) -> Iterator[Block]:
    """The blocks of a file in order, up to the first that is cut short or has an unknown mark; contents are not read.

    >>> from io import BytesIO
    >>> file = BytesIO()
    >>> written = [write_block(file, b"WORD", word) for word in (b"first", b"second")]
    >>> [read_block(file, block, "it") for block in whole_blocks(file, (b"WORD",))]
    [b'first', b'second']
    >>> cut = BytesIO(file.getvalue()[:-1])
    >>> [read_block(cut, block, "it") for block in whole_blocks(cut, (b"WORD",))]
    [b'first']
    """
    end = file.seek(0, os.SEEK_END)
    start = 0
    while start + _HEAD.size <= end:
        file.seek(start)
        mark, length, checksum = _HEAD.unpack(file.read(_HEAD.size))
        start += _HEAD.size
        if mark not in marks or length > MAX_BLOCK or start + length > end:
            return
        yield Block(mark, start, length, checksum)
        start += length


def read_block(file: BinaryIO, block: Block, name: object) -> bytes:
    """The content of a block.

    Args:
        file: The file.
        block: One of its blocks.
        name: What an error calls the file.

    Raises:
        InputError: The content is damaged.
    """
    file.seek(block.start)
    content = file.read(block.length)
    if len(content) != block.length or zlib.crc32(content) != block.checksum:
        raise InputError(f"{name} is damaged (wrong checksum at byte {block.start}): run clipvis on the video again")
    return content

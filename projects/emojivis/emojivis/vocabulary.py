"""The categories of EmojiVIS, with their base and novel groups."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from clipvis_core.foundation.categories import CategoryList, read_categories

EMOJI_LIST = Path(__file__).with_name("emojivis.json")
"""The list as a file, for configs and for `tools/infer.py --vocabulary`."""


@cache
def emoji_vocabulary() -> CategoryList:
    """The 400 categories in label order.

    Example:
        >>> len(emoji_vocabulary()), len(emoji_vocabulary().group("novel"))
        (400, 79)
    """
    return read_categories(EMOJI_LIST)

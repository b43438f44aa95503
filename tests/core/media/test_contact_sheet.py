"""Frames chosen evenly for the contact sheet."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clipvis_core.media import ContactSheet


def shown(sheet: ContactSheet) -> list[int]:
    """Brightness of each picture, in order."""
    picture = sheet.image()
    step = sheet.cell_width + 4
    height = 10
    values = [
        int(picture[top, left, 0])
        for top in range(5, picture.shape[0], height + 4)
        for left in range(5, picture.shape[1], step)
    ]
    return [value for value in values if value != 255]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(length=st.integers(1, 250), most=st.integers(1, 9), columns=st.integers(1, 4))
def test_pictures_are_few_in_order_and_spread(length, most, columns):
    sheet = ContactSheet(most=most, columns=columns, width=24 * columns - 4)
    for index in range(length):
        sheet.add(np.full((10, 20, 3), index, np.uint8))
        assert len(sheet._kept) <= 2 * most
    pictures = shown(sheet)
    assert len(pictures) == min(most, length)
    assert pictures == sorted(set(pictures))
    assert pictures[0] == 0
    if most > 1:
        assert pictures[-1] >= length // 2
        if length <= most:
            assert pictures == list(range(length))


def test_a_sheet_of_nothing_and_a_sheet_without_room():
    with pytest.raises(ValueError, match="no frame was offered"):
        ContactSheet().image()
    with pytest.raises(ValueError, match="leave no room"):
        ContactSheet(columns=4, width=10)

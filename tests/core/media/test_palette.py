"""Colours that are told apart, whatever the eyes."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from clipvis_core.media.palette import SAFE_COLORS, ink_on, luminance

#: Linear RGB as it is seen without one kind of cones: Machado, Oliveira and Fernandes (2009), severity 1.
SEEN = {
    "all": np.eye(3),
    "no L": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no M": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no S": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_CONES = [[0.41222, 0.53633, 0.05145], [0.21190, 0.68070, 0.10740], [0.08830, 0.28172, 0.62998]]  # OKLab
TO_LAB = [[0.21045, 0.79362, -0.00407], [1.97800, -2.42859, 0.45059], [0.02590, 0.78277, -0.80868]]


@pytest.mark.parametrize("cones", SEEN)
def test_safe_colours_differ(cones):
    encoded = np.array(SAFE_COLORS) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(SEEN[cones]).T, 0, 1)
    lab = np.cbrt(seen @ np.array(TO_CONES).T) @ np.array(TO_LAB).T
    assert min(np.linalg.norm(a - b) for a, b in combinations(lab, 2)) > 0.07


def test_letters_on_safe_colours_are_read():
    for color in SAFE_COLORS:
        dark, light = sorted((luminance(color), luminance(ink_on(color))))
        assert (light + 0.05) / (dark + 0.05) >= 4.5

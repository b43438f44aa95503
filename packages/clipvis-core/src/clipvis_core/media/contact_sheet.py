"""A few frames of a video side by side in one picture."""

from __future__ import annotations

import cv2
import numpy as np

_GAP = 4  # pixels between the pictures, in white


class ContactSheet:
    """Chooses frames evenly from a video whose length is not known yet, in bounded memory.

    Every frame is offered; every s-th is kept, shrunk. When twice as many as wanted are kept, every second one of
    them goes and s doubles.

    Args:
        most: Most pictures on the sheet.
        columns: Pictures in a row.
        width: Width of the sheet, in pixels.

    Raises:
        ValueError: `most`, `columns` or `width` leave no room for a picture.

    >>> sheet = ContactSheet(most=4, columns=2, width=204)
    >>> for brightness in range(100):
    ...     sheet.add(np.full((50, 80, 3), brightness, np.uint8))
    >>> picture = sheet.image()
    >>> picture.shape, int(picture[10, 10, 0]), int(picture[-10, -10, 0])
    ((128, 204, 3), 0, 96)
    """

    def __init__(self, *, most: int = 8, columns: int = 4, width: int = 1920) -> None:
        if most < 1 or columns < 1 or width < columns * (_GAP + 1):
            raise ValueError(f"most {most}, columns {columns} and width {width} leave no room for a picture")
        self.most = most
        self.columns = columns
        self.cell_width = (width - _GAP * (columns - 1)) // columns
        self._kept: list[np.ndarray] = []
        self._stride = 1
        self._offered = 0

    def add(self, frame: np.ndarray) -> None:
        """Offers the next frame, RGB uint8 `(H, W, 3)`; all frames have one size."""
        if self._offered % self._stride == 0:
            height = max(1, round(frame.shape[0] * self.cell_width / frame.shape[1]))
            shrinking = frame.shape[1] > self.cell_width
            self._kept.append(
                cv2.resize(
                    frame, (self.cell_width, height), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
                )
            )
            if len(self._kept) > 2 * self.most:
                self._kept = self._kept[::2]
                self._stride *= 2
        self._offered += 1

    def image(self) -> np.ndarray:
        """The sheet, RGB uint8: pictures in order of time, row by row; the first and the last kept are among them.

        Raises:
            ValueError: No frame was offered.
        """
        if not self._kept:
            raise ValueError("no frame was offered")
        count = min(self.most, len(self._kept))
        chosen = np.linspace(0, len(self._kept) - 1, count).round().astype(int)
        height = self._kept[0].shape[0]
        columns = min(self.columns, count)
        rows = -(-count // columns)
        sheet = np.full((rows * (height + _GAP) - _GAP, columns * (self.cell_width + _GAP) - _GAP, 3), 255, np.uint8)
        for place, index in enumerate(chosen):
            top = place // columns * (height + _GAP)
            left = place % columns * (self.cell_width + _GAP)
            sheet[top : top + height, left : left + self.cell_width] = self._kept[index]
        return sheet

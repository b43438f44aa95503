"""An SVG picture under construction."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from PIL import Image

BLUE, ORANGE, GREEN, RED = "#0b6fa4", "#d9822b", "#1a8f6f", "#c0392b"
INK, GREY, PALE, WHITE = "#1f2933", "#8794a1", "#eef2f6", "#ffffff"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif"


class Canvas:
    """Collects shapes; all lengths are in units of the picture, of which it is `width` wide.

    Args:
        width: W of the picture.
        height: H of the picture.
        title: What it shows, for those who cannot see it.
    """

    def __init__(self, width: int, height: int, title: str) -> None:
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'role="img" font-family="{FONT}" font-size="15" fill="{INK}">',
            f"<title>{escape(title)}</title>",
            '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto">',
            f'<path d="M0 0 8 4 0 8z" fill="{INK}"/></marker></defs>',
            f'<rect width="{width}" height="{height}" fill="{WHITE}"/>',
        ]

    def text(self, x: float, y: float, text: str, *, size: int = 15, anchor: str = "start", **style: str) -> None:
        """One line of text, its baseline at y; `anchor` is start, middle or end."""
        attributes = _attributes({"font-size": size, "text-anchor": anchor, **style})
        self._parts.append(f'<text x="{x:g}" y="{y:g}"{attributes}>{escape(text)}</text>')

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        lines: Sequence[str] = (),
        *,
        fill: str = PALE,
    ) -> None:
        """A box with lines of text in its middle, the first one bold."""
        self.rect(x, y, width, height, fill=fill, stroke=GREY, rx="6")
        top = y + height / 2 - 10 * (len(lines) - 1) + 5
        for place, line in enumerate(lines):
            weight = "bold" if place == 0 else "normal"
            size = 15 if place == 0 else 13
            self.text(x + width / 2, top + 20 * place, line, size=size, anchor="middle", font_weight=weight)

    def rect(self, x: float, y: float, width: float, height: float, **style: str) -> None:
        """A rectangle."""
        self._parts.append(f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"{_attributes(style)}/>')

    def line(
        self, points: Sequence[tuple[float, float]], *, color: str = INK, width: float = 1.5, **style: str
    ) -> None:
        """A line through points."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        attributes = _attributes({"stroke": color, "stroke-width": width, **style})
        self._parts.append(f'<polyline points="{path}" fill="none"{attributes}/>')

    def arrow(self, *points: tuple[float, float], color: str = INK, width: float = 1.5) -> None:
        """A line that ends in an arrow."""
        self.line(points, color=color, width=width, marker_end="url(#head)")

    def image(self, x: float, y: float, width: float, height: float, pixels: np.ndarray) -> None:
        """A picture, RGB uint8 `(H, W, 3)`, kept in the file as a JPEG of that size."""
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=80, optimize=True)
        data = base64.b64encode(file.getvalue()).decode("ascii")
        self._parts.append(
            f'<image x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" href="data:image/jpeg;base64,{data}"/>'
        )

    def svg(self) -> str:
        """The picture as a file."""
        return "\n".join([*self._parts, "</svg>", ""])


def _attributes(style: dict[str, object]) -> str:
    return "".join(f" {name.replace('_', '-')}={quoteattr(str(value))}" for name, value in style.items())

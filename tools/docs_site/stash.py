"""HTML that Markdown must not touch waits here until the page is made."""

from __future__ import annotations

import re


class Stash:
    """Keeps pieces of HTML under marks of letters and digits.

    Example:
        >>> stash = Stash()
        >>> mark = stash.keep("<math>a_1</math>")
        >>> stash.restore(f"<p>where {mark} is</p>")
        '<p>where <math>a_1</math> is</p>'
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def keep(self, html: str) -> str:
        """The mark that stands for a piece of HTML."""
        self._pieces.append(html)
        return f"stashed{len(self._pieces) - 1}html"

    def restore(self, text: str) -> str:
        """The text with all pieces in their places; a paragraph of one mark alone becomes the piece."""
        text = re.sub(r"<p>(stashed\d+html)</p>", r"\1", text)
        return re.sub(r"stashed(\d+)html", lambda found: self._pieces[int(found[1])], text)

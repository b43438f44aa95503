"""Formulas as MathML, which browsers show without a script."""

from __future__ import annotations

import re
from pathlib import Path

from latex2mathml.converter import convert

from docs_site.stash import Stash

BLOCK = re.compile(r"^```math\n(.*?)^```$", re.M | re.S)
INLINE = re.compile(r"\$`([^`]+)`\$")
#: A paragraph that is a link to one equation; the site shows the equation below it.
SHOWN = re.compile(r"^(\[[^\]]*\]\(model\.md#(equation-\d+)\)[^\n]*)$", re.M)


def typeset(markdown: str, stash: Stash) -> str:
    """The formulas of a document, in GitHub's notation, as marks of the stash."""
    markdown = BLOCK.sub(lambda found: f"\n{stash.keep(display(found[1]))}\n", markdown)
    return INLINE.sub(lambda found: stash.keep(convert(found[1])), markdown)


def display(tex: str) -> str:
    """A formula on a line of its own, which scrolls where it is wider than the screen."""
    return f'<div class="equation">{convert(" ".join(tex.split()), display="block")}</div>'


def with_equations(markdown: str, page: Path) -> str:
    """Shows an equation of the page of equations below each paragraph that begins with a link to it."""
    formulas = formulas_of(page.read_text(encoding="utf-8"))
    return SHOWN.sub(lambda found: f"{found[1]}\n\n```math\n{formulas[found[2]]}```\n", markdown)


def formulas_of(markdown: str) -> dict[str, str]:
    """Anchor of each equation and its formula, in the order of the page."""
    parts = re.split(r'<a id="(equation-\d+)"></a>', markdown)
    return {anchor: BLOCK.search(text)[1] for anchor, text in zip(parts[1::2], parts[2::2], strict=True)}

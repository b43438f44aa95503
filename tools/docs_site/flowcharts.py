"""Mermaid flowcharts as SVG, which browsers show without a script."""

from __future__ import annotations

import re

import mermaidx

from docs_site.stash import Stash

BLOCK = re.compile(r"^```mermaid\n(.*?)^```$", re.M | re.S)


def draw_flowcharts(markdown: str, stash: Stash) -> str:
    """The flowcharts of a document as marks of the stash."""
    return BLOCK.sub(lambda found: f"\n{stash.keep(drawing(found[1]))}\n", markdown)


def drawing(text: str) -> str:
    """A flowchart, which scrolls where it is wider than the screen."""
    return f'<div class="flowchart">{mermaidx.render(text).svg()}</div>'

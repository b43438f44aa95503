"""What a browser would load from other hosts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

TAG = re.compile(r"<(?:script|link|img|iframe|source|video|audio|object|embed)\b[^>]*>", re.I)
ADDRESS = re.compile(r"\b(?:src|href|data)=[\"']?((?:https?:)?//[^\"'\s>]+)", re.I)
NOT_LOADED = re.compile(r"\brel=[\"']?(?:canonical|alternate|next|prev|edit)\b", re.I)
STYLE = re.compile(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')\s]+)", re.I)


def loaded_from_elsewhere(site: Path) -> Iterator[str]:
    """Files of a built site, each with an address that its page would load. Links that people follow do not count."""
    for path in sorted(site.rglob("*")):
        if path.suffix not in (".html", ".css", ".svg"):
            continue
        text = path.read_text(encoding="utf-8")
        for tag in TAG.findall(text):
            if not NOT_LOADED.search(tag):
                yield from (f"{path.relative_to(site)}: {address}" for address in ADDRESS.findall(tag))
        yield from (f"{path.relative_to(site)}: {address}" for address in STYLE.findall(text))

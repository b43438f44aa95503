"""Documents link to files of the repository, as GitHub wants it; on the site each of these files is a page."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from docs_site import model_table, programs, reference

LINK = re.compile(r"(!?\[(?:[^\]\[]|\[[^\]]*\])*\]\()([^)\s]+)(\))")
FENCE = re.compile(r"(^```.*?^```$)", re.M | re.S)
PICTURES = (".png", ".jpg", ".jpeg", ".svg", ".gif", ".webp")
EQUATION = re.compile(r"docs/model\.md, equations? (\d+)(?: to (\d+))?")
DOCUMENTS = (
    "*.md",
    "assets/*.md",
    "docs/**/*.md",
    "docs/**/*.ipynb",
    "packages/*/*.md",
    "projects/**/*.md",
    "weights/*.md",
)
MOST_LINES = 400  # of a file that is shown as it is


class Sources:
    """Which page of the site stands for which file of the repository.

    Args:
        root: Root of the repository.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._linked: set[str] = set()
        self._paths = {
            self.page(str(path.relative_to(root))): str(path.relative_to(root))
            for pattern in (
                "*.md",
                "docs/**/*.md",
                "weights/*.md",
                "packages/*/*.md",
                "projects/**/*.md",
                "assets/*.md",
                "docs/**/*.ipynb",
            )
            for path in root.glob(pattern)
        }

    def page(self, path: str) -> str:
        """Address of the page, or of the picture, that stands for a file or folder of the repository."""
        if path == "README.md":
            return "repository.md"
        if path.startswith("docs/"):
            return path.removeprefix("docs/").replace(".ipynb", ".md")
        if path.endswith((".md", *PICTURES)):  # mkdocs would take a README for the front page of its section
            return path.replace("/README.md", "/about.md") if "/" in path else path.lower()
        return reference.page_of(path) or programs.page_of(path) or model_table.page_of(path) or f"files/{path}.md"

    def path_of_page(self, uri: str) -> str | None:
        """The document that a page was made of, if it is one of the repository."""
        return self._paths.get(uri)

    def linked(self) -> set[str]:
        """Files and folders outside docs/ that documents link to."""
        found = set()
        for path in self._paths.values():
            text = FENCE.sub("", (self.root / path).read_text(encoding="utf-8"))
            for _, link, _ in LINK.findall(text):
                target = target_of(link, path)
                if target and not target.startswith("docs/") and (self.root / target).exists():
                    found.add(target)
        return found

    def listing(self, path: str) -> str:
        """A page with what is in a file, or in a folder."""
        target = self.root / path
        head = f"---\ntitle: {path}\nsearch:\n  exclude: true\n---\n\n# {path}\n\n"
        if target.is_dir():
            names = sorted(child.name + "/" * child.is_dir() for child in target.iterdir() if child.name[0] not in "._")
            return head + "\n".join(f"- `{name}`" for name in names) + "\n"
        lines = target.read_text(encoding="utf-8").splitlines()
        shown = [line[:200] for line in lines[:MOST_LINES]]
        rest = f"\n{len(lines) - MOST_LINES} more lines.\n" if len(lines) > MOST_LINES else ""
        return f"{head}````{target.suffix.removeprefix('.')}\n" + "\n".join(shown) + f"\n````\n{rest}"


def rewrite(markdown: str, path: str, sources: Sources) -> str:
    """The links of the document at `path` as links between pages; code is left alone."""
    here = posixpath.dirname(sources.page(path))

    def replaced(found: re.Match) -> str:
        target = target_of(found[2], path)
        if target is None:
            return found[0]
        anchor = found[2].partition("#")[2]
        address = posixpath.relpath(sources.page(target), here or ".")
        return f"{found[1]}{address}{'#' * bool(anchor)}{anchor}{found[3]}"

    parts = FENCE.split(markdown)
    return "".join(part if part.startswith("```") else LINK.sub(replaced, part) for part in parts)


def target_of(link: str, path: str) -> str | None:
    """The file of the repository that a link in the document at `path` leads to; None for other links."""
    name = link.partition("#")[0]
    if not name or re.match(r"[a-z]+:", link):
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), name))


def link_equations(html: str, uri: str) -> str:
    """Equations that a docstring names, as links to them."""
    page = posixpath.relpath("model.html", posixpath.dirname(uri))
    return EQUATION.sub(lambda found: f'<a href="{page}#equation-{found[1]}">{found[0]}</a>', html)


def github_anchor(title: str, separator: str = "-") -> str:
    """The anchor that GitHub makes of a heading.

    Example:
        >>> github_anchor("What is read, and how")
        'what-is-read-and-how'
    """
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", separator)

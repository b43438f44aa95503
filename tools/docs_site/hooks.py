"""What mkdocs calls while it builds the site; see mkdocs' documentation of plugin events."""

from __future__ import annotations

import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), *(str(path) for path in ROOT.glob("packages/*/src"))]

from docs_site import model_table, notebooks, programs, reference  # noqa: E402
from docs_site.equations import typeset, with_equations  # noqa: E402
from docs_site.flowcharts import draw_flowcharts  # noqa: E402
from docs_site.hosts import loaded_from_elsewhere  # noqa: E402
from docs_site.links import Sources, github_anchor, link_equations, rewrite  # noqa: E402
from docs_site.stash import Stash  # noqa: E402

#: Documents outside docs/ that are pages too.
DOCUMENTS = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
    "assets/README.md",
    *(str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("packages/*/README.md"))),
    *(str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("projects/**/README.md"))),
    *(str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("weights/*.md"))),
)

SOURCE = '<details class="mkdocstrings-source"'
#: The page that shows the equations it links to, and the page that has them.
METHOD, EQUATIONS = "docs/method.md", "docs/model.md"

sources = Sources(ROOT)
stash = Stash()


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Headings get the anchors that GitHub gives them, and the generated pages their place in the navigation."""
    if missing := list(reference.undocumented(ROOT)):
        raise PluginError("these public names have no docstring: " + ", ".join(missing))
    config.mdx_configs.setdefault("toc", {})["slugify"] = github_anchor
    for section in config.nav:
        if "Reference" in section:
            section["Reference"] += [{"Commands": programs.navigation()}, *reference.navigation(ROOT)]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are not in docs/."""
    documents = {sources.page(path): (ROOT / path).read_text(encoding="utf-8") for path in DOCUMENTS}
    made = reference.pages(ROOT) | programs.pages() | model_table.pages(ROOT) | notebooks.pages(ROOT)
    for uri, content in (documents | made).items():
        files.append(File.generated(config, uri, content=content))
    known = {file.src_uri for file in files}
    for path in sorted(sources.linked()):
        uri = sources.page(path)
        if uri in known:
            continue
        if uri == path:  # a picture
            files.append(File.generated(config, uri, abs_src_path=str(ROOT / path)))
        else:
            listing = File.generated(config, uri, content=sources.listing(path), inclusion=InclusionLevel.NOT_IN_NAV)
            files.append(listing)
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Links between the repository's files become links between pages; formulas and flowcharts become pictures."""
    path = sources.path_of_page(page.file.src_uri)
    page.meta.setdefault("search", {})["boost"] = boost(page.file.src_uri)
    if path is None:  # made for the site: its links are right, and it has no formulas
        return markdown
    if path == METHOD:
        markdown = with_equations(markdown, ROOT / EQUATIONS)
    markdown = rewrite(markdown, path, sources)
    return draw_flowcharts(typeset(markdown, stash), stash)


def boost(uri: str) -> float:
    """How far up a page stands among what the search finds: people ask documents first, and then for names."""
    if uri.startswith(("guides/", "commands/", "faq")):
        return 3.0
    if uri.startswith("reference/"):
        return 0.2
    return 2.0 if (ROOT / "docs" / uri).exists() else 1.0


def on_page_content(html: str, page: Page, **_: object) -> str:
    """Puts formulas and flowcharts into their places."""
    if page.file.src_uri.startswith("reference/"):
        html = link_equations(html, page.file.src_uri)
        html = html.replace(
            '<details class="mkdocstrings-source">', '<details class="mkdocstrings-source" data-search-exclude>'
        )
    return stash.restore(html)


def on_post_build(config: MkDocsConfig) -> None:
    """Refuses a site that would load something from another host."""
    if found := sorted(loaded_from_elsewhere(Path(config.site_dir))):
        raise PluginError("these pages load from other hosts: " + "; ".join(found[:5]))

"""The site that `make docs` builds, as far as it can be checked without building it."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import pytest
import yaml

pytest.importorskip("latex2mathml", reason="needs what builds the site, which `make docs` installs")

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools"))

from docs_site import model_table, programs, reference  # noqa: E402
from docs_site.equations import formulas_of  # noqa: E402
from docs_site.hosts import loaded_from_elsewhere  # noqa: E402
from docs_site.links import Sources, rewrite  # noqa: E402

PAGES = sorted((ROOT / "docs").rglob("*.md"))
SHELL = re.compile(r"^```(?:sh|bash|)\n(.*?)^```", re.M | re.S)
COMMAND = re.compile(r"`(?:clipvis|make|python|tools/)[^`]*`")
CALL = re.compile(r"\s*(?:\w+=\S+ )*(?:\S*python )?(?:\.venv/bin/)?(?:clipvis|tools/|projects/)")
#: Words in commands that stand for something else, and commands that show a pattern.
PATTERN = re.compile(r"[\[{|]|\.\.\.|<\w")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def listed(entry: object) -> set[str]:
    """Pages that a part of the navigation names."""
    if isinstance(entry, str):
        return {entry}
    children = entry.values() if isinstance(entry, dict) else entry
    return set().union(*(listed(child) for child in children))


@pytest.fixture(scope="module")
def navigation() -> set[str]:
    return listed(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])


@pytest.fixture(scope="module")
def parsers() -> dict:
    return {program: programs.parser_of(program) for program in programs.programs()}


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_page_is_in_the_navigation(path, navigation):
    assert str(path.relative_to(ROOT / "docs")) in navigation, "add a line to `nav` in mkdocs.yml"


def test_the_navigation_names_pages_that_are_there(navigation):
    sources = Sources(ROOT)
    for uri in navigation:
        assert sources.path_of_page(uri) or uri == model_table.PAGE, f"{uri} is no page"


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_a_page_opens_with_what_it_is_for_and_a_command_or_picture(path):
    start = path.read_text(encoding="utf-8").split("\n")[:24]
    assert start[0].startswith("# ")
    assert start[1] == ""
    assert start[2][:1].isalpha(), "the first line says what the page is for"
    shown = [line for line in start if line.startswith(("```", "![")) or COMMAND.search(line)]
    assert shown, "a command or a picture in the first 24 lines"


def test_all_that_is_public_has_a_docstring():
    assert list(reference.undocumented(ROOT)) == []


def test_equations_have_numbers_and_those_named_in_docstrings_are_there():
    numbers = [
        int(anchor.split("-")[1]) for anchor in formulas_of((ROOT / "docs/model.md").read_text(encoding="utf-8"))
    ]
    assert numbers == list(range(1, len(numbers) + 1))
    for _, path in reference.modules(ROOT):
        for first, last in re.findall(r"model\.md, equations? (\d+)(?: to (\d+))?", path.read_text(encoding="utf-8")):
            assert {int(first), int(last or first)} <= set(numbers), path


def test_links_lead_to_the_page_that_stands_for_a_file():
    sources = Sources(ROOT)
    text = "[a](../packages/clipvis-core/src/clipvis_core/tracking/tracker.py) [b](data.md#layout) ![c](images/x.svg)"
    text += " [d](../tools/evaluate.py) [e](../configs/metafile.yml) [f](../weights/photo_mini.md) [g](https://x.org)"
    links = re.findall(r"\((.*?)\)", rewrite(text, "docs/guides/../model.md", sources))
    assert links == [
        "reference/clipvis_core/tracking/tracker.md",
        "data.md#layout",
        "images/x.svg",
        "commands/evaluate.md",
        "model_zoo.md",
        "weights/photo_mini.md",
        "https://x.org",
    ]


def test_a_command_has_all_its_options_on_its_page(parsers):
    for program, parser in parsers.items():
        page = programs.page(program, parser)
        options = re.findall(r"(?<![\w-])--[a-z][\w-]+", parser.format_help())
        assert not {option for option in options if option not in page} - {"--help"}, program.name
    assert {"clipvis", "clipvis models", "clipvis-data", "clipvis-eval", "tools/train.py"} <= {p.name for p in parsers}


def commands() -> list[tuple[str, str]]:
    """Commands in the shell blocks of documents, with the file they stand in; of a pipeline the last."""
    found = []
    for path in [*PAGES, *ROOT.glob("*.md"), *ROOT.glob("weights/*.md")]:
        text = "".join(SHELL.findall(path.read_text(encoding="utf-8"))).replace("\\\n", " ")
        lines = [line.split("| ")[-1] for line in text.splitlines() if not PATTERN.search(line)]
        found += [(line, name(path)) for line in lines if CALL.match(line)]
    return found


def test_commands_of_the_documents_have_options_that_their_programs_know(parsers, capsys):
    by_name = {program.name: parser for program, parser in parsers.items()}
    by_name |= {program.path: parser for program, parser in parsers.items() if program.path}
    checked = 0
    for line, where in commands():
        words = shlex.split(line, comments=True)
        while words and (re.match(r"\w+=", words[0]) or words[0].endswith("python")):
            words.pop(0)
        program, *arguments = [word.removeprefix(".venv/bin/") for word in words]
        if program not in by_name:
            continue
        if f"{program} {' '.join(arguments[:1])}" in by_name:
            program = f"{program} {arguments.pop(0)}"
        try:
            by_name[program].parse_args(arguments)
        except SystemExit as stop:
            if stop.code:
                pytest.fail(f"{where}: {line.strip()}\n{capsys.readouterr().err}")
        checked += 1
    assert checked > 40


def test_the_zoo_has_a_row_for_each_model():
    (page,) = model_table.pages(ROOT).values()
    entries = yaml.safe_load((ROOT / "configs/metafile.yml").read_text(encoding="utf-8"))["Models"]
    for entry in entries:
        assert page.count(f"| `{entry['Name']}` |") == 1
        for result in entry["Results"]:
            assert f" {result['Metrics']['AP']:.1f} " in page


def test_what_is_loaded_from_other_hosts_is_found(tmp_path):
    (tmp_path / "page.html").write_text(
        '<a href="https://a.org">x</a><link rel="canonical" href="https://b.org"><script src="//c.org/x.js"></script>'
        "<style>@import url(https://d.org/y.css)</style>"
    )
    assert list(loaded_from_elsewhere(tmp_path)) == ["page.html: //c.org/x.js", "page.html: https://d.org/y.css"]


def test_formulas_become_mathml():
    pytest.importorskip("latex2mathml", reason="`make docs` installs latex2mathml")
    from docs_site.equations import typeset, with_equations
    from docs_site.stash import Stash

    stash = Stash()
    text = with_equations("[Equation 3](model.md#equation-3): objectness $`p_q`$\n", ROOT / "docs/model.md")
    html = stash.restore(typeset(text, stash))
    assert html.count("<math") == 2
    assert "softmax" in html


def test_the_drawing_of_the_network_is_that_of_the_config():
    from draw_method import CONFIG
    from drawings.network import draw_network

    assert (ROOT / "docs/images/network.svg").read_text(encoding="utf-8") == draw_network(CONFIG)


@pytest.mark.parametrize("path", sorted((ROOT / "docs").rglob("*.ipynb")), ids=name)
def test_notebooks_keep_their_outputs_and_nothing_of_the_machine(path):
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert sum(bool(cell["outputs"]) for cell in cells) >= len(cells) - 1
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]


def test_the_citation_file_is_valid():
    content = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert content["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= content.keys()
    paper = content["preferred-citation"]
    assert [author["family-names"] for author in paper["authors"]] == ["Zhu", "Cao", "Xie", "Yang", "Pang"]
    assert (paper["year"], paper["url"]) == (2024, "https://ieeexplore.ieee.org/document/10706247")

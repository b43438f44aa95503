"""A page for each command; the options are those of its parser, so they cannot differ from it."""

from __future__ import annotations

import argparse
import re
import runpy
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import NoReturn
from unittest import mock

from clipvis_core.command_line.clipvis import SUBCOMMANDS

ROOT = Path(__file__).resolve().parents[2]
#: Programs of a checkout that are an installed command under another name.
INSTALLED = {"tools/prepare_data.py": "clipvis-data", "tools/evaluate.py": "clipvis-eval"}
FOLDERS = ("tools/[a-z]*.py", "projects/*/tools/[a-z]*.py")
CLIPVIS = "tools/infer.py"  # `clipvis` itself
HEAD = """# Commands

All commands and their options, as each one's `--help` has them.

```sh
clipvis --help
```

| command | does |
|---|---|
"""


@dataclass(frozen=True)
class Program:
    """A command.

    Attributes:
        name: What people type.
        uri: Address of its page.
        path: The program in a checkout, or None for a sub-command of `clipvis`.
    """

    name: str
    uri: str
    path: str | None


class _AskedError(Exception):
    """A program came to the point where it reads its arguments."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__(parser.prog)
        self.parser = parser


def programs() -> Iterator[Program]:
    """All commands: `clipvis`, its sub-commands, the programs in tools/ and those of the projects."""
    yield Program("clipvis", "commands/clipvis.md", CLIPVIS)
    for name in SUBCOMMANDS:
        yield Program(f"clipvis {name}", f"commands/clipvis_{name}.md", None)
    found = [str(path.relative_to(ROOT)) for pattern in FOLDERS for path in sorted(ROOT.glob(pattern))]
    for path in sorted(found, key=lambda path: path not in INSTALLED):
        text = (ROOT / path).read_text(encoding="utf-8")
        if path != CLIPVIS and re.search(r"ArgumentParser|command_line", text):
            yield Program(INSTALLED.get(path, path), f"commands/{Path(path).stem}.md", path)


def page_of(path: str) -> str | None:
    """Address of the page of a program in a checkout."""
    return next((program.uri for program in programs() if program.path == path), None)


def navigation() -> list[dict | str]:
    """The commands' pages, the list of all first."""
    return ["commands/index.md", *({program.name: program.uri} for program in programs())]


def pages() -> dict[str, str]:
    """Address and text of each page."""
    parsers = {program: parser_of(program) for program in programs()}
    rows = [
        f"| [`{program.name}`]({Path(program.uri).name}) | {cell(parser.description)} |"
        for program, parser in parsers.items()
    ]
    index = {"commands/index.md": HEAD + "\n".join(rows) + "\n"}
    return index | {program.uri: page(program, parser) for program, parser in parsers.items()}


def parser_of(program: Program) -> argparse.ArgumentParser:
    """The parser that a program makes of its options; nothing else of the program is run."""
    if program.path is None:
        module = import_module(f"clipvis_core.command_line.{program.name.split()[1]}")
        return captured(partial(module.main, []))
    return parser_of_file(ROOT / program.path, [])


def parser_of_file(path: Path, arguments: list[str]) -> argparse.ArgumentParser:
    """The parser that a program of a checkout makes when it is called with some arguments."""
    with mock.patch.object(sys, "argv", [str(path), *arguments]), mock.patch.object(sys, "path", [*sys.path]):
        sys.path.insert(0, str(path.parent))
        parser = captured(partial(runpy.run_path, str(path), run_name="__main__"))
    if not arguments:  # a program may add the options of the sub-command that is called only
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for name in action.choices:
                    again = parser_of_file(path, [name])
                    (found,) = (a for a in again._actions if isinstance(a, argparse._SubParsersAction))
                    action.choices[name] = found.choices[name]
    return parser


def captured(call: Callable[[], object]) -> argparse.ArgumentParser:
    """The parser with which a call would read its arguments.

    Raises:
        LookupError: It reads none.
    """

    def stop(parser: argparse.ArgumentParser, *_: object, **__: object) -> NoReturn:
        raise _AskedError(parser)

    with mock.patch.object(argparse.ArgumentParser, "parse_known_args", stop):
        try:
            call()
        except _AskedError as asked:
            return asked.parser
    raise LookupError(f"{call} reads no arguments")


def page(program: Program, parser: argparse.ArgumentParser) -> str:
    """The page of a command."""
    name = program.name if program.path is None or not program.name.startswith(("tools", "projects")) else None
    call = name or f"python {program.path}"
    lines = [f"---\ntitle: {program.name}\n---\n", f"# `{call}`\n", f"{described(parser)}\n"]
    if program.path is not None and name is not None:
        lines.append(f"In a checkout also `python {program.path}`.\n")
    lines.append(options(parser, call))
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, inner in action.choices.items():
                lines.append(f"\n## `{word}`\n\n{described(inner)}\n\n{options(inner, f'{call} {word}')}")
    return "\n".join(lines) + "\n"


def described(parser: argparse.ArgumentParser) -> str:
    """What a parser says about its command, as paragraphs."""
    return (parser.description or "").replace("<", "&lt;").strip()


def options(parser: argparse.ArgumentParser, call: str) -> str:
    """How a command is called, and a table of its options for each group of them."""
    parser.prog = call
    usage = parser.format_usage().removeprefix("usage: ").rstrip()
    text = [f"```text\n{usage}\n```\n"]
    formatter = parser._get_formatter()
    for group in parser._action_groups:
        rows = [row(action, formatter) for action in group._group_actions if is_listed(action)]
        if rows:
            title = (
                ""
                if group.title in ("positional arguments", "options")
                else f"**{group.title}**: {group.description}\n\n"
            )
            text.append(f"{title}| option | meaning |\n|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join(text)


def is_listed(action: argparse.Action) -> bool:
    """Whether an option has a row: not `--help`, hidden ones and sub-commands."""
    hidden = action.help is argparse.SUPPRESS or action.option_strings[:1] == ["-h"]
    return not hidden and not isinstance(action, argparse._SubParsersAction)


def row(action: argparse.Action, formatter: argparse.HelpFormatter) -> str:
    """A row of the table of options."""
    text = formatter._expand_help(action) if action.help else ""
    if action.choices is not None:
        text += f" One of {', '.join(f'`{choice}`' for choice in action.choices)}."
    if action.default not in (None, False, argparse.SUPPRESS, []) and "default" not in text:
        text += f" Default: `{action.default}`."
    if not action.option_strings:
        return f"| `{action.metavar or action.dest}` | {cell(text)} |"
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    if action.nargs == "?":
        value = f" [{value.strip()}]"
    return f"| {', '.join(f'`{option}{value}`' for option in action.option_strings)} | {cell(text.strip())} |"


def cell(text: str | None) -> str:
    """Text in a cell of a table."""
    return " ".join((text or "").split()).replace("|", "\\|").replace("<", "&lt;")

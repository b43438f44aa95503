"""A griffe extension: examples in docstrings as code."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import griffe

#: A section `Example:` with all that is indented below it, or lines that begin with a prompt and those after them.
EXAMPLE = re.compile(r"^( *)(?:Example:\n((?:(?:\1 +\S.*)?(?:\n|\Z))+)|(>{3} .*(?:\n *\S.*)*))", re.M)


class ExamplesAsCode(griffe.Extension):
    """Examples become blocks of Python, so that the site shows them as such."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called for everything that was read."""
        if obj.docstring is not None:
            obj.docstring.value = EXAMPLE.sub(as_code, obj.docstring.value)


def as_code(found: re.Match) -> str:
    """An example in the form that is shown as code."""
    indent = found[1]
    code = textwrap.dedent(found[2] if found[2] is not None else indent + found[3]).strip("\n")
    kind = "pycon" if code.startswith(">>>") else "python"
    return textwrap.indent(f"\n```{kind}\n{code}\n```\n", indent)

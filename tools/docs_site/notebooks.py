"""Notebooks as pages: executed while the site is built, so that what they show is what the code does."""

from __future__ import annotations

import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert import MarkdownExporter
from traitlets.config import Config

FOLDER = "docs/notebooks"
SECONDS = 170  # a notebook has to be done by then


def pages(root: Path) -> dict[str, str | bytes]:
    """Address and content of each notebook's page and of its pictures.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell fails.
    """
    made = {}
    for path in sorted((root / FOLDER).glob("*.ipynb")):
        notebook = execute(path, root)
        markdown, resources = MarkdownExporter().from_notebook_node(notebook)
        for name, content in resources["outputs"].items():
            picture = f"{path.stem}_{Path(name).name}"
            markdown = markdown.replace(f"({name})", f"({picture})")
            made[f"notebooks/{picture}"] = content
        made[f"notebooks/{path.stem}.md"] = markdown
    return made


def execute(path: Path, root: Path) -> nbformat.NotebookNode:
    """The notebook with the outputs that its cells have now; it runs in the root of the repository."""
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(root)}}
    with tempfile.TemporaryDirectory() as folder:  # sockets in a folder: no port of the machine is opened
        config = Config({"KernelManager": {"transport": "ipc", "ip": f"{folder}/socket"}})
        options = {"kernel_name": "python3", "timeout": SECONDS, "resources": resources}
        NotebookClient(notebook, config=config, **options).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":  # progress bars, and warnings with paths of this machine
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return notebook


def keep_outputs(root: Path) -> None:
    """Runs all notebooks again and writes them with their outputs, without times of the run."""
    for path in sorted((root / FOLDER).glob("*.ipynb")):
        notebook = execute(path, root)
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)
        nbformat.write(notebook, path)


if __name__ == "__main__":
    keep_outputs(Path(__file__).resolve().parents[2])

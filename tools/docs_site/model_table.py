"""The table of models, from `configs/metafile.yml`."""

from __future__ import annotations

from pathlib import Path

from clipvis_core.model_zoo import ZooModel, zoo

PAGE = "model_zoo.md"
HEAD = """# Model zoo

All models that `clipvis --model NAME` knows, as `clipvis models` lists them. This page is made from
`configs/metafile.yml`.

```sh
clipvis models                                            # this list, and which weights are on this machine
clipvis park.mp4 --classes "dog; frisbee" --model NAME    # any of them
```

Weights that are not part of the repository are downloaded by hand from the linked page and saved as
`~/.cache/clipvis/weights/NAME.pth` (`CLIPVIS_WEIGHTS` names another folder). A checkpoint of your own needs no name:
`--checkpoint FILE`.

"""
ACCURACY = """
## Accuracy

AP in percent. The figures of published checkpoints are the authors'; those of ours are on the cards.
"""


def page_of(path: str) -> str | None:
    """Address of the page, for the file it is made from."""
    return PAGE if path == "configs/metafile.yml" else None


def pages(root: Path) -> dict[str, str]:
    """Address and text of the page."""
    models = list(zoo().values())
    benchmarks = list(dict.fromkeys(name for model in models for name in model.results))
    lines = [HEAD, "## What they are\n", "| model | knows | trained on | licence | weights |", "|---|---|---|---|---|"]
    lines += [facts(model, root) for model in models]
    lines.append(ACCURACY)
    lines += [f"| model | {' | '.join(benchmarks)} |", "|---" * (len(benchmarks) + 1) + "|"]
    for model in models:
        values = (f"{model.results[name]:.1f}" if name in model.results else "" for name in benchmarks)
        lines.append(f"| {model.name} | {' | '.join(values)} |")
    lines += ["", "## Configs\n", "| model | video | image |", "|---|---|---|"]
    for model in models:
        configs = (str(config.relative_to(root)) for config in (model.config, model.image_config))
        lines.append(f"| {model.name} | {' | '.join(f'`{config}`' for config in configs)} |")
    return {PAGE: "\n".join(lines) + "\n"}


def facts(model: ZooModel, root: Path) -> str:
    """A row of the first table."""
    card = root / Path(model.weights).with_suffix(".md")
    if model.is_published:
        weights = f"[download]({model.weights})"
    else:
        weights = f"`{model.weights}`, [card](weights/{card.name})"
    return f"| `{model.name}` | {model.knows} | {', '.join(model.training_data)} | {model.licence} | {weights} |"

"""`clipvis models`: the models by name, and where their weights are."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from clipvis_core.model_zoo import DEFAULT_MODEL, ZooModel, place_for, zoo


def main(arguments: Sequence[str]) -> int:
    """Prints the zoo."""
    argparse.ArgumentParser("clipvis models", description=__doc__).parse_args(arguments)
    for model in zoo().values():
        default = ", the default" if model.name == DEFAULT_MODEL else ""
        print(f"{model.name}{default}\n  knows    {model.knows}\n  data     {', '.join(model.training_data)}")
        print(f"  licence  {model.licence}")
        if model.results:
            print("  AP       " + ", ".join(f"{dataset} {value:g}" for dataset, value in model.results.items()))
        print(f"  weights  {whereabouts(model)}\n")
    print('Any of them: clipvis VIDEO --model NAME --classes "dog; frisbee"')
    return 0


def whereabouts(model: ZooModel) -> str:
    """Where the weights are, or where to get them and where to put them."""
    file = model.file()
    if file is not None:
        return f"{file} ({file.stat().st_size / 1e6:.0f} MB)"
    source = model.weights if model.is_published else "the folder weights of the repository"
    return f"not here: get them from {source} and save them as {place_for(model)}"

"""Models and configs by name, from wherever one stands: `photo-mini`, `video/clipvis_r50_lvis`, `hf://owner/name`.

The zoo is `configs/metafile.yml`, in the form of OpenMMLab's metafiles. Configs, metafile and the shipped photo model
travel inside the package, in its folder `.mim` as mmdet's do; in a checkout that folder links to the files people edit.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from clipvis_core.foundation.cache_folder import cache_folder
from clipvis_core.foundation.errors import InputError, first_line

PACKAGED = Path(__file__).parent / ".mim"
DEFAULT_MODEL = "photo-mini"
HUB_PREFIX = "hf://"
WEIGHTS_SUFFIXES = (".safetensors", ".pth")


@dataclass(frozen=True)
class ZooModel:
    """One entry of the metafile.

    Attributes:
        name: What `--model` takes.
        config: Config of the video model, a path that exists.
        image_config: Config of the same network for single images.
        weights: File in the repository or package, or the page that the weights are downloaded from.
        knows: What it recognises, in a few words.
        licence: Licence of the weights.
        training_data: Data it was trained on.
        results: AP in percent by benchmark, as published.
    """

    name: str
    config: Path
    image_config: Path
    weights: str
    knows: str
    licence: str
    training_data: tuple[str, ...]
    results: dict[str, float]

    @property
    def is_published(self) -> bool:
        """Whether the weights have to be downloaded."""
        return self.weights.startswith("https://")

    def file(self) -> Path | None:
        """The weights on this machine, or None."""
        if not self.is_published:
            found = next((root / self.weights for root in _roots() if (root / self.weights).is_file()), None)
            if found is not None:
                return found
        stems = (weights_folder() / self.name, weights_folder() / Path(self.weights).stem)
        places = (stem.with_name(stem.name + suffix) for stem in stems for suffix in WEIGHTS_SUFFIXES)
        return next((path for path in places if path.is_file()), None)


@cache
def zoo() -> dict[str, ZooModel]:
    """All models by name, in the metafile's order."""
    entries = yaml.safe_load((PACKAGED / "configs" / "metafile.yml").read_text("utf-8"))["Models"]
    return {entry["Name"]: _model(entry) for entry in entries}


def find_model(name: str) -> ZooModel:
    """A model of the zoo.

    Raises:
        InputError: There is none of this name.
    """
    model = zoo().get(name)
    if model is None:
        raise InputError(f"there is no model '{name}': `clipvis models` lists {', '.join(zoo())}")
    return model


def find_weights(name: str) -> Path:
    """The weights of a model of the zoo, or those of a repository on the Hugging Face hub (`hf://owner/name[/file]`).

    Raises:
        InputError: No such model, or its weights are not on this machine; the line says where to get them.
    """
    if name.startswith(HUB_PREFIX):
        return _from_hub(name)
    model = find_model(name)
    file = model.file()
    if file is not None:
        return file
    source = model.weights if model.is_published else "the repository's folder weights"
    raise InputError(
        f"the weights of {name} are not on this machine: get them from {source} and save them as {place_for(model)}"
    )


def place_for(model: ZooModel) -> Path:
    """Where weights of a model that is not on this machine belong."""
    return weights_folder() / f"{model.name}{WEIGHTS_SUFFIXES[1 if model.is_published else 0]}"


def find_config(name: str | Path) -> Path:
    """A config: a file, or its name below `configs`, with or without `.py`, such as `video/clipvis_r50_lvis`.

    Raises:
        InputError: There is neither.
    """
    path = Path(name) if Path(name).is_file() else packaged_config(str(name))
    if path is None:
        raise InputError(f"config {name} not found: give a file, or a name such as video/clipvis_r50_lvis")
    return path


def packaged_config(name: str) -> Path | None:
    """A config of this repository, by its path there or below `configs`, with or without `.py`; else None."""
    relative = Path(name.removesuffix(".py") + ".py")
    if relative.is_absolute() or ".." in relative.parts:
        return None
    places = (folder / relative for folder in (PACKAGED, PACKAGED / "configs"))
    return next((place.resolve() for place in places if place.is_file()), None)


def config_name(path: str | Path | None) -> str:
    """What `find_config` finds a config by: its name below `configs` if it is one of this repository, else its path."""
    if path is None:
        return ""
    path = Path(path).resolve()
    folder = (PACKAGED / "configs").resolve()
    return path.relative_to(folder).with_suffix("").as_posix() if path.is_relative_to(folder) else str(path)


def weights_folder() -> Path:
    """Where downloaded weights are looked for: `$CLIPVIS_WEIGHTS`, or `weights` in the cache folder."""
    return Path(os.environ.get("CLIPVIS_WEIGHTS") or cache_folder() / "weights")


def _roots() -> tuple[Path, Path]:
    """The package's own files, and the checkout that its configs lie in."""
    return PACKAGED, (PACKAGED / "configs").resolve().parent


def _model(entry: dict) -> ZooModel:
    facts = entry["Metadata"]
    return ZooModel(
        name=entry["Name"],
        config=packaged_config(entry["Config"]),
        image_config=packaged_config(entry["Image Config"]),
        weights=entry["Weights"],
        knows=facts["Knows"],
        licence=facts["Licence"],
        training_data=tuple(facts["Training Data"]),
        results={result["Dataset"]: result["Metrics"]["AP"] for result in entry["Results"]},
    )


def _from_hub(name: str) -> Path:
    """Downloads a file of weights: the one that is named, or the only one in the repository."""
    from huggingface_hub import hf_hub_download

    owner, _, rest = name.removeprefix(HUB_PREFIX).partition("/")
    repository, _, file = rest.partition("/")
    if not owner or not repository:
        raise InputError(f"{name} is no address on the hub: write hf://owner/name or hf://owner/name/FILE")
    try:
        return Path(hf_hub_download(f"{owner}/{repository}", file or _only_weights(name, f"{owner}/{repository}")))
    except InputError:
        raise
    except Exception as error:  # the hub's errors and those of its http library have no common base
        raise InputError(
            f"{name} could not be downloaded ({first_line(error)}): check the name and the network"
        ) from None


def _only_weights(name: str, repository: str) -> str:
    from huggingface_hub import list_repo_files

    weights = [file for file in list_repo_files(repository) if file.endswith(WEIGHTS_SUFFIXES)]
    if len(weights) != 1:
        listed = ", ".join(weights) or "none"
        raise InputError(f"{name} has {len(weights)} files of weights ({listed}): name one, as {name}/FILE")
    return weights[0]

"""Registers parts with mmdet without importing mmdet for programs that do not use it.

Importing mmdet (and so torch) takes seconds and hundreds of megabytes, several times what scoring a
result file takes. So nothing here imports it; when somebody else does, in whatever order, mmdet's
registries are told where our parts are, and import them at the first look-up.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

_REGISTRY = "mmdet.registry"

Places = Mapping[str, Sequence[str]]
"""Modules that register parts on import, by the name of the registry in `mmdet.registry`."""


def register_with_mmdet(places: Places) -> None:
    """Makes `mmdet.registry`'s registries find parts in our modules, now or once it is imported.

    Args:
        places: `{"METRICS": ["clipvis_eval.metrics"], ...}`.
    """
    if _REGISTRY in sys.modules:
        for module in {module for modules in places.values() for module in modules}:
            import_module(module)
    else:
        sys.meta_path.insert(0, _AfterRegistry(places))


class _AfterRegistry(MetaPathFinder, Loader):
    """Steps in once, when `mmdet.registry` is imported, and adds our modules to its registries."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.loader: Loader | None = None

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != _REGISTRY:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None:
            self.loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        for registry, modules in self.places.items():
            # The list that mmengine's `Registry(locations=...)` fills and imports on first use.
            getattr(module, registry)._locations.extend(modules)

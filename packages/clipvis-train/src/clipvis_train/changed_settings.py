"""What a config says otherwise than the one that a checkpoint was written under, and which of the two holds."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from clipvis_core.foundation.errors import shortened

#: What a resumed run takes from the checkpoint, whatever the config says: the states of optimizer and schedule.
_KEPT = ("optim_wrapper.optimizer.", "optim_wrapper.paramwise_cfg.", "param_scheduler.", "auto_scale_lr.")
#: What it takes from the config, and what changes how the run goes on.
_TAKEN = ("optim_wrapper.", "train_dataloader.", "train_cfg.max_iters")
#: Parts of these that change no number.
_NO_MATTER = (
    *("num_workers", "persistent_workers", "pin_memory", "prefetch_factor", "worker_init_fn"),
    *("_delete_", "_scope_"),
)
_MOST_NAMED = 3
_MOST_LETTERS = 30  # of a value


def describe_changes(before: str | None, now: str) -> list[str]:
    """A line about settings that the checkpoint's values stay for, and one about those that become the config's.

    Args:
        before: Text of the config in the checkpoint; None or anything odd where it has none.
        now: Text of the config of this run. Both as `mmengine.Config.pretty_text`; they are read, never run.

    >>> config = "optim_wrapper = dict(optimizer=dict(lr=0.1))"
    >>> describe_changes(config, config.replace("0.1", "1"))[0].split(";")[0]
    'the config has optim_wrapper.optimizer.lr = 1 (the checkpoint 0.1)'
    """
    old, new = settings(before), settings(now)
    if not old:
        return []
    changed = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key) and _matters(key)]
    kept = [key for key in changed if key.startswith(_KEPT)]
    taken = [key for key in changed if key.startswith(_TAKEN) and key not in kept]
    ends = (
        (kept, "the run goes on with those of the checkpoint; a new run from its weights (load_from) takes these"),
        (taken, "from here on those of the config hold"),
    )
    return [shortened(f"the config has {_named(keys, old, new)}; {end}") for keys, end in ends if keys]


def settings(text: str | None) -> dict[str, str]:
    """Every value of a config's text by its dotted name, as text; nothing where the text cannot be read."""
    try:
        body = ast.parse(text or "").body
        return {
            key: value
            for line in body
            if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name)
            for key, value in _leaves(line.targets[0].id, line.value)
        }
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return {}


def _leaves(name: str, node: ast.expr) -> Iterator[tuple[str, str]]:
    """Names and values below a value: dicts are written as calls of `dict` or in braces."""
    if isinstance(node, ast.Call):
        items = [(str(word.arg), word.value) for word in node.keywords]
    elif isinstance(node, ast.Dict):
        items = [(str(ast.literal_eval(key)), value) for key, value in zip(node.keys, node.values, strict=True) if key]
    elif isinstance(node, ast.List) and any(isinstance(part, ast.Call | ast.Dict) for part in node.elts):
        items = [(str(place), part) for place, part in enumerate(node.elts)]
    else:
        yield name, ast.unparse(node)
        return
    for key, value in items:
        yield from _leaves(f"{name}.{key}", value)


def _matters(key: str) -> bool:
    return key.rpartition(".")[2] not in _NO_MATTER


def _named(keys: list[str], old: dict[str, str], new: dict[str, str]) -> str:
    named = [f"{key} = {_value(new, key)} (the checkpoint {_value(old, key)})" for key in keys[:_MOST_NAMED]]
    more = f" and {len(keys) - _MOST_NAMED} more" if len(keys) > _MOST_NAMED else ""
    return ", ".join(named) + more


def _value(values: dict[str, str], key: str) -> str:
    value = values.get(key, "none")
    return value if len(value) <= _MOST_LETTERS else f"{value[: _MOST_LETTERS - 3]}..."

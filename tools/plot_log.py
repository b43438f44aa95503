"""Draws the curves of training runs: `python tools/plot_log.py WORK_DIR [WORK_DIR ...] --keys loss --out curves.png`.

A run that was resumed has a log for each part; where they overlap the later part counts.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import _command
from clipvis_core import InputError


def read_scalars(work_dir: Path) -> dict[str, dict[int, float]]:
    """Every logged number of a run: name -> iteration -> value.

    Raises:
        InputError: The folder has no log, or a line of it is damaged before the last one.
    """
    logs = sorted(work_dir.glob("*/vis_data/scalars.json"))
    if not logs:
        raise InputError(f"{work_dir} has no training log (*/vis_data/scalars.json)")
    curves: dict[str, dict[int, float]] = {}
    for log in logs:
        for record in _records(log):
            step = record.pop("step")
            for name, value in record.items():
                if isinstance(value, int | float):
                    curves.setdefault(name, {})[step] = value
    return curves


def _records(log: Path) -> list[dict]:
    lines = log.read_text().splitlines()
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
        except ValueError:
            if number == len(lines):  # a killed run's last line
                break
            raise InputError(f"{log}: line {number} is damaged; remove it") from None
        if "step" in record:
            records.append(record)
    return records


def draw(runs: dict[str, dict[str, dict[int, float]]], keys: list[str], out: Path) -> None:
    """One panel a key, one curve a run, written whole to `out`.

    Raises:
        InputError: No run has logged a key.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    from clipvis_eval.charts import write_figure

    figure, panels = pyplot.subplots(1, len(keys), figsize=(5 * len(keys), 3.6), squeeze=False, layout="constrained")
    for key, panel in zip(keys, panels[0], strict=True):
        logged = {name: curves[key] for name, curves in runs.items() if key in curves}
        if not logged:
            names = sorted({name for curves in runs.values() for name in curves})
            raise InputError(f"no run has logged {key}; there are: {', '.join(names)}")
        for name, curve in logged.items():
            steps = sorted(curve)
            marker = "o" if len(steps) < 30 else None
            panel.plot(steps, [curve[step] for step in steps], marker=marker, label=name)
        panel.set(title=key, xlabel="iteration")
        panel.grid(alpha=0.3)
        panel.legend()
    write_figure(figure, out, dpi=110)
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work_dirs", nargs="+", type=Path, metavar="WORK_DIR")
    parser.add_argument("--keys", nargs="+", default=["loss"], help="logged names, a panel each")
    parser.add_argument("--out", type=Path, default=Path("curves.png"))
    args = parser.parse_args()
    draw({path.name: read_scalars(path) for path in args.work_dirs}, args.keys, args.out)
    print(args.out)


if __name__ == "__main__":
    _command.run(main, InputError)

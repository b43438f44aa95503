"""Curves of training logs."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from clipvis_core import InputError


def write_log(folder, name, records, tail=""):
    path = folder / name / "vis_data" / "scalars.json"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records) + tail)


def test_a_resumed_run_is_one_curve_and_its_later_part_counts(tmp_path):
    from plot_log import read_scalars

    write_log(tmp_path, "20260101_000000", [{"loss": 3.0, "step": 10}, {"loss": 9.0, "step": 20}], '{"lo')
    write_log(tmp_path, "20260102_000000", [{"loss": 2.0, "step": 20}, {"AP": 0.5, "step": 30}])
    assert read_scalars(tmp_path) == {"loss": {10: 3.0, 20: 2.0}, "AP": {30: 0.5}}


def test_a_picture_comes_out(tmp_path):
    from plot_log import draw, read_scalars

    write_log(tmp_path / "run", "a", [{"loss": 3.0, "step": 1}, {"loss": 1.0, "step": 2}])
    out = tmp_path / "curves.png"
    draw({"run": read_scalars(tmp_path / "run")}, ["loss"], out)
    assert Image.open(out).size[0] > 300


def test_mistakes_are_named(tmp_path):
    from plot_log import draw, read_scalars

    with pytest.raises(InputError, match="has no training log"):
        read_scalars(tmp_path)
    with pytest.raises(InputError, match=r"no run has logged AP; there are: loss"):
        draw({"run": {"loss": {1: 2.0}}}, ["AP"], tmp_path / "out.png")
    assert not (tmp_path / "out.png").exists()
    write_log(tmp_path, "a", [{"loss": 3.0, "step": 1}])
    log = tmp_path / "a" / "vis_data" / "scalars.json"
    log.write_text("broken\n" + log.read_text())
    with pytest.raises(InputError, match="line 1 is damaged"):
        read_scalars(tmp_path)

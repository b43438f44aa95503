"""Every number of the published evaluators on the reference sets."""

from __future__ import annotations

import json

import pytest

from clipvis_core.foundation.errors import InputError
from clipvis_eval.summary import metric_names
from clipvis_eval.track_ap import evaluate_files

EVALUATORS = {
    "ytvoseval": ("ytvis2019", "published"),
    "lvviseval": ("lvvis", "published"),
    "oviseval": ("ovis", "published"),
    "bursteval": ("burst", "published"),
    "ytvoseval_on_repaired_gt": ("burst", "corrected"),
}


@pytest.fixture(scope="module")
def goldens(reference_dir):
    folder = reference_dir / "eval_goldens"
    return folder, json.loads((folder / "expected.json").read_text())["cases"]


def number(value):
    return -1.0 if value is None else value


@pytest.mark.parametrize("evaluator", EVALUATORS)
def test_every_reference_number(goldens, evaluator):
    folder, cases = goldens
    benchmark, protocol = EVALUATORS[evaluator]
    compared = 0
    for case, evaluators in cases.items():
        if evaluator not in evaluators or case == "ytvis_len_mismatch":
            continue
        expected = evaluators[evaluator]
        result = evaluate_files(
            folder / f"{case}_gt.json", folder / f"{case}_dt.json", benchmark=benchmark, protocol=protocol
        )
        pairs = list(zip(metric_names(benchmark), expected["stats"], strict=True))
        assert [number(result.metrics[name]) for name, _ in pairs] == pytest.approx(
            [value for _, value in pairs], abs=1e-12, rel=0
        ), case
        for group, numbers in expected["groups"].items():
            ours = result.metrics if group == "all" else result.groups[group]
            assert {name: number(ours[name]) for name in numbers} == pytest.approx(numbers, abs=1e-12, rel=0), (
                case,
                group,
            )
        categories = json.loads((folder / f"{case}_gt.json").read_text())["categories"]
        names = {str(category["id"]): category["name"] for category in categories}
        for category, numbers in expected["per_category"].items():
            ours = result.per_category[names[category]]
            assert ours["AP"] == pytest.approx(numbers["ap"], abs=1e-12, rel=0)
            assert [ours[f"AR{n}"] for n in (1, 10, 100)] == pytest.approx(
                numbers["recall_at_1_10_100"], abs=1e-12, rel=0
            )
        compared += 1
    assert compared


def test_a_length_mismatch_names_the_record(goldens):
    folder, _ = goldens
    with pytest.raises(InputError, match=r"record 0: segmentations has 3 entries.*\(7 more bad\)"):
        evaluate_files(
            folder / "ytvis_len_mismatch_gt.json", folder / "ytvis_len_mismatch_dt.json", benchmark="ytvis2019"
        )

"""`import clipvis_eval` registers although it does not import mmdet itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOOK_UP = """
assert METRICS.get("LVVISTrackMetric").__module__.startswith("clipvis_eval")
assert METRICS.get("CLIPVISLVISMetric") and METRICS.get("CLIPVISCocoMetric") and METRICS.get("CocoMetric")
assert LOOPS.get("ResumableTestLoop").__module__.startswith("clipvis_eval")
"""
BEFORE = "import clipvis_eval\nfrom mmdet.registry import METRICS, LOOPS\n"
INSIDE = "import clipvis_eval\nimport mmdet.evaluation\nfrom mmdet.registry import METRICS, LOOPS\n"


@pytest.mark.parametrize("order", [BEFORE, INSIDE], ids=["before", "inside"])
def test_parts_are_registered_when_mmdet_is_imported_later(order):
    subprocess.run([sys.executable, "-c", order + LOOK_UP], check=True)


def test_the_package_itself_imports_no_torch():
    code = "import sys, clipvis_eval; assert 'torch' not in sys.modules, 'torch was imported'"
    subprocess.run([sys.executable, "-c", code], check=True)

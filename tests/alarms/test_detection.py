"""A short slice of `benchmarks/detection.py`, with its seed fixed: what it catches, and how rarely it cries."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

PATH = Path(__file__).parent.parent.parent / "benchmarks" / "detection.py"


@pytest.fixture(scope="module")
def detection() -> ModuleType:
    spec = importlib.util.spec_from_file_location("detection", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["detection"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.clause("2.6")
def test_the_rules_catch_bursts_drains_and_slow_scraping_and_seldom_cry(
    detection: ModuleType,
) -> None:
    """Five principals over 90 days: an eighth of the benchmark's, so that bounds are wider than its figures."""
    rows = detection.measure(1, 5, 90)
    ours, plain, smooth = rows["ours"], rows["plain z"], rows["EWMA"]
    assert ours["false"] <= 0.25
    assert ours["burst"] == 1
    assert ours["plus60"] >= 0.8
    assert ours["plus30"] >= 0.8
    assert ours["scraping"] >= 0.6
    assert ours["false"] < plain["false"] / 5
    assert ours["false"] < smooth["false"] / 5


def test_the_same_seed_gives_the_same_figures(detection: ModuleType) -> None:
    assert detection.measure(5, 1, 62) == detection.measure(5, 1, 62)

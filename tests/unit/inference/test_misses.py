"""What share of those with a finding a bundle points out, by its own measurements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.tiny_bundle import TinyBundle, write_bundle

from qiangji_inference.misses import measured_sensitivity
from qiangji_models.bundle import Bundle, load_bundle


def measured(n_pos: int, sensitive: float | None, specific: float | None) -> Mapping[str, Any]:
    points = {
        "sensitive": {"sensitivity": {"value": sensitive}},
        "specific": {"sensitivity": {"value": specific}},
    }
    return {"data_set": "test", "labels": {"mi": {"n_pos": n_pos, "points": points}}}


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return load_bundle(write_bundle(tmp_path, TinyBundle()))


def test_the_lowest_test_set_with_enough_patients_counts(bundle: Bundle) -> None:
    label = bundle.labels[0]
    rows = [
        measured(30, 0.7, 0.2),
        measured(31, 0.8, 0.3),
        measured(29, 0.1, 0.0),
        measured(99, None, None),
    ]
    results = tuple(
        {**row, "labels": {label: row["labels"]["mi"]}} for row in (*rows, {"labels": {"mi": {}}})
    )

    assert measured_sensitivity(replace(bundle, results=results), label) == pytest.approx(0.7)


def test_a_line_that_gives_no_hint_does_not_count_as_used(bundle: Bundle) -> None:
    label = bundle.labels[0]
    points = bundle.points[label]
    weak = replace(points, sensitive=replace(points.sensitive, specificity=0.69))
    bundle = replace(bundle, points={**bundle.points, label: weak})
    results = ({"labels": {label: measured(40, 0.9, 0.16)["labels"]["mi"]}},)

    assert measured_sensitivity(replace(bundle, results=results), label) == pytest.approx(0.16)


def test_without_a_test_the_data_that_fixed_the_line_count(bundle: Bundle) -> None:
    label = bundle.labels[0]
    points = bundle.points[label]
    used = points.sensitive if points.has_hint else points.specific

    assert measured_sensitivity(replace(bundle, results=()), label) == used.sensitivity

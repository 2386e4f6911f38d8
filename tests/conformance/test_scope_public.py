"""How often held-out patients are called unfamiliar, measured again with what ships."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from qiangji_datasets.public import nih, ptbxl_part
from qiangji_datasets.public.tables import numbers
from qiangji_inference.metrics import wilson
from qiangji_inference.predict import Model, open_model
from qiangji_models.bundle import load_bundle, shipped_bundles
from qiangji_models.preprocess import ecg as ecgs
from qiangji_models.preprocess import film as films
from qiangji_models.preprocess.specs import EcgSpec, FilmSpec

pytestmark = pytest.mark.shared
#: Enough to see a threshold that went wrong, few enough for a minute of the whole suite.
MOST = 120
Inputs = NDArray[np.float32]


def _adult_films(spec: FilmSpec, data: Path) -> list[Inputs]:
    table = nih.read(data / "cxr" / "nih_chestxray14")
    adults = (numbers(table.facts["age"]) >= 18) & (table.facts["split"] == "test")
    kept = np.flatnonzero(adults)[:: max(1, int(adults.sum()) // MOST)][:MOST]
    pictures = table.inputs[kept].astype(np.uint8)
    return [films.to_model_input(films.ReducedFilm(picture), spec) for picture in pictures]


def _resting_ecgs(spec: EcgSpec, data: Path) -> list[Inputs]:
    table = ptbxl_part.read(data / "ecg" / "ptbxl_part")
    signals = table.where(numbers(table.facts["fold"]) == 10).inputs[:MOST].astype(np.float32)
    scaled = [ecgs.ScaledEcg(signal, ptbxl_part.RATE_HZ) for signal in signals]
    return [ecgs.to_model_input(item, spec) for item in scaled]


HOME: dict[str, tuple[Callable[[Any, Path], list[Inputs]], str]] = {
    "cxr-adult": (_adult_films, "NIH"),
    "ecg-12lead": (_resting_ecgs, "fold 10"),
}


def _model(name: str) -> Model:
    folder = shipped_bundles().get(name)
    if folder is None:
        pytest.skip(f"bundle {name} does not ship with this checkout")
    bundle = load_bundle(folder)
    if bundle.uncertainty is None or bundle.uncertainty.novelty is None:
        pytest.skip(f"bundle {name} {bundle.version} was made before novelty was fitted")
    return open_model(bundle)


def _novelty(model: Model, inputs: list[Inputs]) -> NDArray[np.float64]:
    doubt = model.bundle.uncertainty
    assert doubt is not None
    assert doubt.novelty is not None
    pooled = [model.run(item).pooled for item in inputs]
    return doubt.novelty.space.novelty(np.stack([row for row in pooled if row is not None]))


def _threshold(model: Model) -> float:
    doubt = model.bundle.uncertainty
    assert doubt is not None
    assert doubt.novelty is not None
    return doubt.novelty.threshold


@pytest.mark.parametrize("name", sorted(HOME))
def test_held_out_patients_are_called_unfamiliar_as_often_as_the_bundle_states(
    name: str, shared_data: Path
) -> None:
    model = _model(name)
    read, part = HOME[name]

    inputs = read(model.bundle.spec, shared_data)
    found = _novelty(model, inputs) > _threshold(model)

    measured = wilson(int(found.sum()), len(found))
    stated = next(row for row in _checks(name) if part in row["data_set"])
    assert measured.low is not None
    assert measured.high is not None
    low, high = stated["interval"]
    assert measured.low <= high
    assert measured.high >= low


@pytest.mark.parametrize("name", sorted(HOME))
def test_noise_is_unfamiliar_to_every_bundle(name: str, shared_data: Path) -> None:
    model = _model(name)
    shape = HOME[name][0](model.bundle.spec, shared_data)[0].shape
    rng = np.random.default_rng(0)

    noise = [rng.normal(0, 1, shape).astype(np.float32) for _ in range(5)]

    assert (_novelty(model, noise) > _threshold(model)).all()


@pytest.mark.parametrize("name", sorted(shipped_bundles()))
def test_a_shipped_network_abstains_within_the_limit_it_states(name: str) -> None:
    bundle = load_bundle(shipped_bundles()[name])
    if bundle.uncertainty is None:
        pytest.skip(f"bundle {name} {bundle.version} was made before zones were fitted")

    for label_id, zone in bundle.uncertainty.zones.items():
        points = bundle.points[label_id]
        assert zone.low < zone.high
        assert zone.low <= points.specific.threshold
        assert zone.high >= points.sensitive.threshold


def _checks(name: str) -> list[dict[str, Any]]:  # Any: JSON
    import json

    from qiangji_models.bundle import METADATA

    metadata = json.loads((shipped_bundles()[name] / METADATA).read_text("utf-8"))
    rows: list[dict[str, Any]] = metadata["qiangji"]["uncertainty"]["novelty"]["checks"]
    return rows

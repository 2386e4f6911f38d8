"""The bundles that ship: whole, reproducible, adults only, small, and as good as their cards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from qiangji_datasets.public import kermany, ludb, nih, ptbxl_part, shenzhen
from qiangji_datasets.public.tables import numbers
from qiangji_datasets.records import Modality
from qiangji_inference import metrics
from qiangji_models.bundle import Bundle, check_onnx_metadata, load_bundle, shipped_bundles
from qiangji_models.preprocess import ecg as ecgs
from qiangji_models.preprocess import film as films
from qiangji_models.preprocess.specs import EcgSpec, FilmSpec

NAMES = sorted(shipped_bundles())
#: All bundles together; a township downloads them over a slow line.
MAX_TOTAL_BYTES = 60_000_000
#: Longest map cell (design): 160 ms; smallest film map: 14 cells a side.
MAX_CELL_S, MIN_CELLS = 0.16, 14
#: Torch scored the card's figures, ONNX Runtime scores here; ranks of near-equal scores may swap.
SAME_FIGURE = 0.001
wfdb_warns = pytest.mark.filterwarnings("ignore:The inplace keyword")


def _bundle(name: str) -> Bundle:
    return load_bundle(shipped_bundles()[name])


def _session(bundle: Bundle) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(bundle.onnx_fp32), options)


def _logits(bundle: Bundle, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
    session = _session(bundle)
    answers = [session.run(["logits"], {"input": row[None]})[0][0] for row in inputs]
    return np.stack(answers).astype(np.float64)


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_bundle_is_whole_and_its_weights_belong_to_it(name: str) -> None:
    bundle = _bundle(name)

    assert bundle.name == name
    check_onnx_metadata(bundle, _session(bundle).get_modelmeta().custom_metadata_map)


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_bundle_reproduces_its_golden_cases(name: str) -> None:
    bundle = _bundle(name)
    session = _session(bundle)

    with np.load(bundle.golden) as stored:
        for tensor, logits, parts in zip(
            stored["input"], stored["logits"], stored["map"], strict=True
        ):
            found, found_parts = (
                item[0] for item in session.run(["logits", "map"], {"input": tensor[None]})
            )
            chance, expected = (bundle.calibration.probabilities(item) for item in (found, logits))
            assert np.abs(chance - expected).max() <= bundle.golden_tolerance[0]
            assert np.abs(found_parts - parts).max() < 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_bundle_reads_adults_or_children_never_both(name: str) -> None:
    bundle = _bundle(name)
    youngest, limit = bundle.age_range_years

    assert bundle.accepts_age(youngest)
    assert not bundle.accepts_age(youngest - 0.01)
    assert not bundle.accepts_age(limit)
    assert youngest >= 18 or limit <= 18
    assert not bundle.accepts_age(17)


@pytest.mark.parametrize("name", NAMES)
def test_maps_are_fine_enough_to_point_at_something(name: str) -> None:
    bundle = _bundle(name)

    if isinstance(bundle.spec, EcgSpec):
        seconds = bundle.spec.samples / bundle.spec.rate_hz
        assert seconds / bundle.map_shape[0] <= MAX_CELL_S
    else:
        assert min(bundle.map_shape) >= MIN_CELLS


@pytest.mark.parametrize("name", NAMES)
def test_the_card_states_every_label_and_result(name: str) -> None:
    bundle = _bundle(name)
    card = bundle.card.read_text("utf-8")

    for label in bundle.labels:
        assert f"`{label}`" in card
    for row in bundle.results:
        assert row["data_set"] in card


def test_all_bundles_together_stay_small() -> None:
    sizes = [
        path.stat().st_size
        for folder in shipped_bundles().values()
        for path in folder.rglob("*")
        if path.is_file()
    ]

    assert sum(sizes) < MAX_TOTAL_BYTES


def _stated(bundle: Bundle, data_set: str) -> float:
    row = next(row for row in bundle.results if row["data_set"] == data_set)
    return float(row["macro_auc"]["all labels"]["value"])


@pytest.mark.shared
@wfdb_warns
@pytest.mark.skipif("ecg-12lead" not in NAMES, reason="bundle not shipped")
def test_the_ecg_bundle_gives_the_card_s_figures_through_the_service_path(
    shared_data: Path,
) -> None:
    bundle = _bundle("ecg-12lead")
    spec = bundle.spec
    assert isinstance(spec, EcgSpec)
    table = ptbxl_part.read(shared_data / "ecg" / "ptbxl_part").with_labels(bundle.labels)
    table = table.where(numbers(table.facts["fold"]) == 10)
    other = ludb.read(shared_data / "ecg" / "ludb")
    columns = [other.labels.index(label) for label in bundle.labels]

    at_home = _logits(bundle, table.inputs.astype(np.float32))
    elsewhere = _logits(
        bundle, np.stack([ecgs.to_model_input(item, spec)[0] for item in other.records])
    )

    home = metrics.macro_auc(table.targets, at_home) or 0
    away = metrics.macro_auc(other.targets[:, columns], elsewhere) or 0
    assert home == pytest.approx(_stated(bundle, "PTB-XL fold 10"), abs=SAME_FIGURE)
    assert away == pytest.approx(_stated(bundle, "LUDB"), abs=SAME_FIGURE)


def _nih_part(bundle: Bundle, data: Path) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    table = nih.read(data / "cxr" / "nih_chestxray14").with_labels(bundle.labels)
    adult = numbers(table.facts["age"]) >= 18
    table = table.where(adult & (table.facts["split"] == "test"))
    return table.inputs.astype(np.uint8), table.targets


def _shenzhen_part(bundle: Bundle, data: Path) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    table = shenzhen.read(data / "cxr" / "shenzhen").with_labels(bundle.labels)
    kept = ~(numbers(table.facts["age"]) < 18) & (table.facts["split"] == "test")
    table = table.where(kept & (table.facts["copy"] == "plain"))
    return table.inputs.astype(np.uint8), table.targets


def _kermany_part(bundle: Bundle, data: Path) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    table = kermany.read(data / "cxr" / "kermany_paediatric").with_labels(bundle.labels)
    table = table.where(table.facts["split"] == "test")
    return table.inputs.astype(np.uint8), table.targets


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "data_set", "part"),
    [
        ("cxr-adult", "NIH test, adults", _nih_part),
        ("cxr-tb", "Shenzhen hold-out", _shenzhen_part),
        ("cxr-paediatric", "Guangzhou official test", _kermany_part),
    ],
)
def test_a_film_bundle_gives_the_card_s_figures_through_the_service_path(
    shared_data: Path,
    name: str,
    data_set: str,
    part: Callable[[Bundle, Path], tuple[NDArray[np.uint8], NDArray[np.float32]]],
) -> None:
    if name not in NAMES:
        pytest.skip(f"bundle {name} not shipped")
    bundle = _bundle(name)
    assert isinstance(bundle.spec, FilmSpec)
    assert bundle.modality is Modality.CXR
    pictures, targets = part(bundle, shared_data)

    prepared = [
        films.to_model_input(films.ReducedFilm(picture), bundle.spec)[0] for picture in pictures
    ]

    found = metrics.macro_auc(targets, _logits(bundle, np.stack(prepared))) or 0
    assert found == pytest.approx(_stated(bundle, data_set), abs=SAME_FIGURE)


@pytest.mark.shared
@pytest.mark.train
@pytest.mark.skipif("pap-cell" not in NAMES, reason="bundle not shipped")
def test_the_cell_bundle_gives_the_card_s_figures(shared_data: Path) -> None:
    pytest.importorskip("torch")
    from qiangji_training.config import read_config
    from qiangji_training.tasks import build

    bundle = _bundle("pap-cell")
    configs = Path(__file__).parents[2] / "training" / "configs"
    (tested,) = build(read_config(configs / "pap-cell.toml"), shared_data).tests

    found = metrics.macro_auc(tested.targets, _logits(bundle, tested.inputs)) or 0

    assert found == pytest.approx(_stated(bundle, tested.name), abs=SAME_FIGURE)

"""Real, sealed bundles around the tiny networks of tests/golden; needs neither onnx nor torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.records import Modality
from qiangji_models.bundle import METADATA, file_sha256, metadata_hash, onnx_properties
from qiangji_models.preprocess.specs import CellSpec, EcgSpec, FilmSpec, Spec
from qiangji_models.uncertainty import FeatureSpace

GOLDEN = Path(__file__).parents[1] / "golden"
WEIGHTS, OFFSETS = (6.0, -6.0), (-1.0, 1.0)  # as in make_tiny_onnx
LABELS = {
    Modality.ECG: ("mi", "norm"),
    Modality.CXR: ("effusion", "no_finding"),
    Modality.PAP: ("cell_abnormal", "cell_high_grade"),
}
_KINDS = {Modality.ECG: "ecg", Modality.CXR: "film", Modality.PAP: "cell"}
_INPUTS = {Modality.ECG: (12, 1000), Modality.CXR: (1, 64, 64), Modality.PAP: (3, 64, 64)}


class Int8(StrEnum):
    """Second model file of a bundle: none, as good as the first, or not a network."""

    NONE = "none"
    COPY = "copy"
    GARBAGE = "garbage"


@dataclass(frozen=True)
class TinyBundle:
    """What a test wants of a bundle; the defaults give one that loads and reads adults."""

    modality: Modality = Modality.ECG
    name: str = "ecg-tiny"
    age_range_years: tuple[float, float] = (18, 120)
    sexes: tuple[str, ...] = ("F", "M", "O")
    thresholds: tuple[float, float] = (0.3, 0.7)
    golden_shift: float = 0.0
    carried_name: str = ""
    int8: Int8 = Int8.NONE
    film_rows: int = 64
    views: tuple[str, ...] = ()
    doubt: Mapping[str, Any] | None = None  # section ``uncertainty``
    is_pooled: bool = False  # ECG only: the network also gives its features

    @property
    def labels(self) -> tuple[str, ...]:
        """Label ids in the network's order."""
        return LABELS[self.modality]


def write_bundle(parent: Path, want: TinyBundle) -> Path:
    """Write and seal the bundle's folder below ``parent``."""
    folder = parent / want.name
    for sub in ("configs", "models", "docs", "golden"):
        (folder / sub).mkdir(parents=True)
    metadata = _metadata(want)
    (folder / "docs" / "README.md").write_text("# A network for tests\n", "utf-8")
    _write_golden(folder / "golden" / "cases.npz", want)
    digest = metadata_hash(metadata)
    props = onnx_properties(want.carried_name or want.name, metadata["version"], digest)
    pooled = "_pooled" if want.is_pooled else ""
    plain = (GOLDEN / f"tiny_{_KINDS[want.modality]}{pooled}.onnx").read_bytes()
    if want.doubt is not None and "novelty" in want.doubt:
        plain_space(12).save(folder / "models" / "scope.npz")
    network = plain + _properties(props)
    (folder / "models" / "model.onnx").write_bytes(network)
    if want.int8 is not Int8.NONE:
        second = network if want.int8 is Int8.COPY else b"not a network"
        (folder / "models" / "model_int8.onnx").write_bytes(second)
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    listed = {path.relative_to(folder).as_posix(): file_sha256(path) for path in files}
    metadata["qiangji"]["files"] = listed
    (folder / METADATA).write_text(json.dumps(metadata), "utf-8")
    return folder


def plain_space(channels: int) -> FeatureSpace:
    """A space in which novelty is the mean square of the features."""
    return FeatureSpace(
        mean=np.zeros(channels, np.float32),
        scale=np.ones(channels, np.float32),
        axes=np.eye(channels, 2, dtype=np.float16),
        spread=np.ones(2, np.float32),
        rest=1.0,
    )


def doubt(
    *, zone: tuple[float, float] = (0.0, 0.0), novelty_threshold: float | None = None
) -> dict[str, Any]:
    """Section ``uncertainty`` of a tiny ECG bundle: a zone for ``mi``, bands of one logit."""
    section: dict[str, Any] = {
        "bands": {
            "data_set": "made up for tests",
            "n": 10,
            "patients": 10,
            "draws": 200,
            "level": 0.95,
            "covariance": {name: [0.0, 0.0, 0.25] for name in LABELS[Modality.ECG]},
        },
        "zones": {"mi": {"low": zone[0], "high": zone[1], "share": 0.1, "is_cut": False}},
    }
    if novelty_threshold is not None:
        section["novelty"] = {
            "file": "models/scope.npz",
            "threshold": novelty_threshold,
            "false_alarm_rate": 0.02,
            "data_set": "made up for tests",
            "n": 10,
            "trained_on": 10,
            "checks": [],
        }
    return section


def expected_logits(tensor: NDArray[np.float32]) -> NDArray[np.float64]:
    """What the network must answer to (cases, channels, …), computed without ONNX Runtime."""
    bright = np.clip(tensor.astype(np.float64) - 1, 0, None).mean(axis=tuple(range(1, tensor.ndim)))
    return np.asarray(bright[:, None] * np.array(WEIGHTS) + np.array(OFFSETS))


def _write_golden(path: Path, want: TinyBundle) -> None:
    shape = (3, *_INPUTS[want.modality])
    inputs = np.random.default_rng(7).normal(0, 1.5, shape).astype(np.float32)
    np.savez_compressed(path, input=inputs, logits=expected_logits(inputs) + want.golden_shift)


def _properties(props: dict[str, str]) -> bytes:
    """``metadata_props`` of an ONNX ModelProto (field 14), to be appended to a serialised model.

    Protocol Buffers merge concatenated messages, so no package is needed to add them.
    """
    return b"".join(
        _field(14, _field(1, key.encode()) + _field(2, value.encode()))
        for key, value in props.items()
    )


def _field(number: int, value: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _point(point_id: str, threshold: float) -> dict[str, Any]:
    return {
        "id": point_id,
        "threshold": threshold,
        "data_set": "made up for tests",
        "n": 10,
        "n_pos": 5,
        "sensitivity": 0.8,
        "specificity": 0.8,
        "sensitivity_interval": [0.5, 0.9],
        "specificity_interval": [0.5, 0.9],
        "date": "2026-01-31",
    }


def _metadata(want: TinyBundle) -> dict[str, Any]:
    is_ecg = want.modality is Modality.ECG
    specs: dict[Modality, Spec] = {
        Modality.ECG: EcgSpec(),
        Modality.CXR: FilmSpec(rows=want.film_rows, cols=64),
        Modality.PAP: CellSpec(rows=64, cols=64),
    }
    low, high = want.thresholds
    models = {"fp32": "models/model.onnx"}
    if want.int8 is not Int8.NONE:
        models["int8"] = "models/model_int8.onnx"
    ours = {
        "schema_version": 1,
        "name": want.name,
        "modality": want.modality.value,
        "labels": list(want.labels),
        "preprocessing": specs[want.modality].steps(),
        "calibration": {
            "id": "test-1",
            "data_set": "made up for tests",
            "n": 10,
            "scale": dict.fromkeys(want.labels, 1.0),
            "offset": dict.fromkeys(want.labels, 0.0),
        },
        "operating_points": {
            name: {"sensitive": _point("s-1", low), "specific": _point("p-1", high)}
            for name in want.labels
        },
        "age_range_years": list(want.age_range_years),
        "sexes": list(want.sexes),
        "exclusions": [],
        "intended_use_zh": "仅供自动化测试使用的微型网络",
        "intended_use_en": "A tiny network for automated tests only",
        "models": models,
        "golden": {
            "cases": "golden/cases.npz",
            "fp32_tolerance": 0.001,
            "int8_tolerance": 0.02,
        },
        "map": {"shape": [100] if is_ecg else [16, 16]},
        "results": [],
        "run": {},
    }
    if want.views:
        ours["views"] = list(want.views)
    if want.doubt is not None:
        ours["uncertainty"] = dict(want.doubt)
    return {"version": "0.1.0", "qiangji": ours}

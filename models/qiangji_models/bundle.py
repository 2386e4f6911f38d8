"""A model bundle: a sealed folder with weights, preprocessing, meaning and proof.

Reading needs no MONAI, torch or onnx. The chain of hashes: ``metadata.json`` lists the sha256
of every other file; the ONNX file carries the hash of the metadata without that list (checked
by ``check_onnx_metadata`` once a session is open); ``Bundle.sha256`` covers both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import BundleError
from qiangji_datasets.labels import labels as vocabulary
from qiangji_datasets.records import Modality, Sex, View
from qiangji_models.preprocess.specs import CellSpec, EcgSpec, FilmSpec, Spec
from qiangji_models.uncertainty import Uncertainty, read_uncertainty

METADATA: Final = Path("configs", "metadata.json")
#: A folder may hold these beside the listed files; anything else unlisted is refused.
_UNLISTED: Final = frozenset({METADATA.as_posix()})
_CHUNK: Final = 1 << 20
_SPECS: Final[Mapping[Modality, type[FilmSpec] | type[EcgSpec] | type[CellSpec]]] = {
    Modality.CXR: FilmSpec,
    Modality.ECG: EcgSpec,
    Modality.PAP: CellSpec,
}


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold and where it comes from.

    ``threshold`` is on the calibrated probability; a value at or above it is flagged.
    Sensitivity, specificity and their 95 % intervals were measured on ``data_set``.
    """

    id: str
    threshold: float
    data_set: str
    n: int
    n_pos: int
    sensitivity: float
    specificity: float
    sensitivity_interval: tuple[float, float]
    specificity_interval: tuple[float, float]
    date: date

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Self:  # Any: schema-checked JSON
        """Build from a schema-checked object of ``metadata.json``."""
        low, high = row["sensitivity_interval"], row["specificity_interval"]
        return cls(
            **{
                **row,
                "sensitivity_interval": (float(low[0]), float(low[1])),
                "specificity_interval": (float(high[0]), float(high[1])),
                "date": date.fromisoformat(row["date"]),
            }
        )


#: A sensitive point below this specificity flags nothing: it would call most healthy recordings.
#: WHO target product profile for a TB triage test (2014): specificity of at least 70 %.
MIN_HINT_SPECIFICITY: Final = 0.70


@dataclass(frozen=True)
class LabelPoints:
    """The two operating points of a label; ``sensitive.threshold <= specific.threshold``."""

    sensitive: OperatingPoint
    specific: OperatingPoint

    @property
    def has_hint(self) -> bool:
        """Whether the product uses the sensitive point at all."""
        return self.sensitive.specificity >= MIN_HINT_SPECIFICITY


@dataclass(frozen=True, eq=False)
class Calibration:
    """Platt scaling per label: probability = sigmoid(scale * logit + offset).

    ``scale`` and ``offset`` are float64 in the order of the bundle's labels.
    """

    id: str
    data_set: str
    n: int
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]

    def probabilities(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Calibrated probabilities of logits (…, labels), in the same shape."""
        scaled = np.clip(logits * self.scale + self.offset, -60.0, 60.0)
        return np.asarray(1.0 / (1.0 + np.exp(-scaled)), np.float64)


@dataclass(frozen=True)
class Exclusion:
    """A kind of patient or recording that the bundle must not read."""

    zh: str
    en: str


@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle whose folder was checked.

    Parameters
    ----------
    sha256
        Hash over the metadata hash and the hashes of all files; names what was deployed.
    metadata_sha256
        Hash that the ONNX files must carry.
    spec
        Preprocessing.
    points
        Operating points by label id.
    age_range_years
        Inclusive lower and exclusive upper limit.
    sexes
        Administrative sexes the bundle reads; all three where it has no limit.
    min_seconds
        Shortest ECG it reads; None for pictures.
    onnx_fp32, onnx_int8
        Model files; int8 is None where none ships.
    golden
        npz with ``input`` (cases, …), ``logits`` (cases, labels), ``map`` (cases, labels, …).
    golden_tolerance
        Largest difference in probability: (fp32, int8).
    map_shape
        (rows, cols) or (time,) of the activation map.
    card
        The model card, Markdown.
    results
        Measured results as the card states them.
    views
        Projections it reads, films only; None where it states none: the gate alone decides.
    uncertainty
        Bands, zones and novelty; None in bundles made before they were fitted.
    """

    folder: Path
    name: str
    version: str
    sha256: str
    metadata_sha256: str
    modality: Modality
    labels: tuple[str, ...]
    spec: Spec
    calibration: Calibration
    points: Mapping[str, LabelPoints]
    age_range_years: tuple[float, float]
    sexes: frozenset[Sex]
    exclusions: tuple[Exclusion, ...]
    intended_use: Mapping[str, str]
    min_seconds: float | None
    onnx_fp32: Path
    onnx_int8: Path | None
    golden: Path
    golden_tolerance: tuple[float, float]
    map_shape: tuple[int, ...]
    card: Path
    results: tuple[Mapping[str, Any], ...]  # Any: free JSON for display
    views: frozenset[View] | None = None
    uncertainty: Uncertainty | None = None

    def accepts_age(self, age_years: float) -> bool:
        """True when the bundle was made for this age in years."""
        low, high = self.age_range_years
        return low <= age_years < high

    def accepts_view(self, view: View) -> bool:
        """True when the bundle was made for this projection."""
        return self.views is None or view in self.views


def load_bundle(folder: Path) -> Bundle:
    """Read a bundle after checking schema, hashes and meaning.

    Parameters
    ----------
    folder
        The bundle's folder.

    Raises
    ------
    BundleError
        Metadata unreadable or against the schema, a file missing, changed or not listed, an
        unknown label, or a label without calibration or operating points.
    """
    metadata = _read_metadata(folder)
    _check_schema(metadata, folder)
    _check_files(folder, metadata["qiangji"]["files"])
    _check_labels(metadata["qiangji"], folder)
    return _build(folder, metadata)


def shipped_bundles() -> dict[str, Path]:
    """Folders of the bundles that come with the program, by name."""
    root = Path(str(resources.files("qiangji_models").joinpath("bundles")))
    if not root.is_dir():
        return {}
    found = (path for path in sorted(root.iterdir()) if (path / METADATA).is_file())
    return {path.name: path for path in found}


def metadata_hash(metadata: Mapping[str, Any]) -> str:  # Any: JSON
    """Hash of the metadata without the list of files, as the ONNX file must carry it."""
    ours = {key: value for key, value in metadata["qiangji"].items() if key != "files"}
    return hashlib.sha256(_canonical({**metadata, "qiangji": ours})).hexdigest()


def bundle_hash(metadata: Mapping[str, Any]) -> str:  # Any: JSON
    """Hash that names a bundle: over the metadata hash and the hashes of all files."""
    parts = {"metadata": metadata_hash(metadata), "files": metadata["qiangji"]["files"]}
    return hashlib.sha256(_canonical(parts)).hexdigest()


def check_onnx_metadata(bundle: Bundle, props: Mapping[str, str]) -> None:
    """Check that an opened ONNX file belongs to this bundle.

    Parameters
    ----------
    bundle
        The loaded bundle.
    props
        ``session.get_modelmeta().custom_metadata_map``.

    Raises
    ------
    BundleError
        Name, version or metadata hash differ.
    """
    expected = onnx_properties(bundle.name, bundle.version, bundle.metadata_sha256)
    for key, value in expected.items():
        if props.get(key) != value:
            raise BundleError("bundle.onnx_metadata", bundle=bundle.name, field=key)


def onnx_properties(name: str, version: str, metadata_sha256: str) -> dict[str, str]:
    """What the ONNX file of a bundle carries in its own metadata."""
    return {
        "qiangji_name": name,
        "qiangji_version": version,
        "qiangji_metadata_sha256": metadata_sha256,
    }


def file_sha256(path: Path) -> str:
    """Hash of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def _canonical(value: object) -> bytes:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8")


def _read_metadata(folder: Path) -> dict[str, Any]:  # Any: JSON
    try:
        metadata = json.loads((folder / METADATA).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError("bundle.metadata_unreadable", bundle=folder.name) from error
    if not isinstance(metadata, dict) or not isinstance(metadata.get("version"), str):
        raise BundleError("bundle.schema", bundle=folder.name, field="version")
    return metadata


@cache
def _schema() -> dict[str, Any]:  # Any: JSON
    text = resources.files("qiangji_models").joinpath("bundle_schema.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def _check_schema(metadata: Mapping[str, Any], folder: Path) -> None:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    worst = best_match(Draft202012Validator(_schema()).iter_errors(metadata.get("qiangji")))
    if worst is not None:
        raise BundleError("bundle.schema", bundle=folder.name, field=worst.json_path)


def _check_files(folder: Path, listed: Mapping[str, str]) -> None:
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    for name in sorted(listed.keys() - present):
        raise BundleError("bundle.file_missing", bundle=folder.name, file=name)
    for name in sorted(present - listed.keys() - _UNLISTED):
        raise BundleError("bundle.file_unlisted", bundle=folder.name, file=name)
    for name, expected in listed.items():
        if file_sha256(folder / name) != expected:
            raise BundleError("bundle.file_changed", bundle=folder.name, file=name)


def _check_labels(ours: Mapping[str, Any], folder: Path) -> None:
    known = vocabulary()
    calibration = ours["calibration"]
    tables = (ours["operating_points"], calibration["scale"], calibration["offset"])
    for name in ours["labels"]:
        if name not in known or known[name].modality != ours["modality"]:
            raise BundleError("bundle.label_unknown", bundle=folder.name, label=name)
    if any(set(table) != set(ours["labels"]) for table in tables):
        raise BundleError("bundle.label_incomplete", bundle=folder.name)
    for name, pair in ours["operating_points"].items():
        if pair["sensitive"]["threshold"] > pair["specific"]["threshold"]:
            raise BundleError("bundle.points_order", bundle=folder.name, label=name)
    novelty = ours.get("uncertainty", {}).get("novelty")
    needed = [*ours["models"].values(), ours["golden"]["cases"], "docs/README.md"]
    for path in needed if novelty is None else [*needed, novelty["file"]]:
        if path not in ours["files"]:
            raise BundleError("bundle.file_missing", bundle=folder.name, file=path)


def _build(folder: Path, metadata: Mapping[str, Any]) -> Bundle:
    ours = metadata["qiangji"]
    modality = Modality(ours["modality"])
    spec = _SPECS[modality].from_steps(ours["preprocessing"])
    int8 = ours["models"].get("int8")
    return Bundle(
        folder=folder,
        name=ours["name"],
        version=metadata["version"],
        sha256=bundle_hash(metadata),
        metadata_sha256=metadata_hash(metadata),
        modality=modality,
        labels=tuple(ours["labels"]),
        spec=spec,
        calibration=_calibration(ours),
        points={name: _points(pair) for name, pair in ours["operating_points"].items()},
        age_range_years=(ours["age_range_years"][0], ours["age_range_years"][1]),
        sexes=frozenset(Sex(value) for value in ours["sexes"]),
        exclusions=tuple(Exclusion(**row) for row in ours["exclusions"]),
        intended_use={"zh": ours["intended_use_zh"], "en": ours["intended_use_en"]},
        min_seconds=spec.min_seconds if isinstance(spec, EcgSpec) else None,
        onnx_fp32=folder / ours["models"]["fp32"],
        onnx_int8=None if int8 is None else folder / int8,
        golden=folder / ours["golden"]["cases"],
        golden_tolerance=(ours["golden"]["fp32_tolerance"], ours["golden"]["int8_tolerance"]),
        map_shape=tuple(ours["map"]["shape"]),
        card=folder / "docs" / "README.md",
        results=tuple(ours["results"]),
        views=frozenset(View(value) for value in ours["views"]) if "views" in ours else None,
        uncertainty=read_uncertainty(ours, folder),
    )


def _calibration(ours: Mapping[str, Any]) -> Calibration:
    table = ours["calibration"]
    return Calibration(
        id=table["id"],
        data_set=table["data_set"],
        n=table["n"],
        scale=np.array([table["scale"][name] for name in ours["labels"]], np.float64),
        offset=np.array([table["offset"][name] for name in ours["labels"]], np.float64),
    )


def _points(pair: Mapping[str, Any]) -> LabelPoints:
    return LabelPoints(
        sensitive=OperatingPoint.from_json(pair["sensitive"]),
        specific=OperatingPoint.from_json(pair["specific"]),
    )

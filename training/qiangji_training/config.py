"""A training run's configuration: one complete TOML file, frozen, unknown keys refused."""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from qiangji_datasets.errors import InputRejected
from qiangji_models.preprocess.specs import CellSpec, EcgSpec, FilmSpec


@dataclass(frozen=True)
class NetConfig:
    """Shape of one network; ``depth`` matters to films, ``kernel`` to ECGs.

    ``kind`` is ``residual`` or, for pictures, ``lite`` (EfficientNet-Lite0, of its own width);
    ``enlarge`` and ``path_drop`` belong to the latter.
    """

    width: int
    dropout: float
    depth: int = 1
    kernel: int = 7
    kind: str = "residual"
    enlarge: float = 1.0
    path_drop: float = 0.0


class Precision(StrEnum):
    """Of the arithmetic inside the network; weights, loss and averages are always 32 bits."""

    BF16 = "bf16"
    FP32 = "32"


@dataclass(frozen=True)
class FitConfig:
    """How the weights are found.

    ``members`` networks are trained from different seeds and averaged in the bundle; the last
    ``auxiliary_members`` of them also learn the configuration's auxiliary statements. ``sizes``
    are input sizes in px, each used for an equal part of the epochs (films; empty for ECGs).
    ``precision`` is ``bf16`` (faster for dense convolutions) or ``32`` (faster for depthwise ones).
    ``ema`` is the decay of the averaged weights a step; they are what is exported. ``patience``
    is how many epochs without a better validation score end the training, with the best averaged
    weights; 0 trains all epochs and keeps the last ones. A checkpoint is written at the end of an
    epoch and when ``checkpoint_minutes`` have passed since the last.
    """

    members: int
    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    ema: float
    mixup: float
    label_smoothing: float
    positive_weight_power: float
    auxiliary_members: int = 0
    sizes: tuple[int, ...] = ()
    precision: Precision = Precision.BF16
    patience: int = 0
    checkpoint_minutes: float = 10.0

    def __post_init__(self) -> None:
        least = {"members": 1, "epochs": 1, "batch": 1, "patience": 0, "checkpoint_minutes": 0}
        for key, value in least.items():
            if getattr(self, key) < value:
                raise InputRejected("train.config_type", key=f"fit.{key}")
        if not 0 <= self.auxiliary_members <= self.members:
            raise InputRejected("train.config_type", key="fit.auxiliary_members")
        if not 0 <= self.ema < 1:
            raise InputRejected("train.config_type", key="fit.ema")


@dataclass(frozen=True)
class EcgAugment:
    """Random changes of a scaled ECG; each a largest amount or a probability.

    ``rate`` is the chance of another heart rate (sinus rhythms, with the labels that then hold),
    ``chest`` of chest electrodes between two places.
    """

    shift_s: float
    noise: float
    wander: float
    gain: float
    lead_drop: float
    stretch: float
    rate: float = 0.0
    chest: float = 0.0


@dataclass(frozen=True)
class FilmAugment:
    """Random changes of a film; each a largest amount or a probability. Never mirrored.

    ``kernel`` is the chance of another resampling kernel than area averaging, ``sharpen`` of an
    edge-enhanced picture, ``jpeg`` of lossy compression: what another archive may have done.
    """

    rotate_deg: float
    zoom: float
    shift: float
    gamma: float
    clip: float
    blur: float
    noise: float
    erase: float
    kernel: float = 0.0
    sharpen: float = 0.0
    jpeg: float = 0.0


@dataclass(frozen=True)
class CellAugment:
    """Random changes of a cell picture; each a largest amount or a probability.

    ``zoom`` is of the natural logarithm of the magnification, ``stain`` of that of the dye.
    """

    zoom: float
    shift: float
    stain: float
    blur: float
    sharpen: float
    jpeg: float


@dataclass(frozen=True)
class PointsConfig:
    """What the two operating points must reach on the validation part."""

    sensitivity: float
    specificity: float


class Source(StrEnum):
    """Which copy of a set is read: the reduced one, or a folder in the publisher's layout."""

    REDUCED = "reduced"
    PUBLISHER = "publisher"


@dataclass(frozen=True)
class FolderConfig:
    """A labelled folder of one's own, for the task ``folder``.

    ``table`` is a CSV below the data folder; files are named from where it lies. ``targets`` and
    ``where`` read as those of ``qiangji evaluate``. ``split_column`` holds train, val or test;
    without one a hash of the patient and ``split_name`` (``table`` when empty) decides.
    """

    table: str
    file_column: str
    patient_column: str
    targets: tuple[str, ...]
    age_column: str = ""
    sex_column: str = ""
    view_column: str = ""
    split_column: str = ""
    split_name: str = ""
    where: tuple[str, ...] = ()


@dataclass(frozen=True)
class Config:
    """Everything a run depends on but the data and the machine.

    ``task`` names the recipe in ``tasks.py``. ``start_from`` is the name of another run whose
    weights the features start from, ``imagenet``, or empty. ``fold`` is the tested part of a
    cross-validation, counted from 1; 0 is the split that the bundle is made with. ``source`` says
    which copy of the set the data folder holds. ``auxiliary`` names columns of the set whose
    statements some members learn beside the labels: they shape the features and never leave the
    training.
    """

    name: str
    version: str
    task: str
    seed: int
    threads: int
    labels: tuple[str, ...]
    age_range_years: tuple[float, float]
    start_from: str
    net: NetConfig
    fit: FitConfig
    points: PointsConfig
    ecg: EcgSpec | None = None
    ecg_augment: EcgAugment | None = None
    film: FilmSpec | None = None
    film_augment: FilmAugment | None = None
    cell: CellSpec | None = None
    cell_augment: CellAugment | None = None
    fold: int = 0
    source: Source = Source.REDUCED
    folder: FolderConfig | None = None
    auxiliary: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.auxiliary) != bool(self.fit.auxiliary_members):
            raise InputRejected("train.config_auxiliary", name=self.name)
        kinds = (
            (self.ecg, self.ecg_augment),
            (self.film, self.film_augment),
            (self.cell, self.cell_augment),
        )
        whole = [None not in pair for pair in kinds]
        if whole.count(True) != 1:
            raise InputRejected("train.config_kind", name=self.name)

    @property
    def spec(self) -> EcgSpec | FilmSpec | CellSpec:
        """Preprocessing of the bundle."""
        found = self.ecg or self.film or self.cell
        if found is None:
            raise InputRejected("train.config_kind", name=self.name)
        return found


def read_config(path: Path) -> Config:
    """Read a TOML file.

    Raises
    ------
    InputRejected
        Not TOML, a key unknown or missing, or a value of another type; names the key.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputRejected("train.config_unreadable", file=path.name) from error
    config = build(Config, table, "")
    if not isinstance(config, Config):
        raise InputRejected("train.config_unreadable", file=path.name)
    return config


def as_table(config: Config) -> dict[str, Any]:  # Any: JSON for the manifest
    """The configuration as plain JSON values."""
    return dataclasses.asdict(config)


def build(kind: Any, table: Mapping[str, Any], where: str) -> object:  # Any: a dataclass type
    known = {field.name: field for field in dataclasses.fields(kind)}
    for key in table.keys() - known.keys():
        raise InputRejected("train.config_unknown_key", key=where + key)
    hints = typing.get_type_hints(kind)
    for key, field in known.items():
        has_default = field.default is not dataclasses.MISSING
        if key not in table and not has_default:
            raise InputRejected("train.config_missing_key", key=where + key)
    values = {key: _value(hints[key], value, where + key) for key, value in table.items()}
    return kind(**values)


def _value(hint: Any, value: Any, where: str) -> object:  # Any: annotations and TOML values
    if isinstance(hint, types.UnionType):
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise InputRejected("train.config_type", key=where)
        return build(hint, value, where + ".")
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise InputRejected("train.config_type", key=where)
        return tuple(_value(typing.get_args(hint)[0], item, where) for item in value)
    if hint is float and type(value) is int:
        return float(value)
    if issubclass(hint, str) and isinstance(value, str):
        return _text(hint, value, where)
    if type(value) is not hint:
        raise InputRejected("train.config_type", key=where)
    return value


def _text(hint: type[str], value: str, where: str) -> str:
    try:
        return hint(value)
    except ValueError as error:
        raise InputRejected("train.config_type", key=where) from error

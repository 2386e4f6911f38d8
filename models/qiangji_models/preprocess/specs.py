"""What a bundle's preprocessing is, as named steps with parameters; plain data, no arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from qiangji_datasets.errors import BundleError

#: One named step, as it stands in ``metadata.json``.
Step = Mapping[str, str | int | float | bool]


class Fit(StrEnum):
    """How a picture of any aspect ratio becomes the network's rectangle.

    STRETCH scales both axes on their own (as the NIH set was made), CROP keeps the centre,
    PAD keeps everything and fills with black (films) or mirrors it outwards (cells).
    """

    STRETCH = "stretch"
    CROP = "crop"
    PAD = "pad"


@dataclass(frozen=True)
class FilmSpec:
    """Preprocessing of a film bundle.

    Parameters
    ----------
    rows, cols
        Size of the network's input in px.
    fit
        How the aspect ratio is treated.
    low_percentile, high_percentile
        Display range where the file names no usable window, 0–100.
    equalise
        Histogram equalisation of the small picture before scaling.
    border_fraction
        Part of each side set to the mean, 0–0.25; hides side markers and digits.
    """

    rows: int
    cols: int
    fit: Fit = Fit.STRETCH
    low_percentile: float = 0.5
    high_percentile: float = 99.5
    equalise: bool = False
    border_fraction: float = 0.0

    def __post_init__(self) -> None:
        if not (16 <= self.rows <= 2048 and 16 <= self.cols <= 2048):
            raise BundleError("bundle.step_value", step="fit", field="rows, cols")
        if not 0 <= self.low_percentile < self.high_percentile <= 100:
            raise BundleError("bundle.step_value", step="voi", field="percentile")
        if not 0 <= self.border_fraction <= 0.25:
            raise BundleError("bundle.step_value", step="mask_border", field="fraction")

    @classmethod
    def from_steps(cls, steps: Sequence[Step]) -> Self:
        """Read the steps of ``metadata.json``.

        Raises
        ------
        BundleError
            A step is unknown, missing, out of order or has another parameter.
        """
        found = _by_name(steps, _FILM_STEPS)
        voi, fit = found["voi"], found["fit"]
        return cls(
            rows=int(fit["rows"]),
            cols=int(fit["cols"]),
            fit=_fit(str(fit["mode"])),
            low_percentile=float(voi["low_percentile"]),
            high_percentile=float(voi["high_percentile"]),
            equalise=bool(found["equalise"]["is_on"]),
            border_fraction=float(found["mask_border"]["fraction"]),
        )

    def steps(self) -> list[dict[str, str | int | float | bool]]:
        """The steps as they stand in ``metadata.json``; the inverse of ``from_steps``."""
        return [
            {
                "name": "voi",
                "low_percentile": self.low_percentile,
                "high_percentile": self.high_percentile,
            },
            {"name": "fit", "mode": self.fit.value, "rows": self.rows, "cols": self.cols},
            {"name": "equalise", "is_on": self.equalise},
            {"name": "standardise_picture"},
            {"name": "mask_border", "fraction": self.border_fraction},
        ]


@dataclass(frozen=True)
class EcgSpec:
    """Preprocessing of an ECG bundle.

    Parameters
    ----------
    rate_hz
        Rate the network reads at.
    low_hz, high_hz, order
        Zero-phase Butterworth band-pass.
    samples
        Length of the network's input; shorter recordings are padded with zeros at the end.
    min_seconds
        Shortest recording this bundle reads.
    """

    rate_hz: int = 100
    low_hz: float = 0.5
    high_hz: float = 40.0
    order: int = 4
    samples: int = 1000
    min_seconds: float = 9.5

    def __post_init__(self) -> None:
        if not 0 < self.low_hz < self.high_hz < self.rate_hz / 2:
            raise BundleError("bundle.step_value", step="bandpass", field="low_hz, high_hz")
        if not 0 < self.min_seconds <= self.samples / self.rate_hz:
            raise BundleError("bundle.step_value", step="crop_or_pad", field="min_seconds")

    @classmethod
    def from_steps(cls, steps: Sequence[Step]) -> Self:
        """Read the steps of ``metadata.json``.

        Raises
        ------
        BundleError
            A step is unknown, missing, out of order or has another parameter.
        """
        found = _by_name(steps, _ECG_STEPS)
        band, length = found["bandpass"], found["crop_or_pad"]
        return cls(
            rate_hz=int(found["resample"]["rate_hz"]),
            low_hz=float(band["low_hz"]),
            high_hz=float(band["high_hz"]),
            order=int(band["order"]),
            samples=int(length["samples"]),
            min_seconds=float(length["min_seconds"]),
        )

    def steps(self) -> list[dict[str, str | int | float | bool]]:
        """The steps as they stand in ``metadata.json``; the inverse of ``from_steps``."""
        return [
            {
                "name": "bandpass",
                "low_hz": self.low_hz,
                "high_hz": self.high_hz,
                "order": self.order,
            },
            {"name": "resample", "rate_hz": self.rate_hz},
            {"name": "zscore_per_lead"},
            {"name": "crop_or_pad", "samples": self.samples, "min_seconds": self.min_seconds},
        ]


class StainMode(StrEnum):
    """What is done about stains and cameras that differ from site to site.

    NONE keeps the optical density on a fixed scale. PICTURE gives each channel of the density
    zero mean and unit variance over the picture: whatever multiplies the light of a channel
    (lamp, white balance) or its density (amount of dye) cancels. TISSUE does the same with
    pixels weighted by how much they absorb, so that the share of bare glass does not matter.
    """

    NONE = "none"
    PICTURE = "picture"
    TISSUE = "tissue"


@dataclass(frozen=True)
class CellSpec:
    """Preprocessing of a bundle that reads cells.

    Parameters
    ----------
    rows, cols
        Size of the network's input in px.
    fit
        How the aspect ratio is treated; STRETCH would change the shape of nuclei.
    field_um
        Length of the field's longer side in µm where the picture's pixel size is known: the input
        then covers that field about the centre. 0, or a picture of unknown scale: all of it.
    stain
        Stain normalisation.
    """

    rows: int
    cols: int
    fit: Fit = Fit.PAD
    field_um: float = 0.0
    stain: StainMode = StainMode.PICTURE

    def __post_init__(self) -> None:
        if not (16 <= self.rows <= 1024 and 16 <= self.cols <= 1024):
            raise BundleError("bundle.step_value", step="fit_field", field="rows, cols")
        if self.field_um != 0 and not 1 <= self.field_um <= 10_000:
            raise BundleError("bundle.step_value", step="fit_field", field="field_um")

    @classmethod
    def from_steps(cls, steps: Sequence[Step]) -> Self:
        """Read the steps of ``metadata.json``.

        Raises
        ------
        BundleError
            A step is unknown, missing, out of order or has another parameter.
        """
        found = _by_name(steps, _CELL_STEPS)
        field = found["fit_field"]
        try:
            stain = StainMode(str(found["normalise_stain"]["mode"]))
        except ValueError as error:
            raise BundleError("bundle.step_value", step="normalise_stain", field="mode") from error
        return cls(
            rows=int(field["rows"]),
            cols=int(field["cols"]),
            fit=_fit(str(field["mode"])),
            field_um=float(field["field_um"]),
            stain=stain,
        )

    def steps(self) -> list[dict[str, str | int | float | bool]]:
        """The steps as they stand in ``metadata.json``; the inverse of ``from_steps``."""
        return [
            {
                "name": "fit_field",
                "mode": self.fit.value,
                "rows": self.rows,
                "cols": self.cols,
                "field_um": self.field_um,
            },
            {"name": "optical_density"},
            {"name": "normalise_stain", "mode": self.stain.value},
        ]


#: Preprocessing of one bundle, by what it reads.
Spec = FilmSpec | EcgSpec | CellSpec

_FILM_STEPS: Final = {
    "voi": {"low_percentile", "high_percentile"},
    "fit": {"mode", "rows", "cols"},
    "equalise": {"is_on"},
    "standardise_picture": set[str](),
    "mask_border": {"fraction"},
}
_ECG_STEPS: Final = {
    "bandpass": {"low_hz", "high_hz", "order"},
    "resample": {"rate_hz"},
    "zscore_per_lead": set[str](),
    "crop_or_pad": {"samples", "min_seconds"},
}
_CELL_STEPS: Final = {
    "fit_field": {"mode", "rows", "cols", "field_um"},
    "optical_density": set[str](),
    "normalise_stain": {"mode"},
}


def _fit(mode: str) -> Fit:
    try:
        return Fit(mode)
    except ValueError as error:
        raise BundleError("bundle.step_value", step="fit", field="mode") from error


def _by_name(steps: Sequence[Step], expected: Mapping[str, set[str]]) -> dict[str, Step]:
    names = [str(step.get("name", "")) for step in steps]
    if names != list(expected):
        raise BundleError("bundle.steps", found=", ".join(names), expected=", ".join(expected))
    for step, (name, fields) in zip(steps, expected.items(), strict=True):
        if set(step) != fields | {"name"}:
            raise BundleError("bundle.step_fields", step=name, fields=", ".join(sorted(step)))
    return dict(zip(names, steps, strict=True))

"""What a bundle knows of its own doubt: bands, abstain zones, distance from its training data."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import BundleError

#: Two-sided 95 % of a normal distribution.
_SPREAD: Final = 1.96
#: exp() of more overflows nothing, and the probability no longer moves.
_LARGEST: Final = 60.0
#: What a cut or foreign .npz raises, besides ValueError.
_UNREADABLE: Final = (OSError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)
_ARRAYS: Final = ("mean", "scale", "axes", "spread", "rest")


@dataclass(frozen=True, eq=False)
class FeatureSpace:
    """A Gaussian of the pooled features: principal directions, one variance for all the rest.

    Parameters
    ----------
    mean, scale
        (channels,) mean and standard deviation of each channel in training.
    axes
        (channels, directions) orthonormal, of the standardised channels.
    spread
        (directions,) standard deviation along each direction.
    rest
        Variance of every direction that is left out, > 0.

    References
    ----------
    Lee et al. 2018, arXiv:1807.03888 (Mahalanobis distance of features); Tipping and Bishop 1999,
    doi:10.1111/1467-9868.00196 (the covariance).
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    axes: NDArray[np.float16]
    spread: NDArray[np.float32]
    rest: float

    def __post_init__(self) -> None:
        channels, directions = self.axes.shape
        is_whole = self.mean.shape == self.scale.shape == (channels,)
        if not is_whole or self.spread.shape != (directions,):
            raise ValueError("the arrays of a feature space do not fit each other")
        if not (self.rest > 0 and (self.scale > 0).all() and (self.spread > 0).all()):
            raise ValueError("a feature space needs positive variances")

    def novelty(self, pooled: NDArray[np.floating]) -> NDArray[np.float64]:
        """Squared Mahalanobis distance per channel (n,) of features (n, channels), about 1 at home.

        Raises
        ------
        ValueError
            Another number of channels.
        """
        if pooled.ndim != 2 or pooled.shape[1] != len(self.mean):
            raise ValueError(f"{pooled.shape} features, {len(self.mean)} channels wanted")
        standard = (pooled.astype(np.float64) - self.mean) / self.scale
        along = standard @ self._directions
        left = ((standard - along @ self._directions.T) ** 2).sum(axis=1)
        distance = ((along / self.spread) ** 2).sum(axis=1) + left / self.rest
        return np.asarray(distance / len(self.mean), np.float64)

    @cached_property
    def _directions(self) -> NDArray[np.float64]:
        """The axes, made orthonormal again after they were rounded."""
        found, triangle = np.linalg.qr(self.axes.astype(np.float64))
        return np.asarray(found * np.sign(np.diag(triangle)), np.float64)

    def save(self, path: Path) -> None:
        """Write the arrays as .npz, float16 where that is enough."""
        np.savez_compressed(
            path,
            mean=self.mean,
            scale=self.scale,
            axes=self.axes,
            spread=self.spread,
            rest=np.float64(self.rest),
        )

    @classmethod
    def load(cls, path: Path) -> FeatureSpace:
        """Read what ``save`` wrote.

        Raises
        ------
        ValueError
            Not such a file.
        """
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
                mean, scale, axes, spread, rest = (stored[name] for name in _ARRAYS)
                return cls(mean, scale, axes, spread, float(rest))
        except _UNREADABLE as error:
            raise ValueError(f"{path.name} holds no feature space") from error


@dataclass(frozen=True, eq=False)
class Novelty:
    """Where familiar ends.

    ``threshold`` is on ``FeatureSpace.novelty``; ``false_alarm_rate`` is what it was set to on the
    ``n`` recordings of ``data_set`` (patients who were not trained on).
    """

    space: FeatureSpace
    threshold: float
    false_alarm_rate: float
    data_set: str
    n: int


@dataclass(frozen=True)
class Zone:
    """Probabilities (``low`` inclusive, ``high`` exclusive) at which a label abstains."""

    low: float
    high: float

    def holds(self, probability: float) -> bool:
        """True where the label is neither safely flagged nor safely left out."""
        return self.low <= probability < self.high


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Bands of the calibrated probability, zones by label, and novelty where it was fitted.

    ``covariance`` (labels, 3) holds variance of the calibration's scale, covariance of scale and
    offset, variance of the offset, in the order of the bundle's labels.
    """

    covariance: NDArray[np.float64]
    zones: Mapping[str, Zone]
    novelty: Novelty | None = None

    def is_uncertain(self, label: str, probability: float) -> bool:
        """True inside the label's zone; labels without a zone never abstain."""
        return label in self.zones and self.zones[label].holds(probability)

    def band(
        self,
        logits: NDArray[np.floating],
        scale: NDArray[np.float64],
        offset: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper end of the 95 % band of the probability, each in the shape of logits.

        Parameters
        ----------
        logits
            (…, labels).
        scale, offset
            (labels,) of the calibration.
        """
        return band(logits, np.stack([scale, offset], axis=1), self.covariance)


def band(
    logits: NDArray[np.floating],
    fitted: NDArray[np.float64],
    covariance: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ends of the 95 % band of sigmoid(scale * logit + offset), from the fit's covariance.

    Parameters
    ----------
    logits
        (…, labels).
    fitted
        (labels, 2) scale and offset.
    covariance
        (labels, 3) as in ``Uncertainty``.
    """
    x = np.asarray(logits, np.float64)
    middle = x * fitted[:, 0] + fitted[:, 1]
    variance = covariance[:, 0] * x**2 + 2 * covariance[:, 1] * x + covariance[:, 2]
    half = _SPREAD * np.sqrt(np.maximum(variance, 0.0))
    return _sigmoid(middle - half), _sigmoid(middle + half)


def read_uncertainty(
    ours: Mapping[str, Any],  # Any: schema-checked JSON
    folder: Path,
) -> Uncertainty | None:
    """The section ``uncertainty`` of a bundle, or None in bundles made before it.

    Raises
    ------
    BundleError
        A label is missing in it, or its file of features cannot be used.
    """
    section = ours.get("uncertainty")
    if section is None:
        return None
    labels = ours["labels"]
    covariance, zones = section["bands"]["covariance"], section["zones"]
    if set(covariance) != set(labels) or not set(zones) <= set(labels):
        raise BundleError("bundle.label_incomplete", bundle=folder.name)
    return Uncertainty(
        covariance=np.array([covariance[name] for name in labels], np.float64),
        zones={name: Zone(row["low"], row["high"]) for name, row in zones.items()},
        novelty=_novelty(section.get("novelty"), folder),
    )


def _novelty(row: Mapping[str, Any] | None, folder: Path) -> Novelty | None:
    if row is None:
        return None
    path = folder / row["file"]
    try:
        space = FeatureSpace.load(path)
    except ValueError as error:
        raise BundleError("bundle.novelty_unusable", bundle=folder.name, file=path.name) from error
    return Novelty(
        space=space,
        threshold=row["threshold"],
        false_alarm_rate=row["false_alarm_rate"],
        data_set=row["data_set"],
        n=row["n"],
    )


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(x, -_LARGEST, _LARGEST))), np.float64)

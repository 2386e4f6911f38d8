"""What inference says about one recording: gate, predictions, measurements; frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.records import Modality, Notice, Severity


class Flag(StrEnum):
    """Where a probability lies against the two operating points of its label."""

    NONE = "none"  # below the sensitive point
    POSSIBLE = "possible"  # at or above the sensitive point
    LIKELY = "likely"  # at or above the specific point


@dataclass(frozen=True)
class BundleRef:
    """Which sealed model spoke: name, version, sha256 over the bundle's file hashes."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class LabelPrediction:
    """One label of one model.

    ``probability`` is calibrated, 0–1. ``operating_point`` is the id of the point that set the
    flag (the highest one reached), or of the sensitive point when none was reached.
    ``suppressed_by`` names the notice code that invalidates this call, or is empty; a suppressed
    call has flag NONE and is shown as withheld with its reason. ``probability_low`` and
    ``probability_high`` are the 95 % band, None where the bundle has none. ``is_uncertain``: the
    probability lies in the label's abstain zone; the flag stands, a physician must decide.
    ``sensitivity``: the share of those with the finding whom the bundle pointed out when tested;
    None where it is not known.
    """

    label: str
    logit: float
    probability: float
    flag: Flag
    operating_point: str
    threshold: float
    suppressed_by: str = ""
    probability_low: float | None = None
    probability_high: float | None = None
    is_uncertain: bool = False
    sensitivity: float | None = None


@dataclass(frozen=True)
class Familiarity:
    """How far a recording lies from what the bundle was fitted on; about 1 at home."""

    novelty: float
    threshold: float

    @property
    def is_unfamiliar(self) -> bool:
        """True above the threshold: nobody knows what the bundle's numbers are worth here."""
        return self.novelty > self.threshold


@dataclass(frozen=True, eq=False)
class Prediction:
    """Everything one bundle said about one recording.

    ``activation_map`` is float32: (labels, rows, columns) for films, (labels, time) for ECGs;
    it shows what moved the number, not the outline of a lesion. ``map_extent`` says what the map
    covers: films (top, left, bottom, right) as fractions of the stored picture; ECGs
    (start_s, end_s) in seconds. ``familiarity`` is None where the bundle cannot tell.
    """

    bundle: BundleRef
    modality: Modality
    labels: tuple[LabelPrediction, ...]
    activation_map: NDArray[np.float32]
    map_extent: tuple[float, ...]
    calibration_id: str
    ms: dict[str, float] = field(default_factory=dict)
    familiarity: Familiarity | None = None

    @property
    def is_unfamiliar(self) -> bool:
        """True where the recording is unlike the training data; never raised without a measure."""
        return self.familiarity is not None and self.familiarity.is_unfamiliar


@dataclass(frozen=True)
class BundleDeclined:
    """A bundle that did not read this recording, and why (age, sex, duration, gate, fault)."""

    bundle: str
    notice: Notice


@dataclass(frozen=True)
class GateResult:
    """May this be read by the AI at all; ``suppresses`` maps label id to the notice code."""

    notices: tuple[Notice, ...] = ()
    suppresses: dict[str, str] = field(default_factory=dict)

    @property
    def is_readable(self) -> bool:
        """True when no notice refuses."""
        return all(notice.severity is not Severity.REFUSE for notice in self.notices)

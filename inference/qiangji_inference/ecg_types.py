"""What is measured in a resting 12-lead ECG: names, units and limits with their sources."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Final

from qiangji_datasets.labels import UrgencyLevel
from qiangji_datasets.records import Sex

#: Formula of ``qtc_ms``. Bazett over-corrects at fast rates; Fridericia and Framingham corrected
#: best and told most about outcome in 6,609 people (Vandenberk 2016,
#: doi:10.1161/JAHA.116.003264), and AHA/ACCF/HRS 2009 Part IV
#: (doi:10.1161/CIRCULATIONAHA.108.191096) advises against Bazett. Of the two, Fridericia has no
#: population constant and is what drug-safety guidance (ICH E14) uses.
QTC_FORMULA: Final = "Fridericia"
#: QTc is shown but raises nothing above these (our choice: rate correction and the share
#: of QT that is QRS make it unreliable there).
QTC_HIGHEST_BPM: Final = 100.0
#: AHA/ACCF/HRS 2009 Part III (doi:10.1161/CIRCULATIONAHA.108.191095), complete bundle branch block
#: of adults; Minnesota Code 7-1 and 7-2 use the same width.
WIDE_QRS_MS: Final = 120.0
#: Wide-QRS tachycardia: over 100/min with QRS of 120 ms or more (ACC/AHA/HRS 2006 definitions,
#: doi:10.1161/CIRCULATIONAHA.106.178233).
TACHYCARDIA_BPM: Final = 100.0
#: Sokolow and Lyon 1949 (doi:10.1016/0002-8703(49)90562-1): S in V1 + larger R of V5, V6,
#: in mV; at or above.
SOKOLOW_LYON_MV: Final = 3.5
#: Casale 1987 (doi:10.1161/01.CIR.75.3.565): R in aVL + S in V3, in mV; above, not at.
CORNELL_MV: Final = {Sex.M: 2.8, Sex.F: 2.0}
#: Low voltage: QRS under these in all limb leads, or all chest leads (Madias 2008,
#: doi:10.1016/j.jelectrocard.2008.06.021), peak to peak in mV.
LOW_LIMB_MV, LOW_CHEST_MV = 0.5, 1.0
ADULT_YEARS: Final = 18.0  # the criteria above were made on adults; where childhood ends is ours
#: No human QRS is this tall on the skin; values above it mean a wrong unit (ours).
HIGHEST_PLAUSIBLE_MV: Final = 20.0
#: AF suspected: RR varies more than this (coefficient of variation) and no P wave is shared. An
#: engineering value: on LUDB 11 of 15 with fibrillation and 2 of 185 others are suspected.
AF_LEAST_VARIATION: Final = 0.08


class Why(StrEnum):
    """Why a value was not measured or not judged; message keys ``ecg.why.<value>``."""

    NO_QRS = "no_qrs"
    TOO_FEW_BEATS = "too_few_beats"
    LEADS_MISSING = "leads_missing"
    NO_P = "no_p"
    NO_T = "no_t"
    NO_ISOELECTRIC = "no_isoelectric"
    RATE_TOO_LOW = "rate_too_low"
    NO_CHILD_LIMITS = "no_child_limits"
    AGE_UNKNOWN = "age_unknown"
    SEX_UNKNOWN = "sex_unknown"
    ATRIAL_FIBRILLATION = "atrial_fibrillation"
    WIDE_QRS = "wide_qrs"
    FAST = "fast"
    PACED = "paced"
    CHAOTIC = "chaotic"
    SCALE = "scale"


@dataclass(frozen=True)
class Statement:
    """A measured fact that raises urgency.

    ``code`` is a message key; ``rule_id`` and ``source`` say which rule spoke and who wrote it.
    """

    code: str
    level: UrgencyLevel
    rule_id: str
    source: str
    params: dict[str, str | int | float] = field(default_factory=dict)


@dataclass(frozen=True)
class EcgMeasurements:
    """Measured values of one recording; None means not measurable, ``reasons`` says why.

    Times are ms, rates per minute, amplitudes mV, ``*_s`` seconds from the start of the
    recording. ``longest_pause_s`` also counts the stretches before the first and after the last
    beat. ``limb_reversal`` is ``ra_la``, ``ra_ll`` or ``la_ll`` where limb electrodes seem
    exchanged, ``chest_reversal`` ``v1_v2`` to ``v5_v6`` where neighbouring chest electrodes do.
    ``st_*_mv`` are against the level just before QRS. ``is_*`` are None when not judged.
    ``qtc_doubts`` names what keeps QTc from raising urgency.
    """

    ventricular_bpm: float | None = None
    atrial_bpm: float | None = None
    rr_mean_ms: float | None = None
    rr_longest_ms: float | None = None
    rr_shortest_ms: float | None = None
    rr_variation: float | None = None
    is_irregularly_irregular: bool | None = None
    longest_pause_s: float | None = None
    p_ms: float | None = None
    pr_ms: float | None = None
    qrs_ms: float | None = None
    qt_ms: float | None = None
    qtc_ms: float | None = None
    qtc_formula: str = QTC_FORMULA
    qtc_bazett_ms: float | None = None
    qtc_doubts: tuple[Why, ...] = ()
    axis_deg: float | None = None
    st_j_mv: dict[str, float | None] = field(default_factory=dict)
    st_j60_mv: dict[str, float | None] = field(default_factory=dict)
    r_mv: dict[str, float | None] = field(default_factory=dict)
    s_mv: dict[str, float | None] = field(default_factory=dict)
    sokolow_lyon_mv: float | None = None
    cornell_mv: float | None = None
    is_lvh_sokolow_lyon: bool | None = None
    is_lvh_cornell: bool | None = None
    is_low_voltage_limb: bool | None = None
    is_low_voltage_chest: bool | None = None
    is_wide_qrs: bool | None = None
    is_wide_qrs_tachycardia: bool | None = None
    is_av_dissociated: bool | None = None
    is_flutter: bool | None = None
    has_p: bool | None = None
    limb_reversal: str | None = None
    chest_reversal: str | None = None
    is_without_qrs: bool = False
    is_flat: bool = False
    is_chaotic: bool = False
    is_paced: bool | None = None
    spikes_s: tuple[float, ...] = ()
    r_peaks_s: tuple[float, ...] = ()
    unusual_beats_s: tuple[float, ...] = ()
    age_group: str = "unknown"
    reasons: dict[str, Why] = field(default_factory=dict)
    statements: tuple[Statement, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """JSON-able form: enums by value, statement levels by name in lower case."""
        plain = {f.name: _plain(getattr(self, f.name)) for f in fields(self)}
        plain["statements"] = [
            {
                "code": statement.code,
                "level": statement.level.name.lower(),
                "rule_id": statement.rule_id,
                "source": statement.source,
                "params": dict(statement.params),
            }
            for statement in self.statements
        ]
        return plain


def with_reason(measured: EcgMeasurements, why: Why, *names: str) -> EcgMeasurements:
    """Note why values are missing; the first reason stands."""
    return replace(measured, reasons={**dict.fromkeys(names, why), **measured.reasons})


def _plain(value: object) -> object:
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value

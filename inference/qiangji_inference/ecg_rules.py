"""Rules that turn measured values into statements of urgency; the rules are data."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from qiangji_datasets.labels import UrgencyLevel
from qiangji_inference.ecg_types import EcgMeasurements, Statement

Params = dict[str, str | int | float]


@dataclass(frozen=True)
class EcgRule:
    """One row of ``ecg_rules.toml``; ``limits`` holds its numbers by name."""

    id: str
    kind: str
    level: UrgencyLevel
    is_enabled: bool
    status: str
    source: str
    min_age_years: float | None
    limits: Mapping[str, float]


@cache
def rules() -> tuple[EcgRule, ...]:
    """All rules, also those switched off.

    Raises
    ------
    ValueError
        A rule names an unknown kind, or is enabled without having been checked.
    """
    text = resources.files("qiangji_inference").joinpath("ecg_rules.toml").read_text("utf-8")
    return tuple(_rule(key, row) for key, row in tomllib.loads(text).items())


def _rule(key: str, row: Mapping[str, str | float | bool]) -> EcgRule:
    if row["kind"] not in _KINDS:
        raise ValueError(f"ECG rule {key}: unknown kind {row['kind']!r}")
    if row["enabled"] and row["status"] == "待核实":
        raise ValueError(f"ECG rule {key}: its source is not verified, it cannot be enabled")
    age = row.get("min_age_years")
    return EcgRule(
        id=key,
        kind=str(row["kind"]),
        level=UrgencyLevel[str(row["level"]).upper()],
        is_enabled=bool(row["enabled"]),
        status=str(row["status"]),
        source=str(row["source"]),
        min_age_years=None if age is None else float(age),
        limits={name: float(v) for name, v in row.items() if name.startswith("limit")},
    )


def statements_of(measured: EcgMeasurements, age_years: float | None) -> tuple[Statement, ...]:
    """Statements of all enabled rules, most urgent first.

    A rule for adults is applied to a patient of unknown age too: it can only raise urgency.
    """
    said = [judge(rule, measured) for rule in rules() if rule.is_enabled and _fits(rule, age_years)]
    found = [statement for statement in said if statement is not None]
    return tuple(sorted(found, key=lambda statement: -statement.level))


def judge(rule: EcgRule, measured: EcgMeasurements) -> Statement | None:
    """What one rule says, whether it is enabled or not."""
    params = _KINDS[rule.kind](measured, rule.limits)
    if params is None:
        return None
    return Statement(f"ecg.statement.{rule.kind}", rule.level, rule.id, rule.source, params)


def _fits(rule: EcgRule, age_years: float | None) -> bool:
    return rule.min_age_years is None or age_years is None or age_years >= rule.min_age_years


def _no_qrs(measured: EcgMeasurements, _: Mapping[str, float]) -> Params | None:
    return {} if measured.is_without_qrs or measured.is_flat else None


def _chaotic(measured: EcgMeasurements, _: Mapping[str, float]) -> Params | None:
    return {} if measured.is_chaotic else None


def _pause(measured: EcgMeasurements, limits: Mapping[str, float]) -> Params | None:
    pause_s = measured.longest_pause_s
    if pause_s is None or pause_s < limits["limit_s"]:
        return None
    return {"pause_s": round(pause_s, 2)}


def _slow(measured: EcgMeasurements, limits: Mapping[str, float]) -> Params | None:
    bpm = measured.ventricular_bpm
    return {"bpm": round(bpm)} if bpm is not None and bpm <= limits["limit_bpm"] else None


def _fast(measured: EcgMeasurements, limits: Mapping[str, float]) -> Params | None:
    bpm = measured.ventricular_bpm
    return {"bpm": round(bpm)} if bpm is not None and bpm >= limits["limit_bpm"] else None


def _wide_tachycardia(measured: EcgMeasurements, limits: Mapping[str, float]) -> Params | None:
    return _fast(measured, limits) if measured.is_wide_qrs_tachycardia else None


def _preexcited_af(measured: EcgMeasurements, limits: Mapping[str, float]) -> Params | None:
    shortest = measured.rr_shortest_ms
    is_candidate = measured.is_irregularly_irregular and measured.is_wide_qrs
    if not is_candidate or shortest is None or shortest > limits["limit_ms"]:
        return None
    return {"rr_ms": round(shortest)}


def _av_dissociation(measured: EcgMeasurements, limits: Mapping[str, float]) -> Params | None:
    bpm, atrial = measured.ventricular_bpm, measured.atrial_bpm
    if not measured.is_av_dissociated or measured.is_paced or bpm is None or atrial is None:
        return None
    if bpm >= limits["limit_bpm"] or atrial <= bpm:
        return None
    return {"bpm": round(bpm), "atrial_bpm": round(atrial)}


def _qtc(measured: EcgMeasurements, limits: Mapping[str, float]) -> Params | None:
    if measured.qtc_ms is None or measured.qtc_doubts or measured.qtc_ms < limits["limit_ms"]:
        return None
    return {"qtc_ms": round(measured.qtc_ms), "formula": measured.qtc_formula}


#: Neighbouring leads (Fourth Universal Definition of MI 2018, doi:10.1161/CIR.0000000000000617).
_NEIGHBOURS: Final = (
    ("aVL", "I"),
    ("II", "aVF"),
    ("aVF", "III"),
    ("V1", "V2"),
    ("V2", "V3"),
    ("V3", "V4"),
    ("V4", "V5"),
    ("V5", "V6"),
)
_SEPTAL: Final = frozenset({"V1", "V2", "V3"})


def _st_elevation(measured: EcgMeasurements, limits: Mapping[str, float]) -> Params | None:
    """Two neighbouring leads at or above their limit at J.

    Not judged with wide or paced QRS, whose ST is displaced anyway, nor on flutter waves.
    """
    if measured.is_wide_qrs or measured.is_paced or measured.is_flutter:
        return None

    def reaches(lead: str) -> bool:
        limit = limits["limit_v1_v3_mv"] if lead in _SEPTAL else limits["limit_mv"]
        level = measured.st_j_mv.get(lead)
        return level is not None and level >= limit

    raised = {lead for pair in _NEIGHBOURS if all(map(reaches, pair)) for lead in pair}
    if not raised:
        return None
    names = [lead for lead in measured.st_j_mv if lead in raised]
    highest = max(float(measured.st_j_mv[lead] or 0.0) for lead in names)
    return {"leads": " ".join(names), "highest_mv": round(highest, 2)}


_KINDS: Final[dict[str, Callable[[EcgMeasurements, Mapping[str, float]], Params | None]]] = {
    "no_qrs": _no_qrs,
    "chaotic": _chaotic,
    "pause": _pause,
    "slow": _slow,
    "fast": _fast,
    "wide_tachycardia": _wide_tachycardia,
    "preexcited_af": _preexcited_af,
    "av_dissociation": _av_dissociation,
    "qtc": _qtc,
    "st_elevation": _st_elevation,
}

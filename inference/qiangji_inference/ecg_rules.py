"""Rules that turn measured values into statements of urgency; the rules are data."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from qiangji_datasets.labels import UrgencyLevel
from qiangji_datasets.records import Sex
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


def statements_of(
    measured: EcgMeasurements, age_years: float | None, sex: Sex | None = None
) -> tuple[Statement, ...]:
    """What all enabled rules say, most urgent first; of several that say the same, the worst.

    A rule for adults is applied to a patient of unknown age too: it can only raise urgency.
    """
    said = [
        judge(rule, measured, age_years=age_years, sex=sex)
        for rule in rules()
        if rule.is_enabled and _fits(rule, age_years)
    ]
    found: dict[str, Statement] = {}
    for statement in sorted(filter(None, said), key=lambda statement: -statement.level):
        found.setdefault(statement.code, statement)
    return tuple(found.values())


def judge(
    rule: EcgRule,
    measured: EcgMeasurements,
    *,
    age_years: float | None = None,
    sex: Sex | None = None,
) -> Statement | None:
    """What one rule says, whether it is enabled or not.

    Parameters
    ----------
    age_years, sex
        None where unknown: of limits that depend on them the lowest, which speaks soonest, counts.
    """
    params = _KINDS[rule.kind](measured, _limits_for(rule.limits, age_years, sex))
    if params is None:
        return None
    return Statement(f"ecg.statement.{rule.kind}", rule.level, rule.id, rule.source, params)


#: From this age on the limit of a man in V2 and V3 is lower; Fourth Universal Definition of MI
#: 2018, Table 2 (doi:10.1161/CIR.0000000000000617).
_OLDER_MAN_YEARS: Final = 40.0


def _limits_for(
    limits: Mapping[str, float], age_years: float | None, sex: Sex | None
) -> Mapping[str, float]:
    """Limits of one person: ``limit_v2_v3_mv`` taken from those by sex and age, if there are."""
    is_man, is_woman = sex is not Sex.F, sex is not Sex.M
    is_older = age_years is None or age_years >= _OLDER_MAN_YEARS
    is_younger = age_years is None or not is_older
    asked = {
        "limit_v2_v3_woman_mv": is_woman,
        "limit_v2_v3_man_mv": is_man and is_older,
        "limit_v2_v3_young_man_mv": is_man and is_younger,
    }
    known = [limits[name] for name, may_apply in asked.items() if may_apply and name in limits]
    return {**limits, "limit_v2_v3_mv": min(known)} if known else limits


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
#: Leads with a limit of their own; the others share ``limit_mv``.
_OWN_LIMIT: Final = {"V1": "limit_v1_mv", "V2": "limit_v2_v3_mv", "V3": "limit_v2_v3_mv"}


def _st_elevation(measured: EcgMeasurements, limits: Mapping[str, float]) -> Params | None:
    """Neighbouring leads at or above their limit at J, where asked for with reciprocal depression.

    Not judged with wide or paced QRS, whose ST is displaced anyway, nor on flutter waves.
    """
    if measured.is_wide_qrs or measured.is_paced or measured.is_flutter:
        return None
    levels = {lead: level for lead, level in measured.st_j_mv.items() if level is not None}
    runs = _runs(
        lead
        for lead, level in levels.items()
        if level >= limits.get(_OWN_LIMIT.get(lead, ""), limits["limit_mv"])
    )
    if max(map(len, runs), default=0) < limits.get("limit_leads", 2):
        return None
    depth = limits.get("limit_depression_mv")
    if depth is not None and not _runs(lead for lead, v in levels.items() if v <= -depth):
        return None
    names = [lead for lead in levels if any(lead in run for run in runs)]
    highest = max(levels[lead] for lead in names)
    return {"leads": " ".join(names), "highest_mv": round(highest, 2)}


def _runs(leads: Iterable[str]) -> list[set[str]]:
    """Neighbours among some leads, two or more together; leads that stand alone are left out."""
    chosen = set(leads)
    runs: list[set[str]] = []
    for pair in _NEIGHBOURS:
        if not chosen.issuperset(pair):
            continue
        if runs and runs[-1] & set(pair):
            runs[-1] |= set(pair)
        else:
            runs.append(set(pair))
    return runs


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

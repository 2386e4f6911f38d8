"""Voltage criteria on the signal in mV: hypertrophy by Sokolow-Lyon and Cornell, low voltage."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from qiangji_datasets.records import LEADS, Sex
from qiangji_inference.ecg_types import (
    ADULT_YEARS,
    CORNELL_MV,
    LOW_CHEST_MV,
    LOW_LIMB_MV,
    SOKOLOW_LYON_MV,
    EcgMeasurements,
    Why,
    with_reason,
)

_LIMBS: Final = LEADS[:6]
_CHEST: Final = LEADS[6:]


def judge_amplitudes(
    measured: EcgMeasurements, age_years: float | None, sex: Sex | None
) -> EcgMeasurements:
    """Add the sums and what the criteria say; children have limits of their own, not yet sourced.

    Parameters
    ----------
    measured
        With ``r_mv`` and ``s_mv``; a missing lead leaves the criteria that need it open.
    age_years, sex
        None where unknown: the criteria that need them stay open, ``reasons`` says why.
    """
    measured = replace(
        measured,
        sokolow_lyon_mv=_sum(measured.s_mv.get("V1"), _larger(measured, "V5", "V6")),
        cornell_mv=_sum(measured.r_mv.get("aVL"), measured.s_mv.get("V3")),
    )
    names = ("is_lvh_sokolow_lyon", "is_lvh_cornell", "is_low_voltage_limb", "is_low_voltage_chest")
    if age_years is None:
        return with_reason(measured, Why.AGE_UNKNOWN, *names)
    if age_years < ADULT_YEARS:
        return with_reason(replace(measured, age_group="child"), Why.NO_CHILD_LIMITS, *names)
    return _judged_adult(replace(measured, age_group="adult"), sex)


def _judged_adult(measured: EcgMeasurements, sex: Sex | None) -> EcgMeasurements:
    limit = CORNELL_MV.get(sex) if sex is not None else None
    if limit is None:
        measured = with_reason(measured, Why.SEX_UNKNOWN, "is_lvh_cornell")
    measured = replace(
        measured,
        is_lvh_sokolow_lyon=_at_least(measured.sokolow_lyon_mv, SOKOLOW_LYON_MV),
        is_lvh_cornell=None if limit is None else _above(measured.cornell_mv, limit),
        is_low_voltage_limb=_is_low(measured, _LIMBS, LOW_LIMB_MV),
        is_low_voltage_chest=_is_low(measured, _CHEST, LOW_CHEST_MV),
    )
    names = ("is_lvh_sokolow_lyon", "is_lvh_cornell", "is_low_voltage_limb", "is_low_voltage_chest")
    open_names = [name for name in names if getattr(measured, name) is None]
    return with_reason(measured, Why.LEADS_MISSING, *open_names)


def _sum(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else round(a + b, 3)


def _larger(measured: EcgMeasurements, a: str, b: str) -> float | None:
    known = [v for v in (measured.r_mv.get(a), measured.r_mv.get(b)) if v is not None]
    return max(known) if len(known) == 2 else None


def _at_least(value: float | None, limit: float) -> bool | None:
    return None if value is None else value >= limit


def _above(value: float | None, limit: float) -> bool | None:
    return None if value is None else value > limit


def _is_low(measured: EcgMeasurements, leads: tuple[str, ...], limit_mv: float) -> bool | None:
    """True when QRS stays under the limit in every one of the leads."""
    heights = [_sum(measured.r_mv.get(lead), measured.s_mv.get(lead)) for lead in leads]
    known = [height for height in heights if height is not None]
    if len(known) < len(leads):
        return None
    return max(known) < limit_mv

"""What is known of a patient, each statement with its origin: typed, measured, hinted, signed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from qiangji_app.domain.case import Case, FindingSource, Recording
from qiangji_app.domain.examination import in_zone
from qiangji_app.domain.register import RegisterKind
from qiangji_app.domain.roles import Actor
from qiangji_app.domain.visit import TypedFact, Visit
from qiangji_app.ports import CaseQuery, Unit
from qiangji_app.rules.facts import Fact, Origin
from qiangji_app.services.access import may_see_hints, may_view
from qiangji_app.services.ages import zone_of
from qiangji_app.services.people import same_person
from qiangji_datasets.records import LEADS

#: What an entry in a register says of its person, as a fact.
_STATED: Final = {
    RegisterKind.HYPERTENSION: "hypertension",
    RegisterKind.DIABETES: "diabetes",
    RegisterKind.COPD: "copd",
    RegisterKind.PREGNANT: "pregnant",
}
#: Measured values of an ECG to fact codes; the factor brings them to the unit of the fact.
_MEASURED: Final = {
    "ventricular_bpm": ("ecg_heart_rate", 1.0, "/min"),
    "rr_longest_ms": ("ecg_longest_rr_s", 0.001, "s"),
    "qtc_ms": ("ecg_qtc_ms", 1.0, "ms"),
}
#: Labels that a specialist signs, or the AI hints, where the fact has another name.
_SIGNED: Final = {
    "tb": "signed_tb_suspected",
    "af_flutter": "signed_af",
    "mi": "signed_infarction",
    "bacterial_pneumonia": "signed_pneumonia",
    "viral_pneumonia": "signed_pneumonia",
}
_HINTED: Final = {"af_flutter": "hint_af"}
#: Facts that the files and the registers state, apart from what is signed or hinted.
STATED_CODES: Final = frozenset(
    {
        *_STATED.values(),
        *(code for code, _, _ in _MEASURED.values()),
        *("ecg_recorded", "ecg_lvh_voltage", "ecg_avb3", "ecg_rules_level"),
        *("ecg_st_elevation_territory", "tb_report_filed"),
    }
)
#: The rules of this package's ECG measurements that speak of ST elevation begin so.
_ST_RULES: Final = "st_elevation"
#: Where one of these holds the rules do not judge ST.
_ST_DISPLACED: Final = ("is_wide_qrs", "is_paced", "is_flutter")
#: The rule that calls a dissociation a complete block; a faster one is none.
_BLOCK_RULE: Final = "av_block_complete"
#: What a measuring rule asks for, the least urgent first; where none speaks, the first.
_LEVELS: Final = ("routine", "priority", "urgent", "critical")
#: Cases of one person that are looked at, the newest first.
_MOST_CASES: Final = 50


def facts_of(
    unit: Unit, actor: Actor, person_id: str, now: datetime, *, but: str = ""
) -> Iterator[Fact]:
    """Every statement about a person that this actor may see, raw: as typed, measured or signed.

    Parameters
    ----------
    now
        When is asked, in the zone whose days count.
    but
        A visit that is left out, because what stands in it is being typed anew.
    """
    ids = same_person(unit, actor, person_id)
    for visit in unit.visits.of_person(ids):
        if visit.id != but and actor.sees_site(visit.site_id):
            yield from typed(visit)
    yield from _registered(unit, actor, ids, now)
    for one in sorted(ids):
        for case in _cases(unit, actor, one):
            yield from of_case(unit, actor, case)


def typed(visit: Visit) -> Iterator[Fact]:
    """What was typed in a visit."""
    return (as_fact(item, f"visit:{visit.id}") for item in visit.facts)


def as_fact(item: TypedFact, ref: str) -> Fact:
    """A typed statement as the rules take it."""
    return Fact(
        code=item.code,
        value=item.value,
        unit=item.unit,
        at=item.at,
        origin=Origin.TYPED,
        context=dict(item.context),
        ref=ref,
    )


def _registered(unit: Unit, actor: Actor, ids: frozenset[str], now: datetime) -> Iterator[Fact]:
    """What the registers state: an open entry still holds today, however old it is."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for entry in unit.registers.of_person(ids):
        code = _STATED.get(entry.kind)
        if code and entry.ended_at is None and actor.sees_site(entry.site_id):
            at = max(entry.enrolled_at, today)
            yield _said(code, True, at, Origin.TYPED, f"register:{entry.id}")
    for case_id in {case.id for one in ids for case in _cases(unit, actor, one)}:
        clock = unit.registers.disease_report_of(case_id, "tuberculosis")
        if clock is not None:
            at = clock.filed_at or clock.began_at
            is_filed = clock.filed_at is not None
            yield _said("tb_report_filed", is_filed, at, Origin.TYPED, f"clock:{clock.id}")


def _cases(unit: Unit, actor: Actor, person_id: str) -> Iterator[Case]:
    query = CaseQuery(site_ids=actor.visible_sites, person_id=person_id, limit=_MOST_CASES)
    return (case for case in unit.cases.find(query) if may_view(actor, case))


def of_case(unit: Unit, actor: Actor, case: Case) -> Iterator[Fact]:
    """What the files of a case measured, what the AI hinted where seen, what is signed."""
    zone = zone_of(unit, case.site_id)
    for recording in unit.cases.recordings(case.id):
        yield from _measured(recording, zone)
    if may_see_hints(actor, case):
        yield from _hinted(unit, case)
    yield from _signed(unit, case)


def _measured(recording: Recording, zone: ZoneInfo) -> Iterator[Fact]:
    """Values of an ECG, at the instant it was made; what was not measurable is not stated."""
    measures = recording.reading.get("measurements")
    if recording.modality != "ecg" or not isinstance(measures, dict) or not measures:
        return
    at = in_zone(recording.acquired_at or recording.received_at, zone)
    ref = f"recording:{recording.id}"
    yield _said("ecg_recorded", True, at, Origin.MEASURED, ref)
    for name, (code, factor, unit_code) in _MEASURED.items():
        if measures.get(name) is not None:
            value = round(float(measures[name]) * factor, 3)
            yield Fact(
                code=code, value=value, unit=unit_code, at=at, origin=Origin.MEASURED, ref=ref
            )
    voltages = [measures.get(f"is_lvh_{name}") for name in ("sokolow_lyon", "cornell")]
    if any(one is not None for one in voltages):
        yield _said("ecg_lvh_voltage", True in voltages, at, Origin.MEASURED, ref)
    if measures.get("is_av_dissociated") is not None:
        value = any(one.get("rule_id") == _BLOCK_RULE for one in measures.get("statements", ()))
        yield _said("ecg_avb3", value, at, Origin.MEASURED, ref)
    leads = _leads(measures)
    if leads or _is_st_judged(measures):
        yield _said("ecg_st_elevation_territory", leads, at, Origin.MEASURED, ref)
    if measures.get("statements") or measures.get("ventricular_bpm") is not None:
        yield _said("ecg_rules_level", _level(measures), at, Origin.MEASURED, ref)


def _leads(measures: Mapping[str, Any]) -> str:
    """Leads with ST elevation as the enabled rules found it; empty for none."""
    found = [
        str(one["params"].get("leads", ""))
        for one in measures.get("statements", ())
        if str(one.get("rule_id", "")).startswith(_ST_RULES)
    ]
    return max(found, key=len, default="")


def _is_st_judged(measures: Mapping[str, Any]) -> bool:
    """Whether no elevation was found because there is none: every lead measured, limits fit.

    The rules do not judge children, wide or paced QRS, or flutter waves.
    """
    levels = measures.get("st_j_mv") or {}
    return (
        len(levels) == len(LEADS)
        and all(level is not None for level in levels.values())
        and measures.get("age_group") != "child"
        and not any(measures.get(name) for name in _ST_DISPLACED)
    )


def _level(measures: Mapping[str, Any]) -> str:
    """The most urgent level that an enabled measuring rule asks for."""
    stated = {str(one.get("level", "")) for one in measures.get("statements", ())}
    return next((level for level in reversed(_LEVELS) if level in stated), _LEVELS[0])


def signed_code(label_id: str) -> str:
    """The fact that a signed label states; the catalogue need not list it."""
    return _SIGNED.get(label_id, f"signed_{label_id}")


def hinted_code(label_id: str) -> str:
    """The fact that a hint of the AI states; the catalogue need not list it."""
    return _HINTED.get(label_id, f"hint_{label_id}")


def _hinted(unit: Unit, case: Case) -> Iterator[Fact]:
    times = {row.id: row.received_at for row in unit.cases.recordings(case.id)}
    for finding in unit.cases.findings(case.id):
        is_shown = finding.flag != "none" and not finding.suppressed_by
        if finding.source is FindingSource.AI and is_shown:
            code = hinted_code(finding.label)
            at = times[finding.recording_id]
            yield _said(code, True, at, Origin.MODEL, f"finding:{finding.id}")


def _signed(unit: Unit, case: Case) -> Iterator[Fact]:
    """The valid report's statements; a label that is not stated is no statement of absence."""
    for report in unit.cases.signed(case.id):
        if report.superseded_by:
            continue
        at, ref = report.signed_at, f"report:{case.id}:{report.version}"
        for code in dict.fromkeys(map(signed_code, report.content.findings)):
            yield _said(code, True, at, Origin.SIGNED, ref)
        if report.content.is_critical:
            yield _said("signed_critical_value", True, at, Origin.SIGNED, ref)


def _said(code: str, value: bool | str, at: datetime, origin: Origin, ref: str) -> Fact:
    return Fact(code=code, value=value, at=at, origin=origin, ref=ref)

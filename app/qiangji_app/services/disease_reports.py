"""Notifiable diseases: the clock that a signature begins, who files the card, the arrival."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from qiangji_app.domain.case import Case
from qiangji_app.domain.person import Patient
from qiangji_app.domain.register import DiseaseReport
from qiangji_app.domain.report import SignedReport
from qiangji_app.domain.roles import Actor
from qiangji_app.ports import Unit
from qiangji_app.services.ages import local_day
from qiangji_app.services.context import Context
from qiangji_app.services.limits import MAX_NAME, whole
from qiangji_app.services.people import require_doctor
from qiangji_datasets.errors import Conflict, InputRejected, NotFound

#: Of class B and C diseases, patients and suspected patients are to be reported within 24 hours of
#: the diagnosis (传染病信息报告管理规范, 报告时限); tuberculosis is of class B.
REPORT_WITHIN: Final = timedelta(hours=24)
#: Label that a specialist signs to the disease that it makes notifiable.
NOTIFIABLE: Final = {"tb": "tuberculosis"}
_ROWS: Final = 200


@dataclass(frozen=True)
class Clock:
    """A running or ended clock, with the person and who is responsible."""

    report: DiseaseReport
    patient: Patient
    filer_name: str
    is_late: bool


def begin_clocks(ctx: Context, unit: Unit, case: Case, report: SignedReport) -> None:
    """Begin the clock of every notifiable disease that a report states; one a case and disease.

    The site that asked for the examination files the card: it has the patient.
    """
    for label_id, disease in NOTIFIABLE.items():
        if label_id not in report.content.findings:
            continue
        if unit.registers.disease_report_of(case.id, disease) is not None:
            continue
        clock = DiseaseReport(
            id=ctx.ids.new(),
            case_id=case.id,
            person_id=case.person_id,
            site_id=case.site_id,
            disease=disease,
            report_version=report.version,
            began_at=report.signed_at,
            due_at=report.signed_at + REPORT_WITHIN,
        )
        unit.registers.add_disease_report(clock)
        unit.events.append(
            type="disease_report.began",
            actor_id=report.signer_id,
            case_id=case.id,
            payload={"disease": disease, "due": clock.due_at.isoformat()},
        )


def clocks(ctx: Context, actor: Actor) -> Sequence[Clock]:
    """Clocks of the visible sites, those that run first."""
    require_doctor(actor)
    with ctx.store.read() as unit:
        names = {one.id: one.display_name for one in unit.accounts.all()}
        return [
            Clock(
                report=one,
                patient=unit.persons.get(one.person_id) or Patient(name=""),
                filer_name=names.get(one.filer_id, ""),
                is_late=(one.filed_at or ctx.clock.now()) > one.due_at,
            )
            for one in unit.registers.disease_reports(actor.visible_sites, _ROWS)
        ]


def take_on(ctx: Context, actor: Actor, report_id: str) -> DiseaseReport:
    """Take the filing of a card upon oneself; a later doctor may take it over until it is filed.

    Raises
    ------
    Conflict
        ``disease_report.filed``.
    """
    with ctx.store.begin() as unit:
        found = _running(unit, actor, report_id)
        return _kept(unit, actor, replace(found, filer_id=actor.user_id), "disease_report.taken_on")


def file_card(ctx: Context, actor: Actor, report_id: str, card_number: str) -> DiseaseReport:
    """Say that the card was filed, under its number in the reporting system.

    Raises
    ------
    InputRejected
        ``disease_report.number_needed``.
    Conflict
        ``disease_report.filed``.
    """
    number = whole(card_number, MAX_NAME)
    if not number:
        raise InputRejected("disease_report.number_needed")
    with ctx.store.begin() as unit:
        found = _running(unit, actor, report_id)
        filed = replace(found, filer_id=actor.user_id, filed_at=ctx.clock.now(), card_number=number)
        return _kept(unit, actor, filed, "disease_report.filed")


def note_arrival(
    ctx: Context, actor: Actor, report_id: str, *, day: date, place: str
) -> DiseaseReport:
    """Say when and where the patient arrived at the designated hospital.

    Raises
    ------
    InputRejected
        No place, or a day that is not between the signature and today.
    Conflict
        ``disease_report.arrived``.
    """
    where = whole(place, MAX_NAME)
    with ctx.store.begin() as unit:
        found = _visible(unit, actor, report_id)
        if found.arrived_on is not None:
            raise Conflict("disease_report.arrived")
        first, last = (
            local_day(unit, found.site_id, moment) for moment in (found.began_at, ctx.clock.now())
        )
        if not where or not first <= day <= last:
            raise InputRejected("disease_report.arrival")
        arrived = replace(found, arrived_on=day, arrived_by=actor.user_id, place=where)
        return _kept(unit, actor, arrived, "disease_report.arrived")


def _visible(unit: Unit, actor: Actor, report_id: str) -> DiseaseReport:
    require_doctor(actor)
    found = unit.registers.disease_report(report_id)
    if found is None or not actor.sees_site(found.site_id):
        raise NotFound("disease_report.not_found")
    return found


def _running(unit: Unit, actor: Actor, report_id: str) -> DiseaseReport:
    found = _visible(unit, actor, report_id)
    if found.filed_at is not None:
        raise Conflict("disease_report.filed")
    return found


def _kept(unit: Unit, actor: Actor, item: DiseaseReport, event: str) -> DiseaseReport:
    unit.registers.save_disease_report(item)
    unit.events.append(
        type=event,
        actor_id=actor.user_id,
        case_id=item.case_id,
        payload={"disease": item.disease},
    )
    unit.commit()
    return item

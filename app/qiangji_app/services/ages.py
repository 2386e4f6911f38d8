"""Ages in words, and the calendar day on which they are counted: that of the patient's site."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from qiangji_app.domain.case import Case, Recording
from qiangji_app.domain.examination import examination_day
from qiangji_app.domain.person import Patient
from qiangji_app.domain.roles import Site
from qiangji_app.ports import Unit
from qiangji_datasets.messages import Catalogue, Language

#: Of a site that is not known here.
_DEFAULT_ZONE: Final = "Asia/Shanghai"


def zone_of(unit: Unit, site_id: str) -> ZoneInfo:
    """Time zone of a site."""
    return zone_at({site.id: site for site in unit.accounts.sites()}.get(site_id))


def local_day(unit: Unit, site_id: str, moment: datetime) -> date:
    """The day on the calendar of a site at an instant."""
    return moment.astimezone(zone_of(unit, site_id)).date()


def day_at(site: Site | None, moment: datetime) -> date:
    """The day on the calendar of a site that is at hand."""
    return moment.astimezone(zone_at(site)).date()


def age_day(patient: Patient, examined_on: date | None, sent_on: date) -> date:
    """The day on which the patient's age counts: that of the examination.

    The day on which the case went up where no file names an earlier one after the birth.
    """
    born = patient.birth_date
    if examined_on is None or examined_on > sent_on or (born is not None and examined_on < born):
        return sent_on
    return examined_on


def case_age_day(
    patient: Patient, case: Case, recordings: Iterable[Recording], site: Site | None
) -> date:
    """The day on which the age of a case's patient counts, wherever it is told."""
    sent_on = day_at(site, case.submitted_at or case.created_at)
    return age_day(patient, examination_day(recordings, zone_at(site)), sent_on)


def age_text(patient: Patient, day: date, catalogue: Catalogue, language: Language) -> str:
    """Age in completed years, months or days; empty when unknown."""
    age = patient.completed_age_on(day)
    return "" if age is None else catalogue.text(f"age.{age.unit.value}", language, n=age.number)


def zone_at(site: Site | None) -> ZoneInfo:
    """Time zone of a site that is at hand."""
    return ZoneInfo(_DEFAULT_ZONE if site is None else site.time_zone)

"""Ages in words, and the calendar day on which they are counted: that of the patient's site."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
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
#: An examination sent up in the night after it is still that of the visit.
_SAME_VISIT: Final = timedelta(days=1)


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
    return age_day(patient, examination_day(recordings, zone_at(site)), sent_day(case, site))


def sent_day(case: Case, site: Site | None) -> date:
    """The day on which a case went up, until then was begun, on the calendar of its site."""
    return day_at(site, case.submitted_at or case.created_at)


def age_text(
    patient: Patient,
    day: date,
    catalogue: Catalogue,
    language: Language,
    *,
    sent_on: date | None = None,
) -> str:
    """Age in completed years, months or days; empty when unknown.

    Parameters
    ----------
    day
        On which the age counts: that of the examination.
    sent_on
        The day of the request: where the examination was more than a day earlier and the age
        another, it is called that of the examination. None compares with nothing.
    """
    age = patient.completed_age_on(day)
    if age is None:
        return ""
    told = catalogue.text(f"age.{age.unit.value}", language, n=age.number)
    if sent_on is None or sent_on - day <= _SAME_VISIT or patient.completed_age_on(sent_on) == age:
        return told
    return catalogue.text("age.examined", language, age=told)


def zone_at(site: Site | None) -> ZoneInfo:
    """Time zone of a site that is at hand."""
    return ZoneInfo(_DEFAULT_ZONE if site is None else site.time_zone)

"""Ages in words, and the calendar day on which they are counted: that of the patient's site."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from qiangji_app.domain.person import Patient
from qiangji_app.domain.roles import Site
from qiangji_app.ports import Unit
from qiangji_datasets.messages import Catalogue, Language

#: Of a site that is not known here.
_DEFAULT_ZONE: Final = "Asia/Shanghai"


def zone_of(unit: Unit, site_id: str) -> ZoneInfo:
    """Time zone of a site."""
    return _zone({site.id: site for site in unit.accounts.sites()}.get(site_id))


def local_day(unit: Unit, site_id: str, moment: datetime) -> date:
    """The day on the calendar of a site at an instant."""
    return moment.astimezone(zone_of(unit, site_id)).date()


def day_at(site: Site | None, moment: datetime) -> date:
    """The day on the calendar of a site that is at hand."""
    return moment.astimezone(_zone(site)).date()


def age_text(patient: Patient, day: date, catalogue: Catalogue, language: Language) -> str:
    """Age in completed years, months or days; empty when unknown."""
    age = patient.completed_age_on(day)
    return "" if age is None else catalogue.text(f"age.{age.unit.value}", language, n=age.number)


def _zone(site: Site | None) -> ZoneInfo:
    return ZoneInfo(_DEFAULT_ZONE if site is None else site.time_zone)

"""When an examination was made, as JSON: of a case, of one file, and who the file names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from qiangji_app.domain.case import Case, Recording, RecordingState
from qiangji_app.domain.examination import (
    Dated,
    dated,
    examination_day,
    examined,
    first_examined,
    is_later,
    sent_at,
    worst_dated,
)
from qiangji_app.domain.person import Patient, as_examined
from qiangji_app.domain.roles import Site
from qiangji_app.services.ages import age_text, day_at, zone_at
from qiangji_app.web.api.words import Json
from qiangji_datasets.messages import Catalogue, Language


def case_examination(
    case: Case, recordings: Sequence[Recording], site: Site | None, now: datetime
) -> Json:
    """Day of the examination by its files, and whether it is that of this visit.

    ``examination`` is current, old, future or absent; None where no file was opened yet.
    """
    zone = zone_at(site)
    found = worst_dated(recordings, case, zone, now)
    day = examination_day(recordings, zone)
    return {
        "examined_on": None if day is None else day.isoformat(),
        "examination": None if found is None else found.value,
        "is_old_examination": found is Dated.OLD,
    }


def prior_examination(
    prior: Sequence[Recording], own: Sequence[Recording], site: Site | None
) -> Json:
    """When another study of the patient was made, and whether after this one, by the files."""
    zone = zone_at(site)
    found = first_examined(prior, zone)
    return {
        "examined_at": None if found.moment is None else found.moment.isoformat(),
        "examined_on": None if found.day is None else found.day.isoformat(),
        "is_later": is_later(found, first_examined(own, zone)),
    }


def file_examination(item: Recording, case: Case, site: Site | None, now: datetime) -> Json:
    """The same of one file, with the instant where the file names one."""
    zone = zone_at(site)
    found = examined(item, zone)
    kind = dated(found, sent_at(case, now).astimezone(zone))
    return {
        "examined_at": None if found.moment is None else found.moment.isoformat(),
        "examined_on": None if found.day is None else found.day.isoformat(),
        "examination": kind.value if item.state is RecordingState.READ else None,
    }


def person_in_file(
    person: Patient,
    day_source: tuple[Recording, Case, Site | None, datetime],
    words: Catalogue,
    language: Language,
) -> Json:
    """Who the file says the patient is, at the age of the examination."""
    item, case, site, now = day_source
    day = examined(item, zone_at(site)).day or day_at(site, sent_at(case, now))
    told = as_examined(person, day)
    return {
        "name": person.name,
        "sex": person.sex,
        "age_text": age_text(told, day, words, language, sent_on=day_at(site, sent_at(case, now))),
    }

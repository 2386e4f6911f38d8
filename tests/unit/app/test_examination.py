"""The date of the examination: what the file says, and whether it is that of this visit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from support.readings import PERSON, ecg, film

from qiangji_app.domain.case import Case, Recording, RecordingState
from qiangji_app.domain.examination import (
    CLOCK_AHEAD,
    FRESH_WITHIN,
    STUDY_DATE,
    Dated,
    Examined,
    dated,
    examination_day,
    examined,
    first_examined,
    is_later,
    named,
    sent_at,
    worst_dated,
)
from qiangji_app.domain.person import AgeUnit, CompletedAge, Patient, as_examined
from qiangji_app.domain.workflow import State
from qiangji_app.reader import age_at_examination
from qiangji_app.services.ages import age_day
from qiangji_app.services.triage import failed_outcome
from qiangji_app.web.api.present_examination import prior_examination
from qiangji_datasets.records import Radiograph, StudyIds

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 2, 10, 0, tzinfo=ZONE)
SECOND = timedelta(seconds=1)


def recording(at: datetime | None = None, study: str = "") -> Recording:
    return Recording(
        id="r",
        case_id="c",
        blob_sha256="",
        size=1,
        file_name="a.dcm",
        state=RecordingState.READ,
        received_at=NOW,
        acquired_at=at,
        facts={STUDY_DATE: study} if study else {},
    )


@pytest.mark.parametrize(
    ("at", "study", "kind"),
    [
        (None, "", Dated.ABSENT),
        (NOW, "2026-03-02", Dated.CURRENT),
        (NOW - FRESH_WITHIN, "", Dated.CURRENT),
        (NOW - FRESH_WITHIN - SECOND, "", Dated.OLD),
        (NOW + CLOCK_AHEAD, "", Dated.CURRENT),
        (NOW + CLOCK_AHEAD + SECOND, "", Dated.FUTURE),
        (None, "2026-03-01", Dated.CURRENT),
        (None, "2026-02-28", Dated.OLD),
        (None, "2026-03-03", Dated.FUTURE),
        (NOW, "1995-06-01", Dated.OLD),
        (NOW - timedelta(days=365), "2026-03-02", Dated.OLD),
        (NOW, "2027-03-02", Dated.FUTURE),
    ],
)
def test_a_file_is_of_this_visit_within_a_day_and_never_of_the_future(
    at: datetime | None, study: str, kind: Dated
) -> None:
    assert dated(examined(recording(at, study), ZONE), NOW) is kind


def test_a_copy_made_today_shows_the_day_of_the_old_film() -> None:
    found = examined(recording(NOW, "1995-06-01"), ZONE)

    assert (found.day, found.moment) == (date(1995, 6, 1), None)
    assert examined(recording(NOW, "2026-03-02"), ZONE).moment == NOW
    assert Examined().day is None


def test_the_day_of_a_case_is_that_of_its_earliest_opened_file() -> None:
    unopened = replace(recording(None, "1990-01-01"), state=RecordingState.REFUSED)
    rows = [recording(NOW), recording(None, "2026-02-01"), recording(), unopened]
    case = Case("c", "s", "p", "cxr", State.DRAFT, NOW, "u")

    assert examination_day(rows, ZONE) == date(2026, 2, 1)
    assert worst_dated(rows, case, ZONE, NOW) is Dated.OLD
    assert examination_day([unopened], ZONE) is None
    assert worst_dated([unopened], case, ZONE, NOW) is None


@pytest.mark.parametrize(
    ("other", "own", "later"),
    [
        (Examined((date(2026, 3, 3),)), Examined((date(2026, 3, 2),)), True),
        (Examined((date(2026, 3, 1),)), Examined((date(2026, 3, 2),)), False),
        (Examined((date(2026, 3, 2),)), Examined((date(2026, 3, 2),)), False),
        (Examined((NOW.date(),), NOW + SECOND), Examined((NOW.date(),), NOW), True),
        (Examined((NOW.date(),), NOW), Examined((NOW.date(),), NOW), False),
        (Examined((NOW.date(),), NOW + SECOND), Examined((NOW.date(),)), False),
        (Examined(), Examined((date(2026, 3, 2),)), False),
        (Examined((date(2026, 3, 2),)), Examined(), False),
    ],
)
def test_another_study_is_later_only_where_both_files_say_so(
    other: Examined, own: Examined, later: bool
) -> None:
    assert is_later(other, own) is later


def test_the_first_file_of_a_case_gives_its_day_and_hour() -> None:
    rows = [recording(NOW), recording(NOW - SECOND), recording(None, "2026-03-02"), recording()]

    assert first_examined(rows, ZONE).moment == NOW - SECOND
    assert first_examined([recording()], ZONE) == Examined()


def test_a_case_is_judged_when_it_goes_up_and_not_when_it_is_read() -> None:
    sent = NOW - timedelta(days=3)
    case = Case("c", "s", "p", "cxr", State.SUBMITTED, NOW, "u", submitted_at=sent)

    assert sent_at(case, NOW) == sent
    assert sent_at(replace(case, state=State.RETURNED), NOW) == NOW
    assert sent_at(replace(case, state=State.DRAFT, submitted_at=None), NOW) == NOW


def old_film(age_years: float | None = 8 / 12) -> Radiograph:
    person = replace(PERSON, age_years=age_years)
    return replace(film(person), ids=StudyIds(study_date=date(1995, 6, 1)))


@pytest.mark.parametrize(
    ("record", "stated", "age"),
    [
        (old_film(), {"birth_date": date(1975, 6, 1), "age_years": 50.0}, 20.0),
        (old_film(), {"birth_date": None, "age_years": 31.0}, None),
        (old_film(None), {"birth_date": None, "age_years": 31.0}, 31.0),
        (old_film(), {"birth_date": date(1996, 1, 1), "age_years": 30.0}, None),
        (film(), {"birth_date": date(1975, 6, 1), "age_years": 50.0}, 50.0),
        (ecg(), {"birth_date": date(1975, 6, 1), "age_years": 50.0}, 50.0),
    ],
)
def test_models_and_gate_get_the_age_at_the_examination(
    record: Radiograph, stated: dict[str, object], age: float | None
) -> None:
    assert age_at_examination(record, stated | {"today": date(2026, 3, 2), "zone": ZONE}) == age


@pytest.mark.parametrize(
    ("study", "at", "age"),
    [
        (date(2026, 3, 2), datetime(2015, 6, 1, 9), 9),  # noqa: DTZ001 - as devices write it
        (date(2015, 6, 1), NOW, 9),
        (None, datetime(2026, 2, 9, 15, 59, tzinfo=UTC), 19),
        (None, datetime(2026, 2, 9, 16, 0, tzinfo=UTC), 20),
    ],
)
def test_models_and_pages_count_the_age_on_the_same_day(
    study: date | None, at: datetime, age: int
) -> None:
    born = date(2006, 2, 10)
    made = replace(film(), ids=StudyIds(study_date=study, acquired_at=at))
    stated = {"birth_date": born, "age_years": 20.0, "today": date(2026, 3, 2), "zone": ZONE}
    day = named(study, at, ZONE).day

    assert day is not None
    told = Patient("a", birth_date=born).age_on(day)
    assert told is not None
    assert age_at_examination(made, stated) == told
    assert int(told) == age


def test_without_a_day_of_the_desk_the_stated_age_holds() -> None:
    assert age_at_examination(old_film(), {"age_years": 40}) == 40


@pytest.mark.parametrize(
    ("examined_on", "born", "day"),
    [
        (date(1995, 6, 1), None, date(1995, 6, 1)),
        (date(1995, 6, 1), date(1996, 1, 1), date(2026, 3, 2)),
        (date(2027, 1, 1), None, date(2026, 3, 2)),
        (None, None, date(2026, 3, 2)),
    ],
)
def test_an_age_is_told_for_the_day_of_the_examination(
    examined_on: date | None, born: date | None, day: date
) -> None:
    assert age_day(Patient("a", birth_date=born), examined_on, date(2026, 3, 2)) == day


def test_an_age_in_the_file_outweighs_a_birth_date_that_contradicts_it() -> None:
    day = date(1995, 6, 1)
    both = Patient("a", birth_date=date(1960, 1, 1), age_years=35.4)

    assert as_examined(both, day) == both
    assert as_examined(replace(both, age_years=8 / 12), day).birth_date is None
    assert as_examined(replace(both, age_years=None), day).birth_date == date(1960, 1, 1)
    assert as_examined(Patient("a", age_years=3), day).age_years == 3


@pytest.mark.parametrize(
    ("age_years", "told"),
    [
        (8 / 12, CompletedAge(8, AgeUnit.MONTHS)),
        (12 / 365.2425, CompletedAge(12, AgeUnit.DAYS)),
        (21 / 365.2425, CompletedAge(21, AgeUnit.DAYS)),
        (1.99, CompletedAge(23, AgeUnit.MONTHS)),
        (2.0, CompletedAge(2, AgeUnit.YEARS)),
    ],
)
def test_an_infants_stated_age_is_told_in_months_or_days(
    age_years: float, told: CompletedAge
) -> None:
    assert Patient("a", age_years=age_years).completed_age_on(date(2026, 3, 2)) == told


def test_the_study_date_of_a_file_is_among_its_facts() -> None:
    facts = failed_outcome(old_film(), "x").facts

    assert facts[STUDY_DATE] == "1995-06-01"
    assert STUDY_DATE not in failed_outcome(film(), "x").facts


def test_a_prior_study_is_dated_by_its_files_and_not_by_its_upload() -> None:
    old, own = recording(NOW, "1995-06-01"), recording(NOW - SECOND)

    assert prior_examination([old], [own], None) == {
        "examined_at": None,
        "examined_on": "1995-06-01",
        "is_later": False,
    }
    assert prior_examination([own], [old], None)["is_later"]
    assert prior_examination([own], [old], None)["examined_at"] == (NOW - SECOND).isoformat()

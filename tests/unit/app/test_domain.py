"""Identity numbers, ids, accounts, sites, digests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from support.id_numbers import id_number

from qiangji_app.domain.account import SESSION_IDLE, SESSION_MAX, Account, Session
from qiangji_app.domain.events import event_hash
from qiangji_app.domain.ids import is_uuid, uuid7
from qiangji_app.domain.person import (
    AgeUnit,
    CompletedAge,
    IdentityKind,
    Patient,
    compare,
    normalise_name,
    read_id_number,
)
from qiangji_app.domain.report import DIGEST_VERSION, ReportContent, SignedReport, signed_digest
from qiangji_app.domain.roles import Actor, Role, Site, SiteKind, conflicts, visible_from

TODAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


def test_a_site_in_no_time_zone_is_not_made() -> None:
    with pytest.raises(ValueError, match="no such time zone"):
        Site("c", "c", SiteKind.COUNTY, None, time_zone="Mars/Olympus")


def test_an_identity_number_tells_birth_date_and_sex() -> None:
    woman = read_id_number(id_number("00000019600229002"), today=TODAY)
    man = read_id_number(id_number("00000019850101001"), today=TODAY)

    assert woman is not None
    assert (woman.birth_date, woman.sex) == (date(1960, 2, 29), "F")
    assert man is not None
    assert man.sex == "M"


def test_a_lower_case_check_character_is_accepted() -> None:
    number = next(
        found
        for serial in range(1000)
        if (found := id_number(f"00000019700101{serial:03d}")).endswith("X")
    )

    assert read_id_number(number.lower(), today=TODAY) is not None


@pytest.mark.parametrize(
    "number",
    [
        "",
        "123",
        id_number("00000019600101001")[:-1],
        "０" * 18,
        id_number("00000019601301001"),  # month 13
        id_number("00000020300101001"),  # born in the future
        id_number("00000018790101001"),  # before any living person
        "00000019600101001" + "?",
        "A" * 18,
    ],
)
def test_an_impossible_identity_number_says_nothing(number: str) -> None:
    assert read_id_number(number, today=TODAY) is None


def test_one_wrong_digit_fails_the_checksum() -> None:
    good = id_number("00000019600101001")
    for place in range(17):
        wrong = good[:place] + str((int(good[place]) + 1) % 10) + good[place + 1 :]

        assert read_id_number(wrong, today=TODAY) is None


def test_age_comes_from_the_birth_date_before_the_stated_age() -> None:
    assert Patient("a", birth_date=date(1966, 3, 2)).age_on(TODAY) == pytest.approx(60, abs=0.01)
    assert Patient("a", age_years=42).age_on(TODAY) == 42
    assert Patient("a").age_on(TODAY) is None


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        (date(2001, 3, 1), date(2019, 3, 1), 18.0),
        (date(2001, 3, 1), date(2019, 2, 28), 17 + 364 / 365),
        (date(2004, 2, 29), date(2022, 2, 28), 17 + 364 / 365),
        (date(2004, 2, 29), date(2022, 3, 1), 18.0),
        (date(2004, 2, 29), date(2024, 2, 29), 20.0),
        (date(2026, 3, 2), date(2026, 3, 2), 0.0),
    ],
)
def test_an_age_is_whole_on_the_birthday_and_not_a_day_before(
    born: date, day: date, age: float
) -> None:
    assert Patient("a", birth_date=born).age_on(day) == age


@pytest.mark.parametrize(
    ("patient", "number", "unit"),
    [
        (Patient("a", age_years=17.6), 17, AgeUnit.YEARS),
        (Patient("a", age_years=2), 2, AgeUnit.YEARS),
        (Patient("a", age_years=1.5), 18, AgeUnit.MONTHS),
        (Patient("a", age_years=0.4), 4, AgeUnit.MONTHS),
        (Patient("a", age_years=0.08), 1, AgeUnit.MONTHS),
        (Patient("a", birth_date=date(2008, 3, 3)), 17, AgeUnit.YEARS),
        (Patient("a", birth_date=date(2024, 3, 3)), 23, AgeUnit.MONTHS),
        (Patient("a", birth_date=date(2025, 10, 2)), 5, AgeUnit.MONTHS),
        (Patient("a", birth_date=date(2026, 2, 3)), 27, AgeUnit.DAYS),
        (Patient("a", birth_date=date(2026, 3, 3)), 0, AgeUnit.DAYS),
    ],
)
def test_an_age_is_told_in_completed_years_months_or_days(
    patient: Patient, number: int, unit: AgeUnit
) -> None:
    assert patient.completed_age_on(TODAY) == CompletedAge(number, unit)
    assert Patient("a").completed_age_on(TODAY) is None


def test_names_compare_without_width_spaces_and_dots() -> None:
    assert normalise_name("阿不都·热合曼 ") == normalise_name("阿不都热合曼")
    assert normalise_name("Wang^Wu") == normalise_name("WANGWU")


def test_form_and_file_differ_only_where_both_say_something() -> None:
    form = Patient("赵某", sex="F", birth_date=date(1960, 1, 1), patient_id="7")

    assert compare(form, Patient(""), today=TODAY) == ()
    assert [
        item.field
        for item in compare(
            form,
            Patient("钱某", sex="M", birth_date=date(1961, 1, 1), patient_id="8"),
            today=TODAY,
        )
    ] == ["name", "sex", "birth_date", "patient_id"]


def test_a_childs_form_on_an_adults_film_differs_in_age() -> None:
    child = Patient("赵某", age_years=6)

    found = compare(child, Patient("赵某", birth_date=date(1940, 1, 1)), today=TODAY)

    assert [item.field for item in found] == ["age_years"]
    assert compare(child, Patient("赵某", age_years=7), today=TODAY) == ()


def test_an_emergency_patient_without_a_name_never_mismatches() -> None:
    form = Patient("无名氏", kind=IdentityKind.EMERGENCY)

    assert compare(form, Patient("赵某"), today=TODAY) == ()


def test_uuid7_has_version_time_and_variant() -> None:
    made = uuid7(NOW, (1 << 80) - 1)

    assert is_uuid(made)
    assert made[14] == "7"
    assert int(made.replace("-", "")[:12], 16) == int(NOW.timestamp() * 1000)
    assert made[19] in "89ab"


@pytest.mark.parametrize("text", ["", "x", "../../etc", "{0}"])
def test_other_text_is_no_uuid(text: str) -> None:
    assert not is_uuid(text)


def test_separated_roles_conflict_only_with_each_other() -> None:
    assert conflicts(frozenset({Role.AUDITOR, Role.SYSTEM_ADMINISTRATOR})) == {
        Role.AUDITOR,
        Role.SYSTEM_ADMINISTRATOR,
    }
    assert conflicts(frozenset({Role.AUDITOR, Role.SPECIALIST})) == frozenset()


def test_a_site_sees_itself_and_everything_below() -> None:
    sites = (
        Site("c", "c", SiteKind.COUNTY, None),
        Site("t", "t", SiteKind.TOWNSHIP, "c"),
        Site("v", "v", SiteKind.VILLAGE, "t"),
        Site("u", "u", SiteKind.TOWNSHIP, "c"),
    )

    assert visible_from("c", sites) == {"c", "t", "v", "u"}
    assert visible_from("t", sites) == {"t", "v"}
    assert visible_from("v", sites) == {"v"}


def test_an_actor_knows_roles_and_sites() -> None:
    actor = Actor("1", "n", frozenset({Role.OPERATOR}), "t", frozenset({"t"}))

    assert actor.has(Role.OPERATOR, Role.AUDITOR)
    assert not actor.has(Role.AUDITOR)
    assert actor.sees_site("t")
    assert not actor.sees_site("c")


def test_an_account_is_locked_until_the_time_is_over() -> None:
    account = Account("1", "l", "n", "h", frozenset({Role.OPERATOR}), "t")

    assert not account.is_locked(NOW)
    assert replace(account, locked_until=NOW + timedelta(seconds=1)).is_locked(NOW)
    assert not replace(account, locked_until=NOW).is_locked(NOW)


def test_a_session_ends_by_idleness_and_by_age() -> None:
    session = Session("t", "u", "c", created_at=NOW, last_seen_at=NOW)

    assert session.is_alive(NOW + SESSION_IDLE - timedelta(seconds=1))
    assert not session.is_alive(NOW + SESSION_IDLE)
    busy = replace(session, last_seen_at=NOW + SESSION_MAX)
    assert not busy.is_alive(NOW + SESSION_MAX)


def test_signing_needs_an_unlock_that_has_not_run_out() -> None:
    session = Session("t", "u", "c", created_at=NOW, last_seen_at=NOW)

    assert not session.may_sign(NOW)
    assert replace(session, unlocked_until=NOW + timedelta(minutes=1)).may_sign(NOW)
    assert not replace(session, unlocked_until=NOW).may_sign(NOW)


def test_event_hash_needs_an_aware_time_and_depends_on_key_and_content() -> None:
    def made(key: bytes, at: datetime, actor_id: str) -> str:
        return event_hash(
            key,
            id="1",
            node_id="n",
            chain="changes",
            node_seq=1,
            prev_hash="0",
            at=at,
            actor_id=actor_id,
            case_id="",
            type="t",
            schema_version=1,
            payload={"a": 1},
        )

    first = made(b"k", NOW, "a")

    assert first == made(b"k", NOW, "a")
    assert first != made(b"other", NOW, "a")
    assert first != made(b"k", NOW, "b")
    with pytest.raises(ValueError, match="aware"):
        made(b"k", NOW.replace(tzinfo=None), "a")


def report(**changes: object) -> SignedReport:
    fields: dict[str, object] = {
        "case_id": "c",
        "version": 1,
        "content": ReportContent("t", {"a": "b"}, "i", "a"),
        "signer_id": "s",
        "signer_name": "n",
        "signer_licence": "l",
        "signer_site_id": "county",
        "signer_site": "县医院",
        "signed_at": NOW,
        "recording_sha256": ("x",),
        "content_sha256": "",
        "ai_assisted": True,
        "digest_version": DIGEST_VERSION,
    }
    return SignedReport(**(fields | changes))  # type: ignore[arg-type]  # fields are given by name


@pytest.mark.parametrize(
    "changes",
    [
        {"case_id": "d"},
        {"version": 2},
        {"content": ReportContent("t", {"a": "b"}, "i", "z")},
        {"signer_id": "z"},
        {"signer_name": "z"},
        {"signer_licence": "z"},
        {"signer_site_id": "z"},
        {"signer_site": "z"},
        {"signed_at": NOW + timedelta(seconds=1)},
        {"recording_sha256": ("y",)},
        {"amend_reason": "z"},
        {"digest_version": 1},
    ],
)
def test_the_digest_of_a_report_changes_with_every_part(changes: dict[str, object]) -> None:
    assert signed_digest(report(**changes)) != signed_digest(report())


def test_the_digest_of_a_report_signed_by_the_first_program_stays_what_it_was() -> None:
    # Made by report_digest() of version 0.1.0, which knew neither name nor site.
    known = "e158045c0281c9537653db9a5b22b67b4d12c2fa5af20b3cddcc85fa029278f4"

    assert signed_digest(report(digest_version=1)) == known
    assert signed_digest(report(digest_version=1, signer_name="z")) == known


def test_a_digest_of_a_later_program_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="digest version"):
        signed_digest(report(digest_version=3))

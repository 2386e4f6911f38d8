"""What administrators do to accounts, and what keeps the three duties apart."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from support.county import PASSWORD, County

from qiangji_app.domain.account import MAX_FAILED_LOGINS, TEMPORARY_PASSWORD, Account
from qiangji_app.domain.roles import GRANTED, Actor, Role, Site, SiteKind
from qiangji_app.ports import EventQuery
from qiangji_app.services import account_changes, accounts, listing, sessions, site_changes
from qiangji_datasets.errors import Conflict, InputRejected, NotFound, NotPermitted


def actor(county: County, login: str) -> Actor:
    return county.caller(login).actor


def account(county: County, login: str) -> Account:
    with county.store.read() as unit:
        found = unit.accounts.by_login(login)
    assert found is not None
    return found


def grant(county: County, login: str, *roles: Role, by: str = "security") -> Account:
    return account_changes.grant(
        county.ctx,
        actor(county, by),
        account(county, login).id,
        roles=frozenset(roles),
        licence_number=" L-9 ",
        sign_modalities=frozenset({"ecg"}),
    )


def events(county: County, user_id: str) -> list[str]:
    """Types of all events about an account."""
    with county.store.read() as unit:
        found = unit.events.find(EventQuery(type="account"))
    return [row.type for row in found if row.payload.get("user_id") == user_id]


def make(county: County, login: str, *roles: Role, **more: object) -> Account:
    """An account as a system administrator makes it."""
    return accounts.create_account(
        county.ctx,
        actor(county, "system"),
        login=login,
        password="handed over by me",
        display_name="新",
        roles=frozenset(roles),
        site_id="county",
        **more,  # type: ignore[arg-type]  # built per case
    )


@pytest.mark.parametrize("role", sorted(GRANTED))
def test_who_makes_accounts_gives_nobody_power_over_himself_or_a_signature(
    county: County, role: Role
) -> None:
    licence = {"licence_number": "L-1", "sign_modalities": frozenset({"ecg"})}

    with pytest.raises(NotPermitted, match=r"account\.granted_roles"):
        make(county, "puppet", role, **(licence if role is Role.SPECIALIST else {}))
    with pytest.raises(NotPermitted, match=r"account\.granted_roles"):
        make(county, "puppet", Role.OPERATOR, **licence)


def test_an_account_made_without_a_role_waits_for_one(county: County) -> None:
    waiting = make(county, "waiting")

    assert waiting.roles == frozenset()
    assert grant(county, "waiting", Role.AUDITOR).roles == {Role.AUDITOR}


def test_only_the_first_security_administrator_is_made_by_the_system_administrator(
    tmp_path: Path,
) -> None:
    with closing(County(tmp_path, has_people=False)) as founding:
        accounts.add_site(founding.ctx, None, Site("county", "县医院", SiteKind.COUNTY, None))
        accounts.create_account(
            founding.ctx,
            None,
            login="system",
            password=PASSWORD,
            display_name="系统",
            roles=frozenset({Role.SYSTEM_ADMINISTRATOR}),
            site_id="county",
        )
        with pytest.raises(NotPermitted, match=r"account\.granted_roles"):
            make(founding, "first", Role.SECURITY_ADMINISTRATOR, Role.OPERATOR)
        with pytest.raises(NotPermitted, match=r"account\.granted_roles"):
            make(founding, "first", Role.AUDITOR)

        first = make(founding, "first", Role.SECURITY_ADMINISTRATOR)

        system = actor(founding, "system")
        account_changes.set_active(founding.ctx, system, first.id, is_active=False)
        with pytest.raises(NotPermitted, match=r"account\.granted_roles"):
            make(founding, "second", Role.SECURITY_ADMINISTRATOR)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"display_name": " "}, "account.no_name"),
        ({"login": " "}, "account.no_login"),
        ({"roles": frozenset()}, "account.no_role"),
    ],
)
def test_a_first_account_has_a_login_a_name_and_a_role(
    county: County, changed: dict[str, object], code: str
) -> None:
    values: dict[str, object] = {
        "login": "x",
        "password": PASSWORD,
        "display_name": "x",
        "roles": frozenset({Role.OPERATOR}),
        "site_id": "east",
    }

    with pytest.raises(InputRejected, match=code):
        accounts.create_account(county.ctx, None, **(values | changed))  # type: ignore[arg-type]


def test_a_temporary_password_is_readable_and_never_the_same() -> None:
    made = {account_changes.temporary_password() for _ in range(50)}

    assert len(made) == 50
    assert all(len(word) == 14 and not set(word) & set("0O1Il") for word in made)


def test_a_new_account_must_choose_a_password_before_anything_else(county: County) -> None:
    accounts.create_account(
        county.ctx,
        actor(county, "system"),
        login="new",
        password="handed over by me",
        display_name="新",
        roles=frozenset({Role.OPERATOR}),
        site_id="east",
    )

    token, caller = sessions.sign_in(county.ctx, "new", "handed over by me")

    assert caller.must_change_password
    assert caller.actor.roles == frozenset()
    with pytest.raises(NotPermitted):
        listing.list_cases(county.ctx, caller.actor, listing.Filter("mine"))
    changed = sessions.change_password(county.ctx, caller, "handed over by me", PASSWORD)
    assert not changed.must_change_password
    assert changed.actor.roles == {Role.OPERATOR}
    found = sessions.caller_of(county.ctx, token)
    assert found is not None and not found.must_change_password
    assert not sessions.sign_in(county.ctx, "new", PASSWORD)[1].must_change_password


def test_a_temporary_password_runs_out(county: County) -> None:
    _, password = account_changes.reset_password(
        county.ctx, actor(county, "system"), account(county, "operator").id
    )

    county.clock.step(seconds=(TEMPORARY_PASSWORD - timedelta(seconds=1)).total_seconds())
    assert sessions.sign_in(county.ctx, "operator", password)[1].must_change_password
    county.clock.step(seconds=1)
    with pytest.raises(NotPermitted, match=r"session\.temporary_expired"):
        sessions.sign_in(county.ctx, "operator", password)


def test_a_reset_signs_out_lifts_the_lockout_and_ends_the_old_password(county: County) -> None:
    token, caller = sessions.sign_in(county.ctx, "operator", PASSWORD)
    for _ in range(MAX_FAILED_LOGINS):
        with pytest.raises(NotPermitted):
            sessions.sign_in(county.ctx, "operator", "wrong")

    _, password = account_changes.reset_password(
        county.ctx, actor(county, "security"), caller.actor.user_id
    )

    assert sessions.caller_of(county.ctx, token) is None
    with pytest.raises(NotPermitted, match=r"session\.refused"):
        sessions.sign_in(county.ctx, "operator", PASSWORD)
    assert sessions.sign_in(county.ctx, "operator", password)[1].must_change_password
    assert events(county, caller.actor.user_id)[0] == "account.password_reset"


def test_ones_own_password_needs_the_present_one_and_ends_other_sessions(county: County) -> None:
    other, _ = sessions.sign_in(county.ctx, "operator", PASSWORD)
    token, caller = sessions.sign_in(county.ctx, "operator", PASSWORD)
    wanted = "another long password"

    with pytest.raises(NotPermitted, match=r"session\.wrong_password"):
        sessions.change_password(county.ctx, caller, "wrong", wanted)
    with pytest.raises(InputRejected, match=r"account\.weak_password"):
        sessions.change_password(county.ctx, caller, PASSWORD, "short")
    with pytest.raises(InputRejected, match=r"account\.same_password"):
        sessions.change_password(county.ctx, caller, PASSWORD, PASSWORD)
    sessions.change_password(county.ctx, caller, PASSWORD, wanted)

    assert sessions.caller_of(county.ctx, token) is not None
    assert sessions.caller_of(county.ctx, other) is None
    assert sessions.sign_in(county.ctx, "operator", wanted)


def test_a_password_is_not_changed_on_an_account_closed_meanwhile(
    county: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = sessions.sign_in(county.ctx, "operator", PASSWORD)[1]
    hashed = county.ctx.passwords.hash
    system = actor(county, "system")

    def slow(password: str) -> str:
        account_changes.set_active(county.ctx, system, caller.actor.user_id, is_active=False)
        return hashed(password)

    monkeypatch.setattr(type(county.ctx.passwords), "hash", lambda _, password: slow(password))

    with pytest.raises(NotPermitted, match=r"session\.refused"):
        sessions.change_password(county.ctx, caller, PASSWORD, "another long password")


def test_a_system_administrator_renames_and_moves_people(county: County) -> None:
    user_id = account(county, "operator").id
    system = actor(county, "system")

    changed = account_changes.change_person(
        county.ctx, system, user_id, display_name=" 方 ", site_id="west"
    )

    assert (changed.display_name, changed.site_id) == ("方", "west")
    assert account(county, "operator") == changed
    assert events(county, user_id)[0] == "account.changed"
    with pytest.raises(InputRejected, match=r"account\.no_name"):
        account_changes.change_person(county.ctx, system, user_id, display_name=" ", site_id="west")
    with pytest.raises(InputRejected, match=r"site\.unknown"):
        account_changes.change_person(county.ctx, system, user_id, display_name="x", site_id="moon")
    with pytest.raises(NotFound, match=r"account\.not_found"):
        account_changes.change_person(county.ctx, system, "x", display_name="x", site_id="west")


def test_a_security_administrator_gives_roles_and_licences(county: County) -> None:
    changed = grant(county, "operator", Role.SPECIALIST)

    assert (changed.roles, changed.licence_number) == ({Role.SPECIALIST}, "L-9")
    assert changed.sign_modalities == {"ecg"}
    assert events(county, changed.id)[0] == "account.granted"
    with pytest.raises(InputRejected, match=r"account\.no_role"):
        grant(county, "operator")
    with pytest.raises(InputRejected, match=r"account\.separated_roles"):
        grant(county, "operator", Role.AUDITOR, Role.SYSTEM_ADMINISTRATOR)
    with pytest.raises(Conflict, match=r"account\.own"):
        grant(county, "security", Role.OPERATOR)


def test_the_last_system_administrator_stays(county: County) -> None:
    with pytest.raises(Conflict, match=r"account\.last_administrator"):
        grant(county, "system", Role.OPERATOR)
    with pytest.raises(Conflict, match=r"account\.last_administrator"):
        account_changes.set_active(
            county.ctx, actor(county, "security"), account(county, "system").id, is_active=False
        )

    grant(county, "system", Role.SYSTEM_ADMINISTRATOR, Role.OPERATOR)
    grant(county, "operator", Role.SYSTEM_ADMINISTRATOR)
    assert grant(county, "system", Role.OPERATOR).roles == {Role.OPERATOR}


def test_a_closed_account_is_signed_out_and_can_be_opened_again(county: County) -> None:
    token, caller = sessions.sign_in(county.ctx, "operator", PASSWORD)
    user_id = caller.actor.user_id
    security = actor(county, "security")

    account_changes.set_active(county.ctx, security, user_id, is_active=False)

    assert sessions.caller_of(county.ctx, token) is None
    with pytest.raises(NotPermitted, match=r"session\.refused"):
        sessions.sign_in(county.ctx, "operator", PASSWORD)
    account_changes.set_active(county.ctx, security, user_id, is_active=True)
    assert sessions.sign_in(county.ctx, "operator", PASSWORD)
    assert events(county, user_id)[:2] == ["account.activated", "account.deactivated"]


@pytest.mark.parametrize(
    ("by", "login", "may"),
    [
        ("system", "operator", True),
        ("security", "operator", True),
        ("system", "security", False),
        ("system", "auditor", False),
        ("security", "auditor", True),
        ("security", "system", True),
    ],
)
def test_of_the_three_duties_none_gets_into_anothers_account(
    county: County, by: str, login: str, may: bool
) -> None:
    user_id = account(county, login).id

    if may:
        assert account_changes.reset_password(county.ctx, actor(county, by), user_id)[1]
        return
    with pytest.raises(NotPermitted, match=r"account\.(other_administrator|reset_locally)"):
        account_changes.reset_password(county.ctx, actor(county, by), user_id)


def test_two_security_administrators_do_not_reset_each_other(county: County) -> None:
    second = grant(county, "operator", Role.SECURITY_ADMINISTRATOR)

    with pytest.raises(NotPermitted, match=r"account\.other_administrator"):
        account_changes.reset_password(county.ctx, actor(county, "security"), second.id)


def test_a_security_administrator_is_closed_by_a_system_administrator(county: County) -> None:
    closed = account_changes.set_active(
        county.ctx, actor(county, "system"), account(county, "security").id, is_active=False
    )

    assert not closed.is_active


def test_who_holds_the_server_resets_any_account_and_the_log_says_so(county: County) -> None:
    token, caller = sessions.sign_in(county.ctx, "security", PASSWORD)

    password = account_changes.reset_locally(county.ctx, " security ")

    assert sessions.caller_of(county.ctx, token) is None
    assert sessions.sign_in(county.ctx, "security", password)[1].must_change_password
    assert events(county, caller.actor.user_id)[0] == "account.password_reset"
    with pytest.raises(NotFound, match=r"account\.not_found"):
        account_changes.reset_locally(county.ctx, "nobody")


def test_nobody_resets_or_closes_his_own_account(county: County) -> None:
    for login in ("system", "security"):
        who = actor(county, login)
        with pytest.raises(Conflict, match=r"account\.own"):
            account_changes.reset_password(county.ctx, who, who.user_id)
        with pytest.raises(Conflict, match=r"account\.own"):
            account_changes.set_active(county.ctx, who, who.user_id, is_active=False)


def test_administration_is_closed_to_everybody_else(county: County) -> None:
    user_id = account(county, "village").id
    for login in ("operator", "specialist", "manager", "auditor", "developer"):
        who = actor(county, login)
        with pytest.raises(NotPermitted, match=r"access\.role"):
            account_changes.reset_password(county.ctx, who, user_id)
        with pytest.raises(NotPermitted, match=r"access\.role"):
            account_changes.set_active(county.ctx, who, user_id, is_active=False)
        with pytest.raises(NotPermitted, match=r"access\.role"):
            grant(county, "village", Role.OPERATOR, by=login)
        with pytest.raises(NotPermitted, match=r"access\.role"):
            site_changes.all_sites(county.ctx, who)
    with pytest.raises(NotPermitted, match=r"access\.role"):
        grant(county, "village", Role.OPERATOR, by="system")
    with pytest.raises(NotPermitted, match=r"access\.role"):
        account_changes.change_person(
            county.ctx, actor(county, "security"), user_id, display_name="x", site_id="west"
        )

"""Sign-in, lockout, unlock; accounts, sites, first administrator."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event
from support.county import PASSWORD, County

from qiangji_app.domain.account import LOCKOUT, MAX_FAILED_LOGINS, SESSION_IDLE
from qiangji_app.domain.audit import Verification
from qiangji_app.domain.roles import Role, Site, SiteKind
from qiangji_app.ports import Unit
from qiangji_app.services import accounts, sessions
from qiangji_app.services.setup import TOKEN_LIFETIME, issue_token, redeem_token
from qiangji_app.storage.store import SqlStore
from qiangji_datasets.errors import Conflict, InputRejected, NotPermitted
from qiangji_datasets.messages import Language


def test_the_right_password_opens_a_session_that_sign_out_ends(county: County) -> None:
    token, caller = sessions.sign_in(county.ctx, " operator ", PASSWORD)

    found = sessions.caller_of(county.ctx, token)
    assert found is not None
    assert found.actor.user_id == caller.actor.user_id
    sessions.sign_out(county.ctx, caller)
    assert sessions.caller_of(county.ctx, token) is None


def test_unknown_login_and_wrong_password_look_alike(county: County) -> None:
    for login, password in (("nobody", PASSWORD), ("operator", "wrong")):
        with pytest.raises(NotPermitted, match="session.refused"):
            sessions.sign_in(county.ctx, login, password)


def test_failures_lock_the_account_for_a_while(county: County) -> None:
    for _ in range(MAX_FAILED_LOGINS):
        with pytest.raises(NotPermitted, match="session.refused"):
            sessions.sign_in(county.ctx, "operator", "wrong")

    with pytest.raises(NotPermitted, match="session.locked") as refused:
        sessions.sign_in(county.ctx, "operator", PASSWORD)
    assert refused.value.params["minutes"] == 16
    county.clock.step(seconds=LOCKOUT.total_seconds())
    assert sessions.sign_in(county.ctx, "operator", PASSWORD)


def test_parallel_guesses_are_counted_one_by_one(county: County) -> None:
    def guess(_: int) -> str:
        try:
            sessions.sign_in(county.ctx, "operator", "wrong")
        except NotPermitted as refused:
            return refused.code
        return "open"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(guess, range(12)))

    assert answers.count("session.refused") == MAX_FAILED_LOGINS
    assert answers.count("session.locked") == 12 - MAX_FAILED_LOGINS


def test_an_unlock_that_was_overtaken_by_a_lockout_is_refused(
    county: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = county.caller("specialist")
    verify = county.ctx.passwords.verify

    def slow(password: str, password_hash: str) -> bool:
        with county.store.begin() as unit:
            account = unit.accounts.get(caller.actor.user_id)
            assert account is not None
            unit.accounts.save(replace(account, locked_until=county.clock.now() + LOCKOUT))
            unit.commit()
        return verify(password, password_hash)

    monkeypatch.setattr(type(county.ctx.passwords), "verify", lambda _, *a: slow(*a))

    with pytest.raises(NotPermitted, match="session.locked"):
        sessions.unlock(county.ctx, caller, PASSWORD)


#: What an administrator may do to an account while its password is being verified.
_OVERTAKEN = [
    (
        {"password_hash": "another"},
        ("session.refused", "session.wrong_password", "session.refused"),
    ),
    ({"is_active": False}, ("session.refused", "session.refused", "session.refused")),
]


def change_meanwhile(
    county: County, monkeypatch: pytest.MonkeyPatch, method: str, **changed: object
) -> None:
    """From now on the specialist's account changes behind the back of ``method``."""
    user_id = county.caller("specialist").actor.user_id
    passwords = type(county.ctx.passwords)
    real = getattr(passwords, method)

    def slow(*args: object) -> object:
        found = real(*args)
        with county.store.begin() as unit:
            account = unit.accounts.get(user_id)
            assert account is not None
            unit.accounts.save(replace(account, **changed))  # type: ignore[arg-type]  # by name
            unit.commit()
        return found

    monkeypatch.setattr(passwords, method, slow)


@pytest.mark.parametrize(("changed", "codes"), _OVERTAKEN)
def test_a_password_replaced_or_an_account_closed_while_it_is_verified_opens_nothing(
    county: County,
    monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, object],
    codes: tuple[str, str, str],
) -> None:
    caller = county.caller("specialist")
    with county.store.read() as unit:
        before = unit.accounts.get(caller.actor.user_id)
    assert before is not None
    acts = (
        ("verify", lambda: sessions.sign_in(county.ctx, "specialist", PASSWORD)),
        ("verify", lambda: sessions.unlock(county.ctx, caller, PASSWORD)),
        ("hash", lambda: sessions.change_password(county.ctx, caller, PASSWORD, PASSWORD * 2)),
    )

    for (method, act), code in zip(acts, codes, strict=True):
        with county.store.begin() as unit:
            unit.accounts.save(before)
            unit.commit()
        with monkeypatch.context() as patched:
            change_meanwhile(county, patched, method, **changed)
            with pytest.raises(NotPermitted, match=code):
                act()

    with county.store.read() as unit:
        kept = unit.accounts.get(caller.actor.user_id)
    assert kept is not None
    assert kept == replace(before, **changed)  # type: ignore[arg-type]  # by name


def test_an_idle_session_ends_and_a_busy_one_goes_on(county: County) -> None:
    token, _ = sessions.sign_in(county.ctx, "operator", PASSWORD)
    half = SESSION_IDLE.total_seconds() / 2 + 60

    county.clock.step(seconds=half)
    assert sessions.caller_of(county.ctx, token) is not None
    county.clock.step(seconds=half)
    assert sessions.caller_of(county.ctx, token) is not None
    county.clock.step(seconds=SESSION_IDLE.total_seconds())
    assert sessions.caller_of(county.ctx, token) is None


class _Overtaken:
    """A real store; what ``meanwhile`` does happens before the next write begins."""

    def __init__(self, store: SqlStore, meanwhile: Callable[[], object]) -> None:
        self._store = store
        self._meanwhile: list[Callable[[], object]] = [meanwhile]

    def begin(self) -> AbstractContextManager[Unit]:
        """A write transaction, after what was to happen before it."""
        while self._meanwhile:
            self._meanwhile.pop()()
        return self._store.begin()

    def read(self) -> AbstractContextManager[Unit]:
        """A snapshot."""
        return self._store.read()

    def verify(self) -> Verification:
        """Both chains."""
        return self._store.verify()


def test_a_request_that_began_before_an_unlock_does_not_take_it_back(county: County) -> None:
    token, caller = sessions.sign_in(county.ctx, "specialist", PASSWORD)
    county.clock.step(minutes=2)
    store = _Overtaken(county.store, lambda: sessions.unlock(county.ctx, caller, PASSWORD))

    assert sessions.caller_of(replace(county.ctx, store=store), token) is not None

    found = sessions.caller_of(county.ctx, token)
    assert found is not None
    assert found.session.may_sign(county.clock.now())


def test_a_session_is_known_while_the_store_cannot_write(
    county: County, caplog: pytest.LogCaptureFixture
) -> None:
    token, _ = sessions.sign_in(county.ctx, "operator", PASSWORD)
    county.clock.step(minutes=2)
    engine = county.store.engines.write
    event.listen(engine, "checkout", lambda raw, *_: raw.execute("PRAGMA busy_timeout = 0"))

    with closing(sqlite3.connect(str(engine.url.database), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert sessions.caller_of(county.ctx, token) is not None

    assert "storage.busy" in caplog.text


def test_an_inactive_account_has_no_session(county: County) -> None:
    token, caller = sessions.sign_in(county.ctx, "operator", PASSWORD)
    with county.store.begin() as unit:
        account = unit.accounts.get(caller.actor.user_id)
        assert account is not None
        unit.accounts.save(replace(account, is_active=False))
        unit.commit()

    assert sessions.caller_of(county.ctx, token) is None
    with pytest.raises(NotPermitted, match="session.refused"):
        sessions.sign_in(county.ctx, "operator", PASSWORD)


def test_wrong_passwords_while_signing_lock_and_sign_out(county: County) -> None:
    token, caller = sessions.sign_in(county.ctx, "specialist", PASSWORD)

    for _ in range(MAX_FAILED_LOGINS):
        with pytest.raises(NotPermitted, match="session.wrong_password"):
            sessions.unlock(county.ctx, caller, "wrong")

    assert sessions.caller_of(county.ctx, token) is None
    with pytest.raises(NotPermitted, match="session.locked"):
        sessions.unlock(county.ctx, caller, PASSWORD)


def test_the_language_is_remembered(county: County) -> None:
    token, caller = sessions.sign_in(county.ctx, "operator", PASSWORD)

    changed = sessions.set_language(county.ctx, caller, Language.EN)

    assert changed.language is Language.EN
    found = sessions.caller_of(county.ctx, token)
    assert found is not None
    assert found.language is Language.EN


def test_a_session_whose_account_is_gone_can_do_nothing(county: County) -> None:
    caller = county.caller("operator")
    ghost = replace(caller, actor=replace(caller.actor, user_id="gone"))

    with pytest.raises(NotPermitted, match="session.locked"):
        sessions.unlock(county.ctx, ghost, PASSWORD)
    with pytest.raises(NotPermitted, match="session.refused"):
        sessions.set_language(county.ctx, ghost, Language.EN)


def new_account(county: County, login: str, *, by: str = "system", **changed: object) -> None:
    values: dict[str, object] = {
        "password": PASSWORD,
        "display_name": "新",
        "roles": frozenset({Role.OPERATOR}),
        "site_id": "east",
    }
    accounts.create_account(
        county.ctx,
        county.caller(by).actor,
        login=login,
        **(values | changed),  # type: ignore[arg-type]  # built per case
    )


def test_only_a_system_administrator_makes_accounts(county: County) -> None:
    new_account(county, "new")

    assert "new" in [
        row.login for row in accounts.list_accounts(county.ctx, county.caller("security").actor)
    ]
    for login in ("operator", "security", "auditor", "specialist"):
        with pytest.raises(NotPermitted):
            new_account(county, "newer", by=login)
    with pytest.raises(NotPermitted):
        accounts.list_accounts(county.ctx, county.caller("operator").actor)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"password": "short"}, "account.weak_password"),
        ({"display_name": " "}, "account.no_name"),
        (
            {"roles": frozenset({Role.AUDITOR, Role.SYSTEM_ADMINISTRATOR})},
            "account.separated_roles",
        ),
        ({"roles": frozenset({Role.SPECIALIST})}, "account.no_licence"),
        ({"site_id": "moon"}, "site.unknown"),
    ],
)
def test_an_unsound_account_is_refused(
    county: County, changed: dict[str, object], code: str
) -> None:
    with pytest.raises(InputRejected, match=code):
        new_account(county, "new", **changed)


def test_colleagues_see_each_others_names(county: County) -> None:
    operator = county.caller("operator").actor
    names = accounts.display_names(county.ctx, county.caller("stranger").actor)

    assert names[operator.user_id] == "Operator"
    assert accounts.display_names(county.ctx, replace(operator, roles=frozenset())) == {}


def test_logins_are_unique(county: County) -> None:
    with pytest.raises(Conflict, match="account.login_taken"):
        new_account(county, "operator")


def test_nobody_adds_accounts_or_sites_without_signing_in(county: County) -> None:
    real = replace(county.ctx, is_demo=False)
    with pytest.raises(Conflict, match="account.not_first"):
        accounts.create_account(
            real,
            None,
            login="x",
            password=PASSWORD,
            display_name="x",
            roles=frozenset({Role.OPERATOR}),
            site_id="east",
        )
    with pytest.raises(Conflict, match="account.not_first"):
        accounts.add_site(real, None, Site("n", "n", SiteKind.VILLAGE, "east"))


def test_sites_are_added_below_a_known_parent_once(county: County) -> None:
    actor = county.caller("system").actor
    accounts.add_site(county.ctx, actor, Site("new", "新村", SiteKind.VILLAGE, "west"))

    with pytest.raises(Conflict, match="site.exists"):
        accounts.add_site(county.ctx, actor, Site("new", "新村", SiteKind.VILLAGE, "west"))
    with pytest.raises(InputRejected, match="site.no_parent"):
        accounts.add_site(county.ctx, actor, Site("z", "z", SiteKind.VILLAGE, "moon"))
    with pytest.raises(NotPermitted):
        accounts.add_site(
            county.ctx,
            county.caller("operator").actor,
            Site("y", "y", SiteKind.VILLAGE, "east"),
        )
    seen = accounts.list_sites(county.ctx, county.caller("stranger").actor)
    assert {site.id for site in seen} == {"west", "new"}


def test_the_first_administrator_needs_the_one_time_token(county: County, tmp_path: Path) -> None:
    def redeem(token: str) -> None:
        redeem_token(
            county.ctx,
            tmp_path,
            token=token,
            login="first",
            password=PASSWORD,
            display_name="首位",
        )

    with pytest.raises(NotPermitted, match="setup.no_token"):
        redeem("anything")
    old = issue_token(tmp_path, county.clock.now())
    token = issue_token(tmp_path, county.clock.now())
    with pytest.raises(NotPermitted, match="setup.no_token"):
        redeem(old)
    county.clock.step(seconds=(TOKEN_LIFETIME + timedelta(seconds=1)).total_seconds())
    with pytest.raises(NotPermitted, match="setup.no_token"):
        redeem(token)


def test_a_token_makes_the_first_account_of_an_empty_installation(tmp_path: Path) -> None:
    empty = County(tmp_path / "new", has_people=False)
    accounts.add_site(empty.ctx, None, Site("county", "县医院", SiteKind.COUNTY, None))
    token = issue_token(tmp_path, empty.clock.now())

    account = redeem_token(
        empty.ctx,
        tmp_path,
        token=token,
        login="first",
        password=PASSWORD,
        display_name="首位",
    )

    assert account.roles == {Role.SYSTEM_ADMINISTRATOR}
    assert not list(tmp_path.glob("setup-token.json"))
    empty.close()

"""Administration and audit over HTTP: what is asked for, refused in words, shown once."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.county import PASSWORD
from support.page_server import populate

from qiangji_app.bootstrap import Installation, install
from qiangji_app.config import Settings
from qiangji_app.storage.passwords import CHEAP
from qiangji_app.web.app import create_app

_API = "/api/v1"
_NEW = {"display_name": "新来的", "roles": ["operator"], "site_id": "east"}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("administration")
    settings = Settings(data_dir=folder / "store", key_dir=folder / "keys", demo=True)
    made = install(settings, password_cost=CHEAP)
    populate(made)
    yield made
    made.close()


def _client(installation: Installation, login: str, password: str = PASSWORD) -> TestClient:
    client = TestClient(create_app(installation, with_pages=False))
    answer = client.post(f"{_API}/session", json={"login": login, "password": password})
    assert answer.status_code == 200, answer.text
    client.headers["X-CSRF-Token"] = answer.json()["csrf"]
    return client


def _refused(answer: Any, status: int, code: str) -> None:  # Any: httpx's own or its copy
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["code"] == code
    assert answer.json()["error"]["message"] != code


def test_a_newcomer_gets_in_with_a_password_that_only_opens_the_way_to_another(
    installation: Installation,
) -> None:
    system = _client(installation, "system")
    made = system.post(f"{_API}/accounts", json=_NEW | {"login": "new"}).json()
    handed = made["temporary_password"]

    newcomer = _client(installation, "new", handed)

    me = newcomer.get(f"{_API}/session").json()
    assert (me["must_change_password"], me["user"]["roles"]) == (True, [])
    _refused(newcomer.get(f"{_API}/cases"), 403, "access.role")
    words = {"present": handed, "wanted": PASSWORD}
    changed = newcomer.put(f"{_API}/session/password", json=words).json()
    assert (changed["must_change_password"], changed["user"]["roles"]) == (False, ["operator"])
    assert newcomer.get(f"{_API}/cases").status_code == 200
    assert all(
        not {"password", "password_hash", "temporary_password"} & row.keys()
        for row in system.get(f"{_API}/accounts").json()
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"password": "chosen by me, not by you"},
        {"licence_number": "L-1"},
        {"display_name": "  "},
        {"login": " x "},
    ],
)
def test_an_account_asked_for_wrongly_is_refused_not_made(
    installation: Installation, changed: dict[str, str]
) -> None:
    system = _client(installation, "system")

    answer = system.post(f"{_API}/accounts", json=_NEW | {"login": "wrong"} | changed)

    _refused(answer, 422, "http.invalid")
    powers = {"login": "puppet", "roles": ["auditor"]}
    _refused(system.post(f"{_API}/accounts", json=_NEW | powers), 403, "account.granted_roles")


def test_the_application_states_the_version_that_is_installed(installation: Installation) -> None:
    assert create_app(installation, with_pages=False).version == metadata.version("qiangji")


def test_an_unknown_modality_to_sign_is_refused(installation: Installation) -> None:
    security = _client(installation, "security")
    operator = next(
        row for row in security.get(f"{_API}/accounts").json() if row["login"] == "operator"
    )
    rights = {"roles": ["specialist"], "licence_number": "L-2", "sign_modalities": ["x,y"]}

    answer = security.put(f"{_API}/accounts/{operator['id']}/roles", json=rights)

    _refused(answer, 422, "http.invalid")


def test_accounts_are_changed_granted_closed_and_reset(installation: Installation) -> None:
    system, security = _client(installation, "system"), _client(installation, "security")
    made = system.post(f"{_API}/accounts", json=_NEW | {"login": "often"}).json()
    url = f"{_API}/accounts/{made['id']}"

    moved = system.put(url, json={"display_name": "改名", "site_id": "west"}).json()
    assert (moved["display_name"], moved["site_id"]) == ("改名", "west")
    rights = {"roles": ["specialist"], "licence_number": "L-2", "sign_modalities": ["ecg"]}
    assert security.put(f"{url}/roles", json=rights).json()["roles"] == ["specialist"]
    _refused(system.put(f"{url}/roles", json=rights), 403, "access.role")
    closed = system.put(f"{url}/active", json={"is_active": False}).json()
    assert closed["is_active"] is False
    assert system.put(f"{url}/active", json={"is_active": True}).json()["is_active"] is True
    reset = security.post(f"{url}/reset-password").json()
    assert reset["temporary_password"] and reset["temporary_until"]


def test_sites_are_added_without_an_id_changed_and_closed(installation: Installation) -> None:
    system = _client(installation, "system")
    facts = {"name": "南镇卫生院", "phone": "0000-8765", "time_zone": "Asia/Shanghai"}
    body = facts | {"kind": "township", "parent_id": "county"}

    site = system.post(f"{_API}/sites", json=body).json()

    url = f"{_API}/sites/{site['id']}"
    assert system.put(url, json=facts | {"name": "南镇"}).json()["name"] == "南镇"
    assert system.put(f"{url}/active", json={"is_active": False}).json()["is_active"] is False
    known = {row["id"]: row for row in system.get(f"{_API}/sites/all").json()}
    assert known[site["id"]]["phone"] == "0000-8765"
    _refused(system.put(f"{_API}/sites/county/active", json={"is_active": False}), 409,
             "site.is_root")  # fmt: skip
    _refused(_client(installation, "operator").get(f"{_API}/sites/all"), 403, "access.role")


def test_bundles_are_shown_to_administrators(installation: Installation) -> None:
    rows = _client(installation, "security").get(f"{_API}/bundles").json()

    assert rows and all({"name", "state", "version", "reason"} <= row.keys() for row in rows)
    _refused(_client(installation, "operator").get(f"{_API}/bundles"), 403, "access.role")


def test_the_auditor_checks_and_searches_and_finds_no_identity(installation: Installation) -> None:
    auditor = _client(installation, "auditor")

    checked = auditor.post(f"{_API}/audit/verify").json()
    page = auditor.get(f"{_API}/audit/events", params={"type": "session", "limit": 5}).json()

    assert (checked["problem_count"], checked["problems"]) == (0, [])
    assert page["total"] >= len(page["items"]) == 5
    assert {row["text"] for row in page["items"]} <= {"登录", "退出", "密码错误"}
    assert all(set(row["payload"]) <= {"user_id"} for row in page["items"])
    _refused(auditor.get(f"{_API}/audit/events", params={"chain": "x"}), 422,
             "audit.unknown_chain")  # fmt: skip
    system = _client(installation, "system")
    _refused(system.get(f"{_API}/audit/events"), 403, "access.role")
    _refused(system.post(f"{_API}/audit/verify"), 403, "access.role")

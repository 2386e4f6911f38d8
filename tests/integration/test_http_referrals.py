"""Two-way referral over HTTP: both sides, repeats, refusals in words, letters, 304."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
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
Json = dict[str, Any]
_CONTENT = {
    "reasons": ["hypertension.acute"],
    "urgency": "emergency",
    "department": "emergency",
    "transport": "ambulance",
    "has_consent": True,
    "present_history": "血压 186/112,视物模糊 1 小时",
    "address": "东风镇 3 组",
}
_PLAN = {
    "diagnosis": "高血压 3 级",
    "next_steps": "低盐饮食",
    "medicines": [{"name": "氨氯地平", "dose": "5 mg", "frequency": "每日一次"}],
}


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, TestClient]]:
    folder = tmp_path_factory.mktemp("referrals")
    settings = Settings(data_dir=folder / "store", key_dir=folder / "keys", demo=True)
    made = install(settings, password_cost=CHEAP)
    populate(made)
    names = ("township", "receiving", "manager", "stranger", "operator")
    yield {name: _client(made, name) for name in names}
    made.close()


def _client(installation: Installation, login: str) -> TestClient:
    client = TestClient(create_app(installation, with_pages=False))
    answer = client.post(f"{_API}/session", json={"login": login, "password": PASSWORD})
    client.headers["X-CSRF-Token"] = answer.json()["csrf"]
    return client


def _ok(answer: Any) -> Json:  # Any: httpx's own or its copy
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


def _refused(answer: Any, status: int, code: str) -> Json:
    assert answer.status_code == status, answer.text
    error: Json = answer.json()["error"]
    assert error["code"] == code
    assert error["message"] != code
    return error


def _act(view: Json, **more: object) -> Json:
    return {"key": str(uuid.uuid4()), "revision": view["revision"], **more}


def _sent(client: TestClient, **content: object) -> Json:
    draft = _ok(client.post(f"{_API}/referrals", json={"referral_id": str(uuid.uuid4())}))
    form = {
        "revision": draft["revision"],
        "content": _CONTENT | content,
        "target_site_id": "county",
        "home_site_id": "east",
        "patient": {"name": "钱某", "sex": "F", "age_years": 62, "phone": "0000-5"},
    }
    saved = _ok(client.put(f"{_API}/referrals/{draft['id']}", json=form))
    return _ok(client.post(f"{_API}/referrals/{draft['id']}/send", json=_act(saved)))


def test_a_referral_goes_up_and_down_over_the_api(clients: dict[str, TestClient]) -> None:
    township, receiving = clients["township"], clients["receiving"]
    view = _sent(township)
    url = f"{_API}/referrals/{view['id']}"
    asked = _ok(receiving.get(url))
    assert asked["is_my_turn"]
    assert asked["waits"]["stage_text"] == "等待答复"
    assert {"accept", "decline", "redirect", "arrive", "note"} == set(asked["may"])
    assert asked["patient"]["age_text"] == "62 岁"

    for action in ("accept", "arrive", "admit"):
        asked = _ok(receiving.post(f"{url}/acts/{action}", json=_act(asked)))
    day = {"on": asked["follow_ups"][0]["due_on"], "what": "测血压"}
    down = _ok(receiving.post(f"{url}/refer-down", json=_act(asked, **_PLAN, follow_ups=[day])))
    home = _ok(township.get(url))
    taken = _ok(township.post(f"{url}/acts/close", json=_act(home, code="taken_over")))

    assert (down["state"], home["plan"]["diagnosis"]) == ("referred_down", "高血压 3 级")
    assert (taken["state_text"], taken["steps"][-1]["code_text"]) == ("已办结", "已接收下转")
    assert [one["kind"] for one in taken["follow_ups"]] == ["emergency", "plan"]
    for query, word in (("", "双向转诊(转出)单"), ("?down=true", "双向转诊(回转)单")):
        page = township.get(f"{url}/letter.html{query}")
        assert page.status_code == 200
        for said in ("存  根", word, "钱某", "东风镇 3 组"):
            assert said in page.text
    figures = _ok(clients["manager"].get(f"{_API}/referrals/statistics"))["items"]
    assert (figures[0]["site"]["id"], figures[0]["up"], figures[0]["down"]) == ("east", 1, 1)


@pytest.mark.system
def test_the_letter_comes_as_pdf(clients: dict[str, TestClient]) -> None:
    view = _sent(clients["township"])

    answer = clients["township"].get(f"{_API}/referrals/{view['id']}/letter.pdf")

    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF")


def test_a_declined_or_redirected_referral_goes_on(clients: dict[str, TestClient]) -> None:
    township, receiving = clients["township"], clients["receiving"]
    view = _sent(township)
    url = f"{_API}/referrals/{view['id']}"
    wordless = receiving.post(f"{url}/acts/decline", json=_act(view, code="no_bed"))
    _refused(wordless, 422, "referral.text_needed")
    said = {"code": "no_bed", "text": "请转他院"}
    declined = _ok(receiving.post(f"{url}/acts/decline", json=_act(view, **said)))
    again = {"site_id": "county", "department": "cardiology"}
    sent = _ok(township.post(f"{url}/send", json=_act(declined, **again)))
    moved = {"code": "department", "site_id": "county", "department": "surgery"}
    redirected = _ok(receiving.post(f"{url}/redirect", json=_act(sent, **moved)))

    assert declined["steps"][-1]["text"] == "请转他院"
    assert (sent["state"], sent["department_text"]) == ("requested", "心血管内科")
    assert (redirected["state"], redirected["department_text"]) == ("redirected", "外科")
    stale = receiving.post(f"{url}/acts/accept", json=_act(sent))
    _refused(stale, 409, "referral.changed_meanwhile")


def test_what_the_form_lacks_is_named_in_words(clients: dict[str, TestClient]) -> None:
    township = clients["township"]
    body = {"referral_id": str(uuid.uuid4()), "reasons": ["tb.suspected"], "urgency": "urgent"}
    draft = _ok(township.post(f"{_API}/referrals", json=body))
    assert (draft["urgency"], draft["department_text"]) == ("urgent", "结核病定点门诊")
    form = {
        "revision": draft["revision"],
        "content": {"department": "tb"},
        "target_site_id": "county",
        "home_site_id": "east",
        "patient": {"name": "钱某"},
    }
    saved = _ok(township.put(f"{_API}/referrals/{draft['id']}", json=form))

    error = _refused(
        township.post(f"{_API}/referrals/{draft['id']}/send", json=_act(saved)),
        422,
        "referral.incomplete",
    )

    assert error["message"] == "还缺:转诊原因、主要现病史(转出原因)、转运方式、患者或家属同意。"
    planless = township.post(f"{_API}/referrals/{draft['id']}/refer-down", json=_act(saved))
    _refused(planless, 422, "referral.plan_needed")


def test_lists_are_for_both_sides_and_answer_304_while_nothing_changed(
    clients: dict[str, TestClient],
) -> None:
    township, receiving = clients["township"], clients["receiving"]
    view = _sent(township)

    inbox = receiving.get(f"{_API}/referrals", params={"box": "inbox"})
    waiting = _ok(receiving.get(f"{_API}/referrals/waiting"))

    assert view["id"] in [row["id"] for row in inbox.json()["items"]]
    assert view["id"] in [row["id"] for row in waiting["items"]]
    assert waiting["items"][0]["contact"]["site"]["id"] == "east"
    assert view["id"] in [row["id"] for row in _ok(township.get(f"{_API}/referrals"))["items"]]
    same = {"If-None-Match": inbox.headers["etag"]}
    again = receiving.get(f"{_API}/referrals", params={"box": "inbox"}, headers=same)
    assert again.status_code in (200, 304)  # a minute may have begun meanwhile
    ended = _ok(township.get(f"{_API}/referrals", params={"ended": True}))
    assert view["id"] not in [row["id"] for row in ended["items"]]
    _refused(receiving.get(f"{_API}/referrals", params={"box": "all"}), 403, "access.role")
    for login in ("stranger", "operator"):
        missing = clients[login].get(f"{_API}/referrals/{view['id']}")
        _refused(missing, 404, "referral.not_found")


def test_a_follow_up_is_recorded_and_taken_back(clients: dict[str, TestClient]) -> None:
    township = clients["township"]
    view = _sent(township)
    rows = _ok(township.get(f"{_API}/referral-follow-ups"))["items"]
    due = next(row for row in rows if row["referral_id"] == view["id"])
    assert (due["days_left"], due["patient"]["phone"]) == (14, "0000-5")
    url = f"{_API}/referral-follow-ups/{due['id']}/outcome"

    done = _ok(township.post(url, json={"outcome": "phoned", "note": "已住院"}))
    opened = _ok(township.delete(url))

    assert (done["is_due"], done["outcome_text"], done["is_mine"]) == (False, "已电话随访", True)
    assert opened["is_due"]


def test_codes_tell_their_sources_and_the_origin_of_every_time(
    clients: dict[str, TestClient],
) -> None:
    codes = _ok(clients["township"].get(f"{_API}/referral-codes", params={"lang": "en"}))

    first = codes["reasons"][0]
    assert (first["id"], first["is_verified"]) == ("hypertension.acute", True)
    assert "2025" in first["source"]
    assert {row["origin"] for row in codes["clocks"]} == {"county"}
    assert any(not row["is_verified"] for row in codes["reasons"])


def test_a_referral_from_a_case_that_is_not_ones_own_is_not_begun(
    clients: dict[str, TestClient],
) -> None:
    body = {"referral_id": str(uuid.uuid4()), "case_id": "nothing"}

    _refused(clients["township"].post(f"{_API}/referrals", json=body), 404, "case.not_found")

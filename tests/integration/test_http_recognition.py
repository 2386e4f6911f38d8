"""Recognition over HTTP: found with a reason, opened, printed with its seal, judged, seen."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.county import PASSWORD, County, content, small_film
from support.id_numbers import id_number

from qiangji_app.cds.clients import Clients
from qiangji_app.config import Settings
from qiangji_app.domain.case import ClinicalRequest
from qiangji_app.domain.person import Patient
from qiangji_app.recognition_rules import shipped_rules
from qiangji_app.seals.keys import Issuer
from qiangji_app.services import capture, review
from qiangji_app.storage.keys import new_keys
from qiangji_app.web.app import create_app

_API = "/api/v1"
_NUMBER = id_number("00000019660304522")
_GROUNDS = {
    "basis": "present",
    "reason": "visit",
    "name": "钱某",
    "id_number": _NUMBER,
    "document": "id_card",
}


@pytest.fixture
def app(county: County) -> Iterator[Any]:
    """The routes over the test county; what reads files and runs models stays out."""
    installation = SimpleNamespace(
        context=county.ctx,
        settings=Settings(demo=True),
        issuer=Issuer(new_keys()),
        recognition=shipped_rules(),
        cds_clients=Clients(),
    )
    yield create_app(installation, with_pages=False)  # type: ignore[arg-type]  # see above


def _client(app: Any, login: str) -> TestClient:
    client = TestClient(app)
    answer = client.post(f"{_API}/session", json={"login": login, "password": PASSWORD})
    client.headers["X-CSRF-Token"] = answer.json()["csrf"]
    return client


def _signed(county: County) -> str:
    county.reader.records[b"film"] = small_film()
    operator, specialist = county.caller("operator").actor, county.caller("specialist").actor
    case_id = county.draft(name="")
    patient = Patient(name="钱某", sex="F", id_number=_NUMBER)
    capture.set_request(county.ctx, operator, case_id, patient, ClinicalRequest())
    county.upload(case_id)
    capture.submit(county.ctx, operator, case_id)
    review.claim(county.ctx, specialist, case_id)
    review.save_draft(county.ctx, specialist, case_id, content())
    county.sign(county.unlocked("specialist"), case_id)
    return case_id


def test_a_doctor_finds_opens_and_refuses_and_the_owner_sees_it(county: County, app: Any) -> None:
    case_id = _signed(county)
    doctor, owner = _client(app, "stranger"), _client(app, "operator")

    lists = doctor.get(f"{_API}/recognition").json()
    (found,) = doctor.post(f"{_API}/recognition/results", json=_GROUNDS).json()["items"]
    opened = doctor.post(f"{_API}/recognition/openings", json=_GROUNDS | {"case_id": case_id})
    page = doctor.get(f"{_API}/recognition/openings/{opened.json()['id']}/result.html")
    refused = doctor.post(
        f"{_API}/cases/{case_id}/recognition", json={"decision": "refused", "reason": "changed"}
    ).json()
    mine = doctor.get(f"{_API}/recognition/acts").json()["items"]
    seen = owner.get(f"{_API}/recognition/acts?view=owner").json()["items"]

    assert lists["may_open"]
    assert {row["id"] for row in lists["documents"]} == {"id_card", "insurance", "household"}
    assert (found["case_id"], found["site_name"], found["is_passed"]) == (
        case_id,
        "东镇卫生院",
        True,
    )
    assert (found["is_own"], found["may_judge"]) == (False, False)
    county_doctor = _client(app, "receiving")
    (above,) = county_doctor.post(f"{_API}/recognition/results", json=_GROUNDS).json()["items"]
    assert (above["is_own"], above["may_judge"]) == (True, True)
    assert opened.status_code == 201
    assert "data:image/png;base64" in page.text
    assert "密钥编号" in page.text
    assert refused["for_patient"].startswith("您的病情")
    assert [row["kind"] for row in mine] == ["refused", "opened"]
    assert {row["patient"] for row in mine} == {"钱某"}
    assert [(row["site_name"], row["actor"]) for row in seen] == [("西镇卫生院", "Stranger")] * 2


def test_what_is_not_allowed_is_refused_in_words(county: County, app: Any) -> None:
    case_id = _signed(county)
    doctor, operator = _client(app, "stranger"), _client(app, "operator")
    decision = f"{_API}/cases/{case_id}/recognition"

    for answer, status, code in (
        (operator.post(f"{_API}/recognition/results", json=_GROUNDS), 403, "access.role"),
        (doctor.get(f"{_API}/cases/{case_id}/result.html"), 404, "case.not_found"),
        (doctor.post(decision, json={"decision": "recognised"}), 404, "case.not_found"),
        (doctor.post(decision, json={"decision": "refused"}), 422, "recognition.unknown_reason"),
        (
            doctor.post(f"{_API}/recognition/results", json=_GROUNDS | {"name": "孙某"}),
            404,
            "recognition.nobody",
        ),
        (
            doctor.get(f"{_API}/recognition/openings/none/result.pdf"),
            404,
            "recognition.not_open",
        ),
    ):
        assert answer.status_code == status
        assert answer.json()["error"]["code"] == code
        assert answer.json()["error"]["message"] != code


def test_public_keys_are_open_to_everybody(app: Any) -> None:
    (key,) = TestClient(app).get(f"{_API}/issuer-keys").json()["keys"]

    assert key["issuer"] == "县医院"
    assert key["algorithm"] == "Ed25519"
    assert len(key["key_id"]) == 16

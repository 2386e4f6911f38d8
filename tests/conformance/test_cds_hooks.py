"""CDS Hooks 2.0 against the examples of its specification, and against its rules for cards.

Examples (token, keys, calls, feedback) are those of HL7 CDS Hooks, CC BY 4.0,
https://cds-hooks.hl7.org/2.0/ .
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi.testclient import TestClient

from qiangji_app.bootstrap import Installation, install
from qiangji_app.cds.clients import Client, Clients, Door, read_clients
from qiangji_app.config import Settings
from qiangji_app.ports import EventQuery
from qiangji_app.storage.passwords import CHEAP
from qiangji_app.web.app import create_app
from qiangji_datasets.errors import InputRejected, NotPermitted

#: Specification, "Example": a token, its key, and what it was made for.
SPEC_TOKEN = (
    "eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCIsImtpZCI6ImV4YW1wbGUta2lkIiwiamt1IjoiaHR0cHM6Ly9maGly"
    "LWVoci5leGFtcGxlLmNvbS9qd2tfdXJpIn0.eyJpc3MiOiJodHRwczovL2ZoaXItZWhyLmV4YW1wbGUuY29tLyIs"
    "ImF1ZCI6Imh0dHBzOi8vY2RzLmV4YW1wbGUub3JnL2Nkcy1zZXJ2aWNlcy9zb21lLXNlcnZpY2UiLCJleHAiOjE0"
    "MjI1Njg4NjAsImlhdCI6MTMxMTI4MDk3MCwianRpIjoiZWUyMmIwMjEtZTFiNy00NjExLWJhNWItOGVlYzZhMzNh"
    "YzFlIiwidGVuYW50IjoiMmRkZDZjM2EtOGU5YS00NGM2LWEzMDUtNTIxMTFhZDMwMmEyIn0.d1WfLjGRKlcWB94l"
    "9do4cM8REXeYJLL6SGUBO8VHZhfM8mwKYP70EMxJ67War4TQblEpaQrp11wx5p7oPFm2ETYgCicS84vXWEIYTdjo"
    "oZdooCSDf2L8-i4awdoUwiEb"
)
SPEC_KEY = {
    "kty": "EC",
    "use": "sig",
    "crv": "P-384",
    "kid": "example-kid",
    "x": "46SDH7Znh821wblCBglA61sNE9ZrHYKKt3qRtRTmSXyOI_FIGBLWrWa0GPUkDCEk",
    "y": "XMcRuuoGW7CXjQdy-F5i3FeBE0x9hPLdeFdSoDd3ELmx404tLX0VRRcqzAsPhXcI",
    "alg": "ES384",
}
SPEC_PATH = "/cds-services/some-service"
SPEC_ENDS = datetime.fromtimestamp(1422568860, UTC)

BASE = "https://cds.example.org"
ISSUER = "https://ehr.example.org/"
VIEW = "/cds-services/qiangji-patient-view"
SIGN = "/cds-services/qiangji-order-sign"
PATIENT = "1288992"
NEVER = {None, ""}


def _spec_door(**changes: Any) -> Door:
    from zoneinfo import ZoneInfo

    from qiangji_app.rules.packs import Audience

    client = Client(
        name="example",
        issuer="https://fhir-ehr.example.com/",
        keys={"example-kid": SPEC_KEY} | changes,
        audience=Audience.VILLAGE,
        jurisdiction=("CN",),
        zone=ZoneInfo("Asia/Shanghai"),
    )
    return Door(Clients(BASE, (client,)))


def test_the_token_of_the_specification_is_accepted_in_its_time_once() -> None:
    door, now = _spec_door(), SPEC_ENDS - timedelta(minutes=1)

    client = door.admit(f"Bearer {SPEC_TOKEN}", [SPEC_PATH], now)

    assert client.name == "example"
    with pytest.raises(NotPermitted, match="cds.token_used"):
        door.admit(f"Bearer {SPEC_TOKEN}", [SPEC_PATH], now)


@pytest.mark.parametrize(
    ("header", "path", "minutes"),
    [
        ("", SPEC_PATH, -1),
        (f"Basic {SPEC_TOKEN}", SPEC_PATH, -1),
        ("Bearer not.a.token", SPEC_PATH, -1),
        (f"Bearer {SPEC_TOKEN[:-4]}AAAA", SPEC_PATH, -1),
        (f"Bearer {SPEC_TOKEN}", "/cds-services/another", -1),
        (f"Bearer {SPEC_TOKEN}", SPEC_PATH, 3),  # over
        (f"Bearer {SPEC_TOKEN}", SPEC_PATH, -62),  # lives too long from here
    ],
)
def test_a_token_for_something_else_or_another_time_is_refused(
    header: str, path: str, minutes: int
) -> None:
    with pytest.raises(NotPermitted, match="cds.token"):
        _spec_door().admit(header, [path], SPEC_ENDS + timedelta(minutes=minutes))


def test_no_unsigned_and_no_symmetric_token_is_taken() -> None:
    now = datetime.now(UTC)
    claims = {
        "iss": "https://fhir-ehr.example.com/",
        "aud": f"{BASE}{SPEC_PATH}",
        "iat": now.timestamp(),
        "exp": (now + timedelta(minutes=5)).timestamp(),
        "jti": "1",
    }
    none = jwt.encode(claims, None, algorithm="none", headers={"kid": "example-kid"})
    secret = {"kty": "oct", "kid": "s", "k": "A" * 86, "alg": "HS512"}
    shared = jwt.encode(claims, "\0" * 64, algorithm="HS512", headers={"kid": "s"})

    for token in (none, shared):
        with pytest.raises(NotPermitted, match="cds.token"):
            _spec_door(s=secret).admit(f"Bearer {token}", [SPEC_PATH], now)


class Ehr:
    """An electronic record that calls the services."""

    client: TestClient
    installation: Installation

    def __init__(self, folder: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP384R1())
        public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self._key.public_key()))
        keys = {"keys": [public | {"kid": "k1", "use": "sig", "alg": "ES384"}]}
        (folder / "ehr.jwks.json").write_text(json.dumps(keys), "utf-8")
        self._number = 0

    def headers(self, path: str, language: str = "zh") -> dict[str, str]:
        """A fresh token for an address."""
        self._number += 1
        now = datetime.now(UTC)
        claims = {
            "iss": ISSUER,
            "aud": f"{BASE}{path}",
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(minutes=5)).timestamp()),
            "jti": str(self._number),
        }
        token = jwt.encode(claims, self._key, algorithm="ES384", headers={"kid": "k1"})
        return {"Authorization": f"Bearer {token}", "Accept-Language": language}

    def call(self, path: str, body: Any, language: str = "zh") -> Any:
        """A call; httpx's answer."""
        return self.client.post(path, json=body, headers=self.headers(path, language))


@pytest.fixture(scope="module")
def ehr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ehr]:
    folder = tmp_path_factory.mktemp("cds")
    file = folder / "clients.toml"
    file.write_text(
        f'base_url = "{BASE}/"\n[[clients]]\nname = "township-emr"\niss = "{ISSUER}"\n'
        'jwks_file = "ehr.jwks.json"\naudience = "village"\n',
        "utf-8",
    )
    made = Ehr(folder)  # the service reads its key
    settings = Settings(
        data_dir=folder / "store", key_dir=folder / "keys", demo=True, cds_clients_file=file
    )
    installation = install(settings, password_cost=CHEAP)
    made.installation = installation
    made.client = TestClient(create_app(installation, with_pages=False))
    yield made
    installation.close()


def _now(ago: timedelta = timedelta()) -> str:
    return (datetime.now(UTC) - ago).isoformat(timespec="seconds")


def _pressure(high: float, low: float, *, ago: timedelta = timedelta(minutes=10)) -> Any:
    def part(code: str, value: float) -> Any:
        unit = {"value": value, "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}
        return {"code": {"coding": [_coding(code)]}, "valueQuantity": unit}

    return {
        "resourceType": "Observation",
        "id": "bp1",
        "status": "final",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "encounter": {"reference": "Encounter/89284"},
        "effectiveDateTime": _now(ago),
        "code": {"coding": [_coding("85354-9")]},
        "component": [part("8480-6", high), part("8462-4", low)],
    }


def _coding(code: str, system: str = "http://loinc.org") -> Any:
    return {"system": system, "code": code}


def _quantity(code: str, value: Any, unit: str, **changes: Any) -> Any:
    return {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "effectiveDateTime": _now(),
        "code": {"coding": [_coding(code)]},
        "valueQuantity": {"value": value, "system": "http://unitsofmeasure.org", "code": unit},
    } | changes


def _condition(code: str, system: str = "http://hl7.org/fhir/sid/icd-10") -> Any:
    return {
        "resourceType": "Condition",
        "id": "c1",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "code": {"coding": [_coding(code, system)]},
    }


def _bundle(*resources: Any, **changes: Any) -> Any:
    entries = [{"resource": one} for one in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries} | changes


def _view(*observations: Any, conditions: Any = (), sex: str = "female", **changes: Any) -> Any:
    """The specification's example call of patient-view, with what our service asks for."""
    return {
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "fhirServer": "http://hooks.smarthealthit.org:9080",
        "hook": "patient-view",
        "fhirAuthorization": {
            "access_token": "some-opaque-fhir-access-token",
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "user/Patient.read user/Observation.read",
            "subject": "cds-service4",
        },
        "context": {
            "userId": "Practitioner/example",
            "patientId": PATIENT,
            "encounterId": "89284",
        },
        "prefetch": {
            "patient": {
                "resourceType": "Patient",
                "gender": sex,
                "birthDate": "1964-12-23",
                "id": PATIENT,
                "active": True,
            },
            "observations": _bundle(*observations),
            "conditions": _bundle(*conditions),
        },
    } | changes


def _order(*atc: str, conditions: Any = (), born: str = "1964-12-23") -> Any:
    body = _view(conditions=conditions, hook="order-sign")
    body["prefetch"]["patient"]["birthDate"] = born
    drafts = [
        {
            "resourceType": "MedicationRequest",
            "id": f"draft{number}",
            "status": "draft",
            "intent": "order",
            "subject": {"reference": f"Patient/{PATIENT}"},
            "medicationCodeableConcept": {
                "coding": [_coding(code, "http://www.whocc.no/atc")] if code else [],
                "text": "medicine",
            },
        }
        for number, code in enumerate(atc)
    ]
    body["context"]["draftOrders"] = _bundle(*drafts, type="collection")
    return body


def _check_card(card: Any) -> None:
    """CDS Hooks 2.0, card attributes."""
    assert 0 < len(card["summary"]) < 140
    assert card["indicator"] in {"info", "warning", "critical"}
    assert card["source"]["label"]
    assert {"system", "code", "display"} == card["source"]["topic"].keys()
    assert card["source"].get("url", "https://").startswith(("https://", "http://"))
    assert card["uuid"]
    assert ("suggestions" in card) == ("selectionBehavior" in card)
    assert card.get("selectionBehavior", "any") in {"any", "at-most-one"}
    for suggestion in card.get("suggestions", ()):
        assert suggestion["label"]
        assert suggestion["uuid"]
        for action in suggestion["actions"]:
            assert action["type"] == "create"
            assert action["description"]
            assert action["resource"]["resourceType"]
    for reason in card.get("overrideReasons", ()):
        assert {"code", "system", "display"} == reason.keys()
    _check_no_empty(card)


def _check_no_empty(value: Any) -> None:
    """Use of JSON: nothing is null or empty."""
    assert value not in ([], {})
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            _check_no_empty(item)
    elif not isinstance(value, bool):
        assert value not in NEVER


def test_discovery_lists_patient_view_first_and_needs_no_token(ehr: Ehr) -> None:
    found = ehr.client.get("/cds-services").json()["services"]

    assert [service["hook"] for service in found] == ["patient-view", "order-sign"]
    for service in found:
        assert service["id"]
        assert service["title"]
        assert service["description"]
        assert service["prefetch"]["patient"] == "Patient/{{context.patientId}}"
    _check_no_empty(found)
    english = ehr.client.get("/cds-services", headers={"Accept-Language": "en"}).json()
    assert "doctor decides" in english["services"][0]["description"]


def test_a_dangerous_pressure_gives_a_critical_card_with_source_and_suggestions(ehr: Ehr) -> None:
    answer = ehr.call(VIEW, _view(_pressure(186, 112)))

    assert answer.status_code == 200
    cards = answer.json()["cards"]
    for card in cards:
        _check_card(card)
    assert cards[0]["indicator"] == "critical"
    assert cards[0]["source"]["topic"]["code"] == "hypertension.emergency"
    assert "辅助建议,由医师决定" in cards[0]["detail"]
    assert "186" in cards[0]["detail"]
    assert cards[0]["source"]["label"]
    resources = [
        action["resource"]
        for suggestion in cards[0]["suggestions"]
        for action in suggestion["actions"]
    ]
    assert {one["subject"]["reference"] for one in resources} == {f"Patient/{PATIENT}"}
    events = _events(ehr, "decision.advised")
    assert cards[0]["uuid"] in {event["card"] for event in events}
    assert all(len(str(event["inputs_sha256"])) == 64 for event in events)


def test_cards_are_in_english_for_who_asks(ehr: Ehr) -> None:
    cards = ehr.call(VIEW, _view(_pressure(186, 112)), "en-GB").json()["cards"]

    assert "Advice only; the doctor decides" in cards[0]["detail"]
    for card in cards:
        _check_card(card)


def test_a_stale_pressure_raises_no_alarm_and_is_asked_for_again(ehr: Ehr) -> None:
    cards = ehr.call(VIEW, _view(_pressure(186, 112, ago=timedelta(days=40)))).json()["cards"]

    assert [card["indicator"] for card in cards] == ["info"]
    assert "已过期" in cards[0]["detail"]
    _check_card(cards[0])


@pytest.mark.parametrize(
    ("observation", "told"),
    [
        (_quantity("8480-6", 186, "mm[Hg]", status="preliminary"), "不是最终结果"),
        (_quantity("8480-6", 186, "mm[Hg]", effectiveDateTime=None), "没有时间"),
        (_quantity("8480-6", 186, "mm[Hg]", effectiveDateTime="2026"), "没有时间"),
        (_quantity("8480-6", 186, "mm[Hg]", effectiveDateTime="2026-03-02T08:00:00"), "没有时间"),
        (_quantity("8480-6", 186, "mm[Hg]", effectiveDateTime="2999-03-02"), "将来"),
        (_quantity("8480-6", "186", "mm[Hg]"), "没有数值"),
        (_quantity("8480-6", 186, ""), "没有 UCUM 单位"),
        (_quantity("8480-6", 186, "mmHg"), "单位"),
        (_quantity("8480-6", 4000, "mm[Hg]"), "收缩压"),
        (
            _quantity("8480-6", 1, "", valueQuantity={"value": 180, "comparator": ">"}),
            "大于或小于",
        ),
    ],
)
def test_what_cannot_be_used_is_left_out_and_said(ehr: Ehr, observation: Any, told: str) -> None:
    cards = ehr.call(VIEW, _view(observation)).json()["cards"]

    assert told in cards[-1]["detail"]
    assert [card["indicator"] for card in cards] == ["info"]


def test_a_period_and_a_day_date_a_value_too(ehr: Ehr) -> None:
    today = datetime.now(UTC).date().isoformat()
    period = _quantity("8867-4", 72, "/min", effectivePeriod={"end": _now()})
    del period["effectiveDateTime"]

    cards = ehr.call(VIEW, _view(period, _quantity("8302-2", 160, "cm", effectiveDateTime=today)))

    assert "没有时间" not in cards.text


def test_data_that_were_not_sent_or_failed_or_are_cut_are_said(ehr: Ehr) -> None:
    body = _view()
    failed = {"resourceType": "OperationOutcome", "issue": []}
    next_page = [{"relation": "next", "url": "https://ehr.example.org/fhir?page=2"}]
    for key, value, told in (
        ("observations", None, "没有送来"),
        ("observations", failed, "取数失败"),
        ("conditions", _bundle(link=next_page), "只送来第一页"),
    ):
        sent = body | {"prefetch": body["prefetch"] | {key: value}}
        cards = ehr.call(VIEW, sent).json()["cards"]
        assert told in cards[-1]["detail"]


def test_no_guidance_is_an_empty_list_of_cards(ehr: Ehr) -> None:
    assert ehr.call(VIEW, _view()).json() == {"cards": []}
    assert ehr.call(SIGN, _order("N02BE01")).json() == {"cards": []}


def test_without_a_patient_the_precondition_fails(ehr: Ehr) -> None:
    for prefetch in ({}, {"patient": None}, {"patient": {"resourceType": "Group"}}):
        answer = ehr.call(VIEW, _view(prefetch=prefetch))

        assert answer.status_code == 412
        assert answer.json()["resourceType"] == "OperationOutcome"
        assert answer.json()["issue"][0]["details"]["text"]


def test_data_about_another_patient_refuse_the_whole_call(ehr: Ehr) -> None:
    strange = _quantity("8480-6", 120, "mm[Hg]", subject={"reference": "Patient/7"})
    body = _view()
    body["prefetch"]["patient"]["id"] = "7"

    for sent in (_view(strange), _view(_quantity("8480-6", 1, "", subject=None)), body):
        answer = ehr.call(VIEW, sent)
        assert answer.status_code == 422
        assert "另一位患者" in answer.text


def test_what_is_no_fhir_is_refused(ehr: Ehr) -> None:
    for wrong in ("text", _bundle() | {"entry": "none"}, _bundle(*[{}] * 2001)):
        body = _view()
        body["prefetch"]["observations"] = wrong
        assert ehr.call(VIEW, body).status_code == 422


def test_a_condition_and_a_laboratory_value_become_facts_through_their_codes(ehr: Ehr) -> None:
    low = _quantity("14743-9", 2.9, "mmol/L")

    cards = ehr.call(VIEW, _view(low, conditions=[_condition("E11.900")])).json()["cards"]

    assert "critical" in {card["indicator"] for card in cards}
    inactive = _condition("E11.9") | {"clinicalStatus": {"coding": [{"code": "resolved"}]}}
    assert ehr.call(VIEW, _view(conditions=[inactive])).json() == {"cards": []}


def test_a_medicine_is_checked_before_it_is_signed(ehr: Ehr) -> None:
    pregnant = _condition("77386006", "http://snomed.info/sct")

    cards = ehr.call(SIGN, _order("C09AA03", conditions=[pregnant], born="1996-03-02")).json()

    topics = [card["source"]["topic"]["code"] for card in cards["cards"]]
    assert "drug.caution" in topics
    for card in cards["cards"]:
        _check_card(card)
    uncoded = ehr.call(SIGN, _order("")).json()["cards"]
    assert "没有 ATC 编码" in uncoded[0]["detail"]


def test_a_call_that_is_not_let_in_gets_an_outcome_and_no_card(ehr: Ehr) -> None:
    bare = ehr.client.post(VIEW, json=_view())
    other = ehr.client.post(VIEW, json=_view(), headers=ehr.headers(SIGN))

    for answer in (bare, other):
        assert answer.status_code == 401
        assert answer.json()["issue"][0]["code"] == "security"
    nowhere = "/cds-services/none"
    assert ehr.call(nowhere, _view()).status_code == 404
    assert ehr.call(VIEW, _view(hook="order-sign")).status_code == 422
    assert ehr.call(VIEW, {"hook": "patient-view"}).status_code == 422


def _events(ehr: Ehr, kind: str) -> list[dict[str, object]]:
    with ehr.installation.context.store.read() as unit:
        return [dict(event.payload) for event in unit.events.find(EventQuery(type=kind))]


#: The three examples of the specification.
SPEC_FEEDBACK = [
    {
        "card": "4e0a3a1e-3283-4575-ab82-028d55fe2719",
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": "e56e1945-20b3-4393-8503-a1a20fd73152"}],
        "outcomeTimestamp": "2021-12-11T10:05:31Z",
    },
    {
        "card": "f6b95768-b1c8-40dc-8385-bf3504b82ffb",
        "outcome": "overridden",
        "outcomeTimestamp": "2020-12-11T00:00:00Z",
    },
    {
        "card": "9368d37b-283f-44a0-93ea-547cebab93ed",
        "outcome": "overridden",
        "overrideReason": {
            "reason": {
                "code": "d7ecf885",
                "system": "https://example.com/cds-hooks/override-reason-system",
            },
            "userComment": "A comment entered by the clinician.",
        },
        "outcomeTimestamp": "2020-12-11T00:00:00Z",
    },
]


def test_the_feedback_of_the_specification_is_taken_and_its_comment_not_kept(ehr: Ehr) -> None:
    for number, path in enumerate((VIEW, f"{VIEW}/feedback")):
        answer = ehr.client.post(
            f"{VIEW}/feedback", json={"feedback": SPEC_FEEDBACK}, headers=ehr.headers(path)
        )
        assert answer.status_code == 200, number

    told = _events(ehr, "decision.feedback")[-3:]
    assert {(row["outcome"], row["reason"], row["has_comment"]) for row in told} == {
        ("accepted", "", False),
        ("overridden", "", False),
        ("overridden", "d7ecf885", True),
    }
    assert "comment entered" not in json.dumps(told)
    wrong = {"feedback": [SPEC_FEEDBACK[1] | {"outcome": "ignored"}]}
    assert ehr.call(f"{VIEW}/feedback", wrong).status_code == 422


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        'base_url = "cds"\nclients = []\n',
        'base_url = "https://c"\n[[clients]]\nname = ""\niss = "i"\njwks_file = "k.json"\n'
        'audience = "village"\n',
        'base_url = "https://c"\n[[clients]]\nname = "n"\niss = "i"\njwks_file = "k.json"\n'
        'audience = "moon"\n',
        'base_url = "https://c"\n[[clients]]\nname = "n"\niss = "i"\njwks_file = "k.json"\n'
        'audience = "village"\ntime_zone = "Mars"\n',
        'base_url = "https://c"\n[[clients]]\nname = "n"\niss = "i"\njwks_file = "none.json"\n'
        'audience = "village"\n',
    ],
)
def test_a_list_of_clients_that_says_something_else_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "k.json").write_text('{"keys": []}', "utf-8")
    file = tmp_path / "clients.toml"
    file.write_text(text, "utf-8")

    with pytest.raises(InputRejected, match="cds.clients"):
        read_clients(file)
    assert read_clients(None) == Clients()

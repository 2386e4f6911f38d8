"""What the API answers: refusals in words, caching, marks in the chain of reads."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.county import PASSWORD
from support.page_server import populate
from support.recordings import ecg_file

from qiangji_app.bootstrap import Installation, install
from qiangji_app.config import Settings
from qiangji_app.services import recordings
from qiangji_app.storage.passwords import CHEAP
from qiangji_app.web.app import create_app

_API = "/api/v1"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("answers")
    settings = Settings(data_dir=folder / "store", key_dir=folder / "keys", demo=True)
    made = install(settings, password_cost=CHEAP)
    populate(made)
    yield made
    made.close()


def _signed_in(installation: Installation, login: str) -> TestClient:
    client = TestClient(create_app(installation, with_pages=False))
    answer = client.post(f"{_API}/session", json={"login": login, "password": PASSWORD})
    client.headers["X-CSRF-Token"] = answer.json()["csrf"]
    return client


@pytest.fixture
def operator(installation: Installation) -> TestClient:
    return _signed_in(installation, "operator")


@pytest.fixture(scope="module")
def ecg(installation: Installation) -> dict[str, Any]:
    """A triaged ECG on a submitted case; keys ``case_id`` and ``recording_id``."""
    client = _signed_in(installation, "operator")
    case_id, data = str(uuid.uuid4()), ecg_file(1)
    client.post(f"{_API}/cases", json={"case_id": case_id, "modality": "ecg"})
    form = {"patient": {"name": "赵某", "sex": "F", "age_years": 60}}
    client.put(f"{_API}/cases/{case_id}/request", json=form)
    upload_id = str(uuid.uuid4())
    announced = {
        "upload_id": upload_id,
        "case_id": case_id,
        "file_name": "a.dcm",
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    client.post(f"{_API}/uploads", json=announced)
    offset, stored = 0, {"recording_id": ""}
    while offset < len(data):
        chunk = data[offset : offset + 2**20]
        headers = {"Upload-Offset": str(offset)}
        url = f"{_API}/uploads/{upload_id}"
        stored = client.patch(url, content=chunk, headers=headers).json()
        offset += len(chunk)
    recordings.triage_recording(installation.context, stored["recording_id"])
    reasons = {"override_reason": "仍要上传", "identity_reason": "已核对", "date_reason": "旧检查"}
    submitted = client.post(f"{_API}/cases/{case_id}/submit", json=reasons)
    assert submitted.status_code == 200, submitted.text
    return {"case_id": case_id, "recording_id": stored["recording_id"]}


def _refused(answer: Any, status: int, code: str) -> None:  # Any: httpx's own or its copy
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["code"] == code
    assert error["message"] != code


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "Asia", "a b"])
def test_a_site_in_no_time_zone_is_refused_in_words(installation: Installation, zone: str) -> None:
    client = _signed_in(installation, "system")
    site = {"id": "south", "name": "南镇", "kind": "township", "parent_id": "county"}

    _refused(client.post(f"{_API}/sites", json=site | {"time_zone": zone}), 422, "site.time_zone")


def test_a_site_in_a_known_time_zone_is_added(installation: Installation) -> None:
    client = _signed_in(installation, "system")
    site = {"id": "uru", "name": "西站", "kind": "township", "parent_id": "county"}

    assert client.post(f"{_API}/sites", json=site | {"time_zone": "Asia/Urumqi"}).status_code == 201


@pytest.mark.parametrize("label", ["", "two words", "标签", "no_such_label", "mi.extent"])
def test_a_map_of_an_unknown_label_is_refused_in_words(
    operator: TestClient, ecg: dict[str, Any], label: str
) -> None:
    url = f"{_API}/images/{ecg['recording_id']}/map"

    _refused(operator.get(url, params={"label": label}), 422, "label.unknown")


def test_a_csrf_token_that_is_not_ascii_is_refused_in_words(operator: TestClient) -> None:
    headers = {"X-CSRF-Token": "é".encode()}

    answer = operator.post(f"{_API}/cases", json={"case_id": str(uuid.uuid4())}, headers=headers)

    _refused(answer, 403, "session.csrf")


_PARTS = ("ecg", "samples", "thumb.png")


@pytest.mark.parametrize("part", _PARTS)
def test_pictures_and_samples_are_not_kept_by_the_browser(
    operator: TestClient, ecg: dict[str, Any], part: str
) -> None:
    answer = operator.get(f"{_API}/images/{ecg['recording_id']}/{part}")

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"


def _reads(installation: Installation, case_id: str) -> list[tuple[str, dict[str, Any]]]:
    with installation.store.read() as unit:
        return [(row.type, dict(row.payload)) for row in unit.reads.of_case(case_id)]


def test_opening_a_recording_is_one_read_however_many_parts_the_viewer_asks_for(
    installation: Installation, ecg: dict[str, Any]
) -> None:
    client = _signed_in(installation, "township")
    before = len(_reads(installation, ecg["case_id"]))

    for part in (*_PARTS, *_PARTS):
        client.get(f"{_API}/images/{ecg['recording_id']}/{part}")
    client.get(f"{_API}/images/{ecg['recording_id']}/film")

    assert _reads(installation, ecg["case_id"])[before:] == [
        ("recording.read", {"recording": ecg["recording_id"]})
    ]


def test_looking_at_possible_duplicates_is_a_read(
    installation: Installation, operator: TestClient, ecg: dict[str, Any]
) -> None:
    answer = operator.get(f"{_API}/cases/{ecg['case_id']}/warnings")

    assert answer.status_code == 200
    assert _reads(installation, ecg["case_id"])[-1] == ("case.warnings_read", {})


def test_machine_values_reach_only_those_who_may_see_hints(
    installation: Installation, operator: TestClient, ecg: dict[str, Any]
) -> None:
    client = _signed_in(installation, "manager")
    url = f"{_API}/recordings/{ecg['recording_id']}"

    near, far = operator.get(url).json(), client.get(url).json()

    assert near["measurements"] != {}
    assert far["measurements"] == {}
    image = f"{_API}/images/{ecg['recording_id']}/ecg"
    assert operator.get(image).json()["r_peaks_s"] != []
    assert client.get(image).json()["measurements"] == {}
    assert client.get(image).json()["r_peaks_s"] == []


def test_a_cookie_that_could_travel_in_the_clear_is_warned_of_once(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    client = TestClient(create_app(installation, with_pages=False))
    body = {"login": "operator", "password": PASSWORD}

    for _ in range(2):
        client.post(f"{_API}/session", json=body, headers={"X-Forwarded-Proto": "https"})

    assert [row.message for row in caplog.records].count(
        "a proxy speaks https: set QIANGJI_SECURE_COOKIE=true"
    ) == 1


def test_a_name_is_looked_for_in_the_body_and_never_in_an_address(
    operator: TestClient, ecg: dict[str, Any]
) -> None:
    found = operator.post(f"{_API}/cases/search", json={"view": "mine", "q": "赵某"})
    nobody = operator.post(f"{_API}/cases/search", json={"view": "mine", "q": "钱某"})

    assert [row["id"] for row in found.json()["items"]] == [ecg["case_id"]]
    assert found.json()["truncated"] is False
    assert nobody.json()["items"] == []
    _refused(operator.get(f"{_API}/cases", params={"view": "mine", "q": "x"}), 422, "http.invalid")


def test_alarms_that_a_page_knows_already_are_not_sent_again(
    installation: Installation, operator: TestClient
) -> None:
    first = operator.get(f"{_API}/alerts")
    mark = {"If-None-Match": first.headers["ETag"]}
    again = operator.get(f"{_API}/alerts", headers=mark)
    operator.post(f"{_API}/cases", json={"case_id": str(uuid.uuid4()), "modality": "ecg"})
    changed = operator.get(f"{_API}/alerts", headers=mark)

    assert first.json() == {"items": [], "unread_results": 0}
    assert (again.status_code, again.content, changed.status_code) == (304, b"", 200)
    assert _signed_in(installation, "township").get(f"{_API}/alerts", headers=mark).is_success


def test_a_database_that_does_not_answer_is_named_in_words(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "store", key_dir=tmp_path / "keys", demo=True)
    made = install(settings, password_cost=CHEAP)
    populate(made)
    client = _signed_in(made, "operator")
    with made.store.engines.write.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE session RENAME TO elsewhere")

    answer = client.get(f"{_API}/session")

    _refused(answer, 507, "storage.database")
    made.close()


def test_a_list_that_a_page_knows_already_is_not_sent_again(operator: TestClient) -> None:
    path = f"{_API}/cases?view=mine"
    first = operator.get(path)
    mark = {"If-None-Match": first.headers["ETag"]}
    operator.post(f"{_API}/cases", json={"case_id": str(uuid.uuid4()), "modality": "ecg"})
    changed = operator.get(path, headers=mark)

    assert (changed.status_code, changed.json()["total"]) == (200, first.json()["total"] + 1)
    assert changed.headers["ETag"] != first.headers["ETag"]

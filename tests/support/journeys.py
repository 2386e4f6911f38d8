"""What people do with a case over the API, step by step."""

from __future__ import annotations

import httpx

from support.server_process import PASSWORD, Json, case_view, eventually

_PATIENT = {"name": "王小明", "kind": "known", "sex": "M", "age_years": 50}
_REPORT = {"template_id": "ecg_standard", "impression": "窦性心律", "advice": "随诊"}


def _done(answer: httpx.Response) -> Json:
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


def submit(client: httpx.Client, case_id: str, patient: Json | None = None) -> Json:
    """Fill in the request form and submit, with a reason wherever one is asked for."""
    form = {"patient": patient or _PATIENT, "clinical": {"requested": "routine"}}
    _done(client.put(f"/api/v1/cases/{case_id}/request", json=form))
    reasons = {
        "override_reason": "急需会诊",
        "identity_reason": "已当面核对",
        "date_reason": "旧检查",
    }

    def sent() -> httpx.Response | None:
        """The answer, once the files were read again with the form's age and sex."""
        answer = client.post(f"/api/v1/cases/{case_id}/submit", json=reasons)
        is_reading = answer.status_code == 409 and "recording.still_reading" in answer.text
        return None if is_reading else answer

    return _done(eventually(sent, what="answer to the submission"))


def read_and_sign(client: httpx.Client, case_id: str, report: Json | None = None) -> Json:
    """Claim, answer every AI hint, write, sign."""
    _done(client.post(f"/api/v1/cases/{case_id}/claim"))
    for finding in case_view(client, case_id)["findings"]:
        if finding["flag"] != "none":
            path = f"/api/v1/cases/{case_id}/findings/{finding['id']}"
            _done(client.put(path, json={"verdict": "rejected"}))
    draft = client.put(f"/api/v1/cases/{case_id}/draft", json=report or _REPORT)
    assert draft.status_code == 200, draft.text
    signature = {"password": PASSWORD, "draft_sha256": draft.json()["sha256"]}
    return _done(client.post(f"/api/v1/cases/{case_id}/sign", json=signature))

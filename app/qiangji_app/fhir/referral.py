"""A referral as FHIR R4: a ServiceRequest with its Task for the way up, a pair for the way down.

What was asked is the ServiceRequest; how far it got is its Task. Our state is kept whole in
``Task.businessStatus``, so the pair tells it again. Patients are referred to by id: no name or
number is in a resource.

References
----------
HL7 FHIR R4 (4.0.1), ServiceRequest and Task; https://hl7.org/fhir/R4/servicerequest.html,
https://hl7.org/fhir/R4/task.html. Mapping in words: ``docs/fhir-referral.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from qiangji_app.domain.referral import (
    AttachmentKind,
    Direction,
    DownPlan,
    Referral,
    ReferralUrgency,
)
from qiangji_app.domain.referral_workflow import ReferralAction, ReferralState

Json = dict[str, Any]  # a FHIR resource; its shape is tested against R4

#: Code systems of our own, urn:qiangji:… until they have a published address.
STATE_SYSTEM: Final = "urn:qiangji:referral-state"
REASON_SYSTEM: Final = "urn:qiangji:referral-reason"
DEPARTMENT_SYSTEM: Final = "urn:qiangji:department"
TRANSPORT_SYSTEM: Final = "urn:qiangji:transport"
ANSWER_SYSTEM: Final = "urn:qiangji:referral-answer"
IDENTIFIER_SYSTEM: Final = "urn:qiangji:referral"
GREEN_CHANNEL: Final = "urn:qiangji:green-channel"
DIRECTION_SYSTEM: Final = "urn:qiangji:referral-direction"

_S = ReferralState
#: State of the way up: Task.status, ServiceRequest.status.
UP_STATUS: Final[Mapping[ReferralState, tuple[str, str]]] = {
    _S.DRAFT: ("draft", "draft"),
    _S.REQUESTED: ("requested", "active"),
    _S.REDIRECTED: ("requested", "active"),
    _S.ACCEPTED: ("accepted", "active"),
    _S.DECLINED: ("rejected", "active"),
    _S.ARRIVED: ("in-progress", "active"),
    _S.IN_CARE: ("in-progress", "active"),
    _S.REFERRED_DOWN: ("completed", "completed"),
    _S.CLOSED: ("completed", "completed"),
    _S.CANCELLED: ("cancelled", "revoked"),
}
#: The same for the way down; absent: there is no way down yet.
DOWN_STATUS: Final[Mapping[ReferralState, tuple[str, str]]] = {
    _S.REFERRED_DOWN: ("requested", "active"),
    _S.CLOSED: ("completed", "completed"),
}
PRIORITY: Final[Mapping[ReferralUrgency, str]] = {
    ReferralUrgency.EMERGENCY: "stat",
    ReferralUrgency.URGENT: "asap",
    ReferralUrgency.SOON: "urgent",
    ReferralUrgency.ROUTINE: "routine",
}
_NEVER_ARRIVED: Final = ("rejected", "revoked")


def to_fhir(referral: Referral) -> list[Json]:
    """ServiceRequest and Task of the way up, and those of the way down once there is a plan."""
    found: list[Json] = []
    if referral.direction is Direction.UP:
        found += [_up_request(referral), _up_task(referral)]
    if referral.plan is not None and referral.state in DOWN_STATUS:
        found += [_down_request(referral, referral.plan), _down_task(referral)]
    return found


def from_fhir(resources: list[Json]) -> ReferralState:
    """The state that a list of resources tells: that of the newest Task."""
    tasks = [one for one in resources if one["resourceType"] == "Task"]
    code: str = tasks[-1]["businessStatus"]["coding"][0]["code"]
    return ReferralState(code)


def _up_status(referral: Referral) -> tuple[str, str]:
    """A request that ended without the patient's arrival was not fulfilled."""
    if referral.state is _S.CLOSED and referral.arrived_at is None:
        return _NEVER_ARRIVED
    return UP_STATUS[referral.state]


def _up_request(referral: Referral) -> Json:
    content = referral.content
    request: Json = _common(referral, "ServiceRequest", referral.id) | {
        "status": _up_status(referral)[1],
        "intent": "order",
        "code": _concept(DIRECTION_SYSTEM, Direction.UP.value),
        "priority": PRIORITY[content.urgency],
        "subject": _reference("Patient", referral.person_id),
        "requester": _reference("Organization", referral.from_site_id),
        "performer": [_reference("Organization", referral.target_site_id)],
        "authoredOn": _instant(referral.requested_at or referral.created_at),
        "reasonCode": [_concept(REASON_SYSTEM, one) for one in content.reasons],
        "supportingInfo": [_reference(_ATTACHED[one.kind], one.id) for one in referral.attachments],
        "note": _notes(
            content.impression, content.present_history, content.past_history, content.treatment
        ),
        "extension": [{"url": GREEN_CHANNEL, "valueBoolean": content.is_green_channel}],
    }
    if content.department:
        request["performerType"] = _concept(DEPARTMENT_SYSTEM, content.department)
    if content.transport:
        request["orderDetail"] = [_concept(TRANSPORT_SYSTEM, content.transport)]
    return _filled(request)


def _up_task(referral: Referral) -> Json:
    return _task(
        referral,
        referral.id,
        status=_up_status(referral)[0],
        owner=referral.target_site_id,
        requester=referral.from_site_id,
    )


def _down_request(referral: Referral, plan: DownPlan) -> Json:
    medicines = [
        " ".join(part for part in (one.name, one.dose, one.frequency, one.until) if part)
        for one in plan.medicines
    ]
    days = [f"{one.on.isoformat()} {one.what}".strip() for one in plan.follow_ups]
    request = _common(referral, "ServiceRequest", _down_id(referral)) | {
        "status": DOWN_STATUS[referral.state][1],
        "intent": "order",
        "code": _concept(DIRECTION_SYSTEM, Direction.DOWN.value),
        "priority": "routine",
        "subject": _reference("Patient", referral.person_id),
        "requester": _reference("Organization", referral.target_site_id),
        "performer": [_reference("Organization", referral.home_site_id)],
        "authoredOn": _instant(referral.down_at or referral.created_at),
        "occurrenceTiming": {"event": [one.on.isoformat() for one in plan.follow_ups]},
        "note": _notes(
            plan.diagnosis, plan.results, plan.next_steps, plan.refer_again_if, *medicines, *days
        ),
    }
    if referral.direction is Direction.UP:
        request["basedOn"] = [_reference("ServiceRequest", referral.id)]
    return _filled(request)


def _down_task(referral: Referral) -> Json:
    return _task(
        referral,
        _down_id(referral),
        status=DOWN_STATUS[referral.state][0],
        owner=referral.home_site_id,
        requester=referral.target_site_id,
    )


def _task(referral: Referral, request_id: str, *, status: str, owner: str, requester: str) -> Json:
    changed = referral.steps[-1].at if referral.steps else referral.created_at
    task = _common(referral, "Task", request_id) | {
        "status": status,
        "businessStatus": _concept(STATE_SYSTEM, referral.state.value),
        "intent": "order",
        "code": _concept("http://hl7.org/fhir/CodeSystem/task-code", "fulfill"),
        "priority": PRIORITY[referral.content.urgency],
        "focus": _reference("ServiceRequest", request_id),
        "for": _reference("Patient", referral.person_id),
        "authoredOn": _instant(referral.created_at),
        "lastModified": _instant(changed),
        "requester": _reference("Organization", requester),
        "owner": _reference("Organization", owner),
    }
    coded = referral.last(
        ReferralAction.DECLINE,
        ReferralAction.REDIRECT,
        ReferralAction.CANCEL,
        ReferralAction.CLOSE,
    )
    if coded is not None:
        reason = _concept(ANSWER_SYSTEM, f"{coded.action.value}.{coded.code}")
        task["statusReason"] = reason | ({"text": coded.text} if coded.text else {})
    return task


_ATTACHED: Final = {AttachmentKind.CASE: "DiagnosticReport", AttachmentKind.VISIT: "Encounter"}


def _common(referral: Referral, kind: str, resource_id: str) -> Json:
    return {
        "resourceType": kind,
        "id": resource_id,
        "identifier": [{"system": IDENTIFIER_SYSTEM, "value": referral.id}],
    }


def _down_id(referral: Referral) -> str:
    """Ids of FHIR have 64 characters at most; a UUID leaves room."""
    return f"{referral.id}-down"


def _concept(system: str, code: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}


def _reference(kind: str, resource_id: str) -> Json:
    return {"reference": f"{kind}/{resource_id}"}


def _instant(moment: datetime) -> str:
    return moment.isoformat()


def _notes(*texts: str) -> list[Json]:
    return [{"text": text} for text in texts if text]


def _filled(resource: Json) -> Json:
    """Without empty lists, which FHIR forbids."""
    return {key: value for key, value in resource.items() if value != []}

"""Referrals as FHIR R4: required elements, required codes, and our state told back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from qiangji_app.domain.referral import (
    Attachment,
    AttachmentKind,
    Direction,
    DownPlan,
    Medicine,
    PlannedFollowUp,
    Referral,
    ReferralUrgency,
    Step,
    UpContent,
)
from qiangji_app.domain.referral_workflow import ReferralAction, ReferralState
from qiangji_app.fhir.referral import DOWN_STATUS, PRIORITY, UP_STATUS, Json, from_fhir, to_fhir

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
DOCS = Path(__file__).parents[3] / "docs"

# FHIR R4 (4.0.1): elements and required value sets as published at
# hl7.org/fhir/R4/servicerequest.html, task.html, valueset-request-status.html,
# valueset-request-intent.html, valueset-request-priority.html, valueset-task-status.html.
RESOURCE = {"resourceType", "id", "extension"}
ELEMENTS = {
    "ServiceRequest": RESOURCE
    | {
        "identifier",
        "instantiatesCanonical",
        "instantiatesUri",
        "basedOn",
        "replaces",
        "requisition",
        "status",
        "intent",
        "category",
        "priority",
        "doNotPerform",
        "code",
        "orderDetail",
        "subject",
        "encounter",
        "occurrenceTiming",
        "authoredOn",
        "requester",
        "performerType",
        "performer",
        "locationCode",
        "locationReference",
        "reasonCode",
        "reasonReference",
        "insurance",
        "supportingInfo",
        "specimen",
        "bodySite",
        "note",
        "patientInstruction",
        "relevantHistory",
    },
    "Task": RESOURCE
    | {
        "identifier",
        "instantiatesCanonical",
        "instantiatesUri",
        "basedOn",
        "groupIdentifier",
        "partOf",
        "status",
        "statusReason",
        "businessStatus",
        "intent",
        "priority",
        "description",
        "code",
        "focus",
        "for",
        "encounter",
        "executionPeriod",
        "authoredOn",
        "lastModified",
        "requester",
        "performerType",
        "owner",
        "location",
        "reasonCode",
        "reasonReference",
        "insurance",
        "note",
        "relevantHistory",
        "restriction",
        "input",
        "output",
    },
}
REQUIRED = {
    "ServiceRequest": {"status", "intent", "subject"},
    "Task": {"status", "intent"},
}
REPEATING = {
    "identifier", "basedOn", "orderDetail", "performer", "reasonCode", "supportingInfo", "note",
    "extension",
}  # fmt: skip
REQUEST_INTENT = [
    "proposal",
    "plan",
    "directive",
    "order",
    "original-order",
    "reflex-order",
    "filler-order",
    "instance-order",
    "option",
]
CODES = {
    ("ServiceRequest", "status"): [
        "draft",
        "active",
        "on-hold",
        "revoked",
        "completed",
        "entered-in-error",
        "unknown",
    ],
    ("ServiceRequest", "intent"): REQUEST_INTENT,
    ("ServiceRequest", "priority"): ["routine", "urgent", "asap", "stat"],
    ("Task", "status"): [
        "draft",
        "requested",
        "received",
        "accepted",
        "rejected",
        "ready",
        "cancelled",
        "in-progress",
        "on-hold",
        "failed",
        "completed",
        "entered-in-error",
    ],
    ("Task", "intent"): ["unknown", *REQUEST_INTENT],
    ("Task", "priority"): ["routine", "urgent", "asap", "stat"],
}
PLAN = DownPlan(
    diagnosis="高血压 3 级",
    next_steps="低盐饮食",
    medicines=(Medicine("氨氯地平", "5 mg"),),
    follow_ups=(PlannedFollowUp(date(2026, 3, 16), "测血压"),),
)


def referral(state: ReferralState, **changes: object) -> Referral:
    has_come = state in (
        ReferralState.ARRIVED,
        ReferralState.IN_CARE,
        ReferralState.REFERRED_DOWN,
        ReferralState.CLOSED,
    )
    fields: dict[str, object] = {
        "id": "019ca000-0000-7000-8000-000000000001",
        "direction": Direction.UP,
        "state": state,
        "from_site_id": "east",
        "target_site_id": "county",
        "home_site_id": "east",
        "person_id": "p1",
        "created_at": NOW,
        "created_by": "u1",
        "content": UpContent(
            reasons=("hypertension.acute",),
            urgency=ReferralUrgency.EMERGENCY,
            department="emergency",
            transport="ambulance",
            is_green_channel=True,
            present_history="头痛",
        ),
        "attachments": (
            Attachment(AttachmentKind.CASE, "c1", 1),
            Attachment(AttachmentKind.VISIT, "v1"),
        ),
        "requested_at": None if state is ReferralState.DRAFT else NOW,
        "arrived_at": NOW if has_come else None,
        "down_at": NOW if state in DOWN_STATUS else None,
        "plan": PLAN if state in DOWN_STATUS else None,
    }
    return Referral(**(fields | changes))


def check(resource: Json) -> None:
    """What R4 demands of a resource's elements and codes."""
    kind = resource["resourceType"]
    assert set(resource) <= ELEMENTS[kind]
    assert set(resource) >= REQUIRED[kind]
    assert len(resource["id"]) <= 64
    for (owner, name), known in CODES.items():
        if owner == kind and name in resource:
            assert resource[name] in known
    for name, value in resource.items():
        assert value not in ([], {}, "", None), name
        assert isinstance(value, list) is (name in REPEATING), name
    for name in ("authoredOn", "lastModified"):
        if name in resource:
            assert datetime.fromisoformat(resource[name]).tzinfo is not None
    if kind == "ServiceRequest" and "orderDetail" in resource:
        assert "code" in resource  # constraint prr-1
    if kind == "Task":
        assert resource["lastModified"] >= resource["authoredOn"]  # constraint inv-1


@pytest.mark.parametrize("state", list(ReferralState))
def test_every_state_gives_sound_resources_that_tell_it_again(state: ReferralState) -> None:
    resources = to_fhir(referral(state))

    for resource in resources:
        check(resource)
    kinds = [resource["resourceType"] for resource in resources]
    assert kinds == ["ServiceRequest", "Task"] * (2 if state in DOWN_STATUS else 1)
    assert (resources[1]["status"], resources[0]["status"]) == UP_STATUS[state]
    assert from_fhir(resources) is state
    ids = [resource["id"] for resource in resources]
    assert [one["focus"]["reference"].removeprefix("ServiceRequest/") for one in resources[1::2]]
    assert ids[::2] == ids[1::2]


def test_the_way_down_is_based_on_the_way_up_and_goes_home() -> None:
    up, _, down, task = to_fhir(referral(ReferralState.REFERRED_DOWN))

    assert down["basedOn"] == [{"reference": f"ServiceRequest/{up['id']}"}]
    assert down["occurrenceTiming"] == {"event": ["2026-03-16"]}
    assert task["owner"] == {"reference": "Organization/east"}
    assert (task["status"], down["status"]) == DOWN_STATUS[ReferralState.REFERRED_DOWN]
    assert {"text": "氨氯地平 5 mg"} in down["note"]


def test_a_patient_whom_nobody_referred_up_has_the_way_down_alone() -> None:
    state, direct = ReferralState.REFERRED_DOWN, {"direction": Direction.DOWN}
    resources = to_fhir(referral(state, requested_at=None, **direct))

    assert [one["resourceType"] for one in resources] == ["ServiceRequest", "Task"]
    assert "basedOn" not in resources[0]
    for resource in resources:
        check(resource)


def test_what_was_closed_without_arrival_was_not_fulfilled() -> None:
    request, task = to_fhir(referral(ReferralState.CLOSED, arrived_at=None, plan=None))

    assert (task["status"], request["status"]) == ("rejected", "revoked")
    assert from_fhir([request, task]) is ReferralState.CLOSED


def test_a_refusal_tells_its_reason_and_the_last_act_its_time() -> None:
    later = NOW + timedelta(minutes=9)
    step = Step(ReferralAction.DECLINE, later, "u2", "county", "k", "no_bed", "请转市医院")

    _, task = to_fhir(referral(ReferralState.DECLINED, steps=(step,)))
    _, wordless = to_fhir(
        referral(ReferralState.DECLINED, steps=(Step(step.action, NOW, "u2", "county", "k", "x"),))
    )

    assert task["statusReason"]["coding"][0]["code"] == "decline.no_bed"
    assert task["statusReason"]["text"] == "请转市医院"
    assert task["lastModified"] == later.isoformat()
    assert "text" not in wordless["statusReason"]


def test_an_empty_draft_has_no_empty_lists_and_no_invented_codes() -> None:
    request, task = to_fhir(referral(ReferralState.DRAFT, content=UpContent(), attachments=()))

    check(request)
    check(task)
    assert not {"reasonCode", "orderDetail", "performerType", "note"} & set(request)


def test_urgencies_keep_their_order_and_no_name_is_in_a_resource() -> None:
    order = ["stat", "asap", "urgent", "routine"]

    assert [PRIORITY[one] for one in ReferralUrgency] == order
    assert "Patient/p1" in str(to_fhir(referral(ReferralState.REQUESTED)))


def test_the_document_tells_the_same_states() -> None:
    text = (DOCS / "fhir-referral.md").read_text("utf-8")
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    told = {row[0].strip().strip("`"): [cell.strip() for cell in row[1:]] for row in rows}

    for state in ReferralState:
        down = DOWN_STATUS.get(state, ("", ""))
        assert told[state.value] == [*UP_STATUS[state], *down]

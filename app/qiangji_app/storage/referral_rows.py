"""Referrals and their follow-ups, from and to database rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import Row

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
from qiangji_app.domain.referral_follow_up import (
    FollowUpKind,
    FollowUpOutcome,
    ReferralFollowUp,
)
from qiangji_app.domain.referral_workflow import ReferralAction, ReferralState
from qiangji_app.storage.crypto import FieldCipher
from qiangji_app.storage.rows import Values

_SAME = (
    "id", "from_site_id", "target_site_id", "home_site_id", "person_id", "created_at",
    "created_by", "revision", "requested_at", "answered_at", "arrived_at", "down_at", "ended_at",
    "is_demo",
)  # fmt: skip
_FOLLOW_UP_SAME = (
    "id", "referral_id", "person_id", "site_id", "due_on", "attempts", "done_at", "done_by",
    "void_reason",
)  # fmt: skip
#: What may name the patient among the texts; emptied when the person is erased.
NAMING = ("address", "record_number")

Json = dict[str, Any]  # what is sealed is JSON, checked by the types it becomes


def sealed_context(referral_id: str) -> str:
    """What the sealed texts of a referral are bound to."""
    return f"referral.sealed_text:{referral_id}"


def referral_values(item: Referral, cipher: FieldCipher) -> Values:
    """Columns of a referral; what people wrote is sealed."""
    sealed = {
        "content": asdict(item.content),
        "plan": _plan_json(item.plan),
        "attachments": [asdict(one) for one in item.attachments],
        "steps": [_step_json(one) for one in item.steps],
    }
    return {name: getattr(item, name) for name in _SAME} | {
        "direction": item.direction.value,
        "state": item.state.value,
        "urgency": item.content.urgency.value,
        "past_targets": "".join(f" {site} " for site in item.past_targets),
        "sealed_text": cipher.seal_json(sealed, sealed_context(item.id)),
    }


def to_referral(row: Row[Any], cipher: FieldCipher) -> Referral:
    """Referral from its row."""
    sealed = cast("Json", cipher.open_json(row.sealed_text, sealed_context(row.id)))
    content: Json = sealed["content"]
    return Referral(
        **{name: getattr(row, name) for name in _SAME},
        direction=Direction(row.direction),
        state=ReferralState(row.state),
        content=UpContent(
            **content
            | {
                "reasons": tuple(content["reasons"]),
                "urgency": ReferralUrgency(content["urgency"]),
            }
        ),
        plan=_plan(sealed["plan"]),
        attachments=tuple(
            Attachment(AttachmentKind(one["kind"]), one["id"], one["version"])
            for one in sealed["attachments"]
        ),
        steps=tuple(_step(one) for one in sealed["steps"]),
        past_targets=tuple(row.past_targets.split()),
    )


def _step_json(step: Step) -> Json:
    state = None if step.state is None else step.state.value
    return asdict(step) | {"at": step.at.isoformat(), "action": step.action.value, "state": state}


def _step(stored: Mapping[str, Any]) -> Step:
    fields = dict(stored)
    fields["action"] = ReferralAction(fields["action"])
    fields["at"] = datetime.fromisoformat(fields["at"])
    fields["state"] = ReferralState(fields["state"])
    return Step(**fields)


def _plan_json(plan: DownPlan | None) -> Json | None:
    if plan is None:
        return None
    days = [{"on": one.on.isoformat(), "what": one.what} for one in plan.follow_ups]
    return asdict(plan) | {"follow_ups": days}


def _plan(stored: Json | None) -> DownPlan | None:
    if stored is None:
        return None
    return DownPlan(
        **stored
        | {
            "medicines": tuple(Medicine(**one) for one in stored["medicines"]),
            "follow_ups": tuple(
                PlannedFollowUp(date.fromisoformat(one["on"]), one["what"])
                for one in stored["follow_ups"]
            ),
        }
    )


def follow_up_values(item: ReferralFollowUp, cipher: FieldCipher) -> Values:
    """Columns of a follow-up; its texts are sealed."""
    texts = {"what": item.what, "note": item.note}
    return {name: getattr(item, name) for name in _FOLLOW_UP_SAME} | {
        "kind": item.kind.value,
        "outcome": "" if item.outcome is None else item.outcome.value,
        "sealed_text": cipher.seal_json(texts, f"referral_follow_up.sealed_text:{item.id}"),
    }


def to_follow_up(row: Row[Any], cipher: FieldCipher) -> ReferralFollowUp:
    """Follow-up from its row."""
    texts = cast(
        "dict[str, str]",
        cipher.open_json(row.sealed_text, f"referral_follow_up.sealed_text:{row.id}"),
    )
    return ReferralFollowUp(
        **{name: getattr(row, name) for name in _FOLLOW_UP_SAME},
        kind=FollowUpKind(row.kind),
        outcome=FollowUpOutcome(row.outcome) if row.outcome else None,
        what=texts["what"],
        note=texts["note"],
    )

"""After the reading: acknowledge, close, critical calls with read-back, messages, alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from qiangji_app.domain.case import (
    Acknowledgement,
    Case,
    CriticalCall,
    Message,
    UrgencyReason,
)
from qiangji_app.domain.roles import SITE_CLINICAL, Actor, Role
from qiangji_app.domain.workflow import Action, State
from qiangji_app.ports import CaseQuery, Unit
from qiangji_app.services.access import may_view, require, visible_case
from qiangji_app.services.context import Caller, Context
from qiangji_app.services.thread import say
from qiangji_app.services.urgency import refresh_urgency
from qiangji_datasets.errors import Conflict, InputRejected, NotFound, NotPermitted
from qiangji_datasets.labels import UrgencyLevel

#: How a call ended (semantics of OpenELIS Global 2).
OUTCOMES: Final = frozenset({"confirmed", "reached_no_readback", "unable_to_reach"})
#: What may be called; texts under ``ui.call.code.<code>``.
CALL_CODES: Final = frozenset(
    {
        "tension_pneumothorax",
        "massive_effusion",
        "pulmonary_edema",
        "aortic_dissection",
        "free_air",
        "tube_position",
        "stemi",
        "vt_vf",
        "complete_av_block",
        "extreme_bradycardia",
        "long_pause",
        "hyperkalaemia",
        "other",
    }
)
_MAX_TEXT: Final = 2000
#: A read-back repeats the finding; a single character repeats nothing.
_MIN_READ_BACK: Final = 4
_UNREAD: Final = frozenset({State.DRAFT, State.SUBMITTED, State.CLAIMED, State.RETURNED})


def acknowledge(
    ctx: Context, actor: Actor, case_id: str, report_version: int, note: str = ""
) -> Case:
    """Take note of one version of the signed report.

    Raises
    ------
    Conflict
        ``report.amended``: a newer version exists and must be read first.
    """
    with ctx.store.begin() as unit:
        case = visible_case(unit, actor, case_id)
        after = require(actor, case, Action.ACKNOWLEDGE)
        if report_version != case.report_version:
            raise Conflict("report.amended", version=case.report_version)
        unit.cases.add_acknowledgement(
            Acknowledgement(
                case_id=case.id,
                report_version=report_version,
                user_id=actor.user_id,
                at=ctx.clock.now(),
                note=note.strip()[:_MAX_TEXT],
            )
        )
        case = unit.cases.save(after)
        unit.events.append(
            type="report.acknowledged",
            actor_id=actor.user_id,
            case_id=case.id,
            payload={"version": report_version},
        )
        unit.commit()
    return case


def close(ctx: Context, actor: Actor, case_id: str) -> Case:
    """The township has acted; the case is finished."""
    with ctx.store.begin() as unit:
        case = visible_case(unit, actor, case_id)
        case = unit.cases.save(require(actor, case, Action.CLOSE))
        unit.events.append(type="case.closed", actor_id=actor.user_id, case_id=case.id)
        unit.commit()
    return case


def raise_call(ctx: Context, caller: Caller, case_id: str, code: str, text: str) -> CriticalCall:
    """Call a critical value to the site at once, before the report; signed by who raises it.

    Raises
    ------
    NotPermitted
        ``sign.password_needed`` when the password was not entered lately.
    """
    actor = caller.actor
    if not text.strip():
        raise InputRejected("call.text_needed")
    if code not in CALL_CODES:
        raise InputRejected("call.unknown_code")
    with ctx.store.begin() as unit:
        case = visible_case(unit, actor, case_id)
        require(actor, case, Action.CALL)
        if not caller.session.may_sign(ctx.clock.now()):
            raise NotPermitted("sign.password_needed")
        call = CriticalCall(
            id=ctx.ids.new(),
            case_id=case.id,
            raised_by=actor.user_id,
            raised_at=ctx.clock.now(),
            code=code,
            text=text.strip()[:_MAX_TEXT],
        )
        unit.cases.add_call(call)
        refresh_urgency(unit, case)
        unit.events.append(
            type="call.raised",
            actor_id=actor.user_id,
            case_id=case.id,
            payload={"call": call.id, "code": call.code},
        )
        unit.commit()
    return call


def confirm_call(
    ctx: Context, actor: Actor, call_id: str, outcome: str, read_back: str
) -> CriticalCall:
    """Record how a call ended; a confirmation needs what the receiver read back.

    Raises
    ------
    InputRejected
        Unknown outcome, or confirmed without a read-back.
    Conflict
        The call was confirmed already.
    """
    if outcome not in OUTCOMES:
        raise InputRejected("call.outcome", outcome=outcome[:40])
    if outcome == "confirmed" and len(read_back.strip()) < _MIN_READ_BACK:
        raise InputRejected("call.read_back_needed")
    with ctx.store.begin() as unit:
        call = unit.cases.call(call_id)
        if call is None:
            raise NotFound("call.not_found")
        case = visible_case(unit, actor, call.case_id)
        require(actor, case, Action.CONFIRM_CALL)
        if call.outcome == "confirmed":
            raise Conflict("call.closed")
        call = replace(
            call,
            outcome=outcome,
            confirmed_by=actor.user_id,
            confirmed_at=ctx.clock.now(),
            read_back=read_back.strip()[:_MAX_TEXT],
        )
        unit.cases.save_call(call)
        unit.events.append(
            type="call.answered",
            actor_id=actor.user_id,
            case_id=case.id,
            payload={"call": call.id, "outcome": outcome},
        )
        unit.commit()
    return call


def send_message(ctx: Context, actor: Actor, case_id: str, text: str) -> Message:
    """Write into the thread of a case."""
    if not text.strip():
        raise InputRejected("message.empty")
    with ctx.store.begin() as unit:
        case = visible_case(unit, actor, case_id)
        require(actor, case, Action.MESSAGE)
        message = say(ctx, unit, actor, case.id, kind="message", text=text)
        unit.events.append(type="message.sent", actor_id=actor.user_id, case_id=case.id)
        unit.commit()
    return message


@dataclass(frozen=True)
class Alert:
    """Something that cannot wait: an AI alarm without a report, or a call without an answer."""

    kind: str  # ai_alarm | critical_call
    case: Case
    since: datetime
    reasons: tuple[UrgencyReason, ...]
    call: CriticalCall | None = None
    patient_name: str = ""


def alerts(ctx: Context, actor: Actor) -> Sequence[Alert]:
    """Open alarms and calls, the oldest first, for clinical staff of the site and specialists.

    A strong AI alarm reaches specialists and the site's doctors at the same moment, also while
    the case is still a draft: it says "look at the patient", never what the report will say.
    """
    if not actor.has(*SITE_CLINICAL, Role.SPECIALIST):
        return []
    with ctx.store.read() as unit:
        found = [
            Alert("critical_call", case, call.raised_at, (), call)
            for call in unit.cases.open_calls(actor.visible_sites)
            if (case := unit.cases.get(call.case_id)) is not None and may_view(actor, case)
        ]
        query = CaseQuery(site_ids=actor.visible_sites, states=_UNREAD, order="worklist", limit=200)
        for case in unit.cases.find(query):
            alarms = _alarms(case)
            is_near = actor.has(Role.SPECIALIST) or actor.site_id == case.site_id
            if alarms and is_near:
                found.append(Alert("ai_alarm", case, case.submitted_at or case.created_at, alarms))
        found = [replace(alert, patient_name=_name_of(unit, alert.case)) for alert in found]
    return sorted(found, key=lambda alert: alert.since)


def _name_of(unit: Unit, case: Case) -> str:
    patient = unit.persons.get(case.person_id)
    return "" if patient is None else patient.name


def _alarms(case: Case) -> tuple[UrgencyReason, ...]:
    """Reasons strong enough to interrupt people; a merely urgent one orders the worklist."""
    sources = {"model", "measurement"}
    return tuple(
        reason
        for reason in case.urgency_reasons
        if reason.level >= UrgencyLevel.CRITICAL and reason.source in sources
    )

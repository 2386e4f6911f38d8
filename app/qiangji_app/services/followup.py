"""After the reading: acknowledge, close, critical calls with read-back, messages."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Final

from qiangji_app.domain.case import Acknowledgement, Case, CriticalCall, Message
from qiangji_app.domain.roles import SITE_CLINICAL, Actor
from qiangji_app.domain.workflow import Action
from qiangji_app.ports import Unit
from qiangji_app.services.access import require, require_licence, visible_case
from qiangji_app.services.calling import CallContent, put_call
from qiangji_app.services.context import Caller, Context
from qiangji_app.services.limits import MAX_CALL_TEXT, MAX_NAME, whole
from qiangji_app.services.thread import say
from qiangji_app.services.urgency import refresh_urgency
from qiangji_datasets.errors import Conflict, InputRejected, NotFound, NotPermitted

#: How a call ended (semantics of OpenELIS Global 2).
OUTCOMES: Final = frozenset({"confirmed", "reached_no_readback", "unable_to_reach"})
#: A read-back repeats the finding; a single character repeats nothing.
_MIN_READ_BACK: Final = 4
#: A name has two characters at least, in Chinese too.
_MIN_NAME: Final = 2


class Answering(StrEnum):
    """On whose behalf somebody records how a call ended."""

    RECEIVER = "receiver"  # works where the patient is
    CALLER = "caller"  # raised the call, and telephoned
    OTHER = "other"


def acknowledge(
    ctx: Context, actor: Actor, case_id: str, report_version: int, note: str = ""
) -> Case:
    """Take note of one version of the signed report.

    Raises
    ------
    Conflict
        ``report.amended``: a newer version exists and must be read first.
    InputRejected
        ``text.too_long``.
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
                note=whole(note, MAX_CALL_TEXT),
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
    InputRejected
        No text, ``text.too_long``, or an unknown code.
    """
    actor = caller.actor
    content = CallContent(code, text)
    with ctx.store.begin() as unit:
        case = visible_case(unit, actor, case_id)
        require(actor, case, Action.CALL)
        require_licence(unit, actor, case)
        if not caller.session.may_sign(ctx.clock.now()):
            raise NotPermitted("sign.password_needed")
        call = put_call(ctx, unit, actor, case, content)
        refresh_urgency(unit, case)
        unit.commit()
    return call


def answering(actor: Actor, case: Case, call: CriticalCall) -> Answering:
    """In which part the actor would answer a call."""
    if call.raised_by == actor.user_id:
        return Answering.CALLER
    if actor.site_id == case.site_id and actor.has(*SITE_CLINICAL):
        return Answering.RECEIVER
    return Answering.OTHER


def confirm_call(
    ctx: Context,
    actor: Actor,
    call_id: str,
    outcome: str,
    *,
    read_back: str,
    read_back_by: str = "",
) -> CriticalCall:
    """Record how a call ended; a confirmation needs what the receiver read back.

    Only the receiving site confirms. Who raised the call may record a read-back by telephone, and
    states who read it back.

    Parameters
    ----------
    read_back_by
        Name of the person at the other end of the telephone; only the caller states one.

    Raises
    ------
    InputRejected
        Unknown outcome, confirmed without a read-back, or by the caller without the name of
        somebody else.
    NotPermitted
        ``call.not_receiver``: confirmed by somebody of neither side.
    Conflict
        The call was confirmed already.
    """
    if outcome not in OUTCOMES:
        raise InputRejected("call.outcome", outcome=outcome[:40])
    if outcome == "confirmed" and len(read_back.strip()) < _MIN_READ_BACK:
        raise InputRejected("call.read_back_needed")
    with ctx.store.begin() as unit:
        case, call = _open_call(unit, actor, call_id)
        part = answering(actor, case, call)
        if outcome == "confirmed":
            _check_part(actor, part, read_back_by)
        call = replace(
            call,
            outcome=outcome,
            confirmed_by=actor.user_id,
            confirmed_at=ctx.clock.now(),
            read_back=whole(read_back, MAX_CALL_TEXT),
            read_back_by=read_back_by.strip() if part is Answering.CALLER else "",
        )
        unit.cases.save_call(call)
        unit.events.append(
            type="call.answered",
            actor_id=actor.user_id,
            case_id=case.id,
            payload={"call": call.id, "outcome": outcome, "part": part.value},
        )
        unit.commit()
    return call


def _open_call(unit: Unit, actor: Actor, call_id: str) -> tuple[Case, CriticalCall]:
    call = unit.cases.call(call_id)
    if call is None:
        raise NotFound("call.not_found")
    case = visible_case(unit, actor, call.case_id)
    require(actor, case, Action.CONFIRM_CALL)
    if call.outcome == "confirmed":
        raise Conflict("call.closed")
    return case, call


def _check_part(actor: Actor, part: Answering, read_back_by: str) -> None:
    """Nobody confirms to himself what he called."""
    if part is Answering.OTHER:
        raise NotPermitted("call.not_receiver")
    name = read_back_by.strip()
    is_somebody = _MIN_NAME <= len(name) <= MAX_NAME and name != actor.display_name
    if part is Answering.CALLER and not is_somebody:
        raise InputRejected("call.read_back_by_needed")


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

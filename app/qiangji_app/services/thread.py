"""The thread of a case: messages, returns, withdrawals, take-overs."""

from __future__ import annotations

from qiangji_app.domain.case import Message
from qiangji_app.domain.roles import Actor
from qiangji_app.ports import Unit
from qiangji_app.services.context import Context
from qiangji_app.services.limits import whole


def say(
    ctx: Context,
    unit: Unit,
    actor: Actor,
    case_id: str,
    *,
    kind: str,
    text: str,
    reason_code: str = "",
) -> Message:
    """Add to the thread within a transaction.

    Raises
    ------
    InputRejected
        ``text.too_long``.
    """
    message = Message(
        id=ctx.ids.new(),
        case_id=case_id,
        author_id=actor.user_id,
        at=ctx.clock.now(),
        kind=kind,
        reason_code=reason_code,
        text=whole(text),
    )
    unit.cases.add_message(message)
    return message

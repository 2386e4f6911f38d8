"""The thread of a case: messages, returns, withdrawals, take-overs."""

from __future__ import annotations

from typing import Final

from qiangji_app.domain.case import Message
from qiangji_app.domain.roles import Actor
from qiangji_app.ports import Unit
from qiangji_app.services.context import Context

MAX_TEXT: Final = 8000


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
    """Add to the thread within a transaction; longer texts are cut at ``MAX_TEXT``."""
    message = Message(
        id=ctx.ids.new(),
        case_id=case_id,
        author_id=actor.user_id,
        at=ctx.clock.now(),
        kind=kind,
        reason_code=reason_code,
        text=text.strip()[:MAX_TEXT],
    )
    unit.cases.add_message(message)
    return message

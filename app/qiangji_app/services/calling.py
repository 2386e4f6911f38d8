"""A critical value on its way to the site, by itself or in the same step as a signature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from qiangji_app.domain.case import Case, CriticalCall
from qiangji_app.domain.roles import Actor
from qiangji_app.domain.workflow import Action
from qiangji_app.ports import Unit
from qiangji_app.services.access import require
from qiangji_app.services.alarms import alarm_mark
from qiangji_app.services.context import Context
from qiangji_app.services.limits import MAX_CALL_TEXT, whole
from qiangji_datasets.errors import InputRejected

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


@dataclass(frozen=True)
class CallContent:
    """What is called: one of ``CALL_CODES`` and the caller's words.

    Raises
    ------
    InputRejected
        No text, ``text.too_long``, or an unknown code.
    """

    code: str
    text: str

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise InputRejected("call.text_needed")
        if self.code not in CALL_CODES:
            raise InputRejected("call.unknown_code")
        whole(self.text, MAX_CALL_TEXT)


def put_call(
    ctx: Context, unit: Unit, actor: Actor, case: Case, content: CallContent
) -> CriticalCall:
    """Store a call and log it; the caller checks licence and password, and commits."""
    require(actor, case, Action.CALL)
    call = CriticalCall(
        id=ctx.ids.new(),
        case_id=case.id,
        raised_by=actor.user_id,
        raised_at=ctx.clock.now(),
        code=content.code,
        text=whole(content.text, MAX_CALL_TEXT),
    )
    unit.cases.add_call(call)
    unit.events.append(
        type="call.raised",
        actor_id=actor.user_id,
        case_id=case.id,
        payload={"call": call.id, "code": call.code, "alarm": alarm_mark(case)},
    )
    return call

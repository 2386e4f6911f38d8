"""From an advice card to the draft of a referral that carries the visit."""

from __future__ import annotations

from typing import Any, cast

from qiangji_app.domain.referral import Attachment, AttachmentKind, Referral
from qiangji_app.domain.roles import Actor
from qiangji_app.domain.visit import Advice
from qiangji_app.rules.fact_files import fact_catalogue
from qiangji_app.services.advice import visible_advice
from qiangji_app.services.context import Context
from qiangji_app.services.referral_drafts import draft_from, prefill_from
from qiangji_datasets.messages import Language


def refer(
    ctx: Context, actor: Actor, advice_id: str, referral_id: str, language: Language
) -> Referral:
    """Begin a referral with the reason, urgency and inputs of a card; repeating it is the same.

    Raises
    ------
    NotFound
        ``advice.not_found``.
    """
    with ctx.store.read() as unit:
        item = visible_advice(unit, actor, advice_id)
        visit = unit.visits.get(item.visit_id)
    complaint = visit.complaint if visit else ""
    known = [complaint] if complaint else []
    prefill = prefill_from(
        [item],
        person_id=item.person_id,
        facts=_joined([*known, *_inputs(ctx, item, language)], language),
        attachments=(Attachment(AttachmentKind.VISIT, item.visit_id),),
    )
    return draft_from(ctx, actor, referral_id, prefill)


def _joined(parts: list[str], language: Language) -> str:
    return (";" if language is Language.ZH else "; ").join(parts)


def _inputs(ctx: Context, item: Advice, language: Language) -> list[str]:
    """What the advice rests on, in words; what is absent is no reason to refer."""
    inputs = cast("list[dict[str, Any]]", item.answer["inputs"])
    told = [_told(ctx, one, language) for one in inputs]
    return [text for text in dict.fromkeys(told) if text]


def _told(ctx: Context, said: dict[str, Any], language: Language) -> str:
    """One input in words; empty for what is denied."""
    kind, value = fact_catalogue()[said["code"]], said["value"]
    name = kind.zh if language is Language.ZH else kind.en
    if isinstance(value, bool):
        return name if value else ""
    unit = f"unit.{said['unit']}"
    shown = ctx.catalogue.text(unit, language) if unit in ctx.catalogue.entries else said["unit"]
    number = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{name} {number} {shown}".strip()

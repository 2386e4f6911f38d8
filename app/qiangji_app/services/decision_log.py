"""What was advised to another system, and what became of it: events with ids and codes only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from qiangji_app.services.context import Context


@dataclass(frozen=True)
class Advised:
    """One card: the rule, its version, and a digest of the inputs it rested on."""

    card: str
    rule: str
    version: str
    inputs_sha256: str


@dataclass(frozen=True)
class Feedback:
    """What a doctor did with a card, as the calling system tells it."""

    card: str
    outcome: str
    reason: str
    has_comment: bool
    suggestions: int
    at: datetime


def note_advice(ctx: Context, client: str, service: str, advised: Sequence[Advised]) -> None:
    """Write down each card that was given; a call without cards leaves no event."""
    if not advised:
        return
    with ctx.store.begin() as unit:
        for one in advised:
            unit.events.append(
                type="decision.advised",
                actor_id=client,
                payload={
                    "service": service,
                    "card": one.card,
                    "rule": one.rule,
                    "version": one.version,
                    "inputs_sha256": one.inputs_sha256,
                },
            )
        unit.commit()


def note_feedback(ctx: Context, client: str, service: str, told: Sequence[Feedback]) -> None:
    """Write down what became of cards; a comment is counted, never stored: it may name somebody."""
    with ctx.store.begin() as unit:
        for one in told:
            unit.events.append(
                type="decision.feedback",
                actor_id=client,
                payload={
                    "service": service,
                    "card": one.card,
                    "outcome": one.outcome,
                    "reason": one.reason,
                    "has_comment": one.has_comment,
                    "suggestions": one.suggestions,
                    "told_at": one.at.isoformat(),
                },
            )
        unit.commit()

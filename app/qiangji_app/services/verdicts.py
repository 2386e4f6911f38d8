"""Verdicts on AI hints: kept in the log, and set back when an amendment is given up."""

from __future__ import annotations

from dataclasses import replace

from qiangji_app.domain.case import Finding, Verdict
from qiangji_app.domain.events import Event
from qiangji_app.domain.roles import Actor
from qiangji_app.ports import Unit

_JUDGED = "finding.judged"


def note_verdict(unit: Unit, actor: Actor, finding: Finding) -> None:
    """Write the present verdict on a finding into the log."""
    unit.events.append(
        type=_JUDGED,
        actor_id=actor.user_id,
        case_id=finding.case_id,
        payload={
            "finding": finding.id,
            "label": finding.label,
            "verdict": finding.verdict.value,
            "put_in_place": finding.verdict_label,
            "bundle": finding.bundle_name,
            "bundle_version": finding.bundle_version,
        },
    )


def restore_signed(unit: Unit, actor: Actor, case_id: str) -> None:
    """Set verdicts that an amendment changed back to those of the last signature.

    The log says so too, because the next signature counts the hints by it.
    """
    said: dict[str, Event] = {}
    signed: dict[str, Event] = {}
    for event in unit.events.of_case(case_id):
        if event.type == "report.signed":
            signed = dict(said)
        elif event.type == _JUDGED:
            said[str(event.payload["finding"])] = event
    for finding in unit.cases.findings(case_id):
        if said.get(finding.id) != signed.get(finding.id):
            restored = _as_said(finding, signed.get(finding.id))
            unit.cases.save_finding(restored)
            note_verdict(unit, actor, restored)


def _as_said(finding: Finding, event: Event | None) -> Finding:
    """The finding with the verdict of an event; open where none was given."""
    if event is None:
        return replace(
            finding, verdict=Verdict.OPEN, verdict_by="", verdict_at=None, verdict_label=""
        )
    verdict = Verdict(str(event.payload["verdict"]))
    is_open = verdict is Verdict.OPEN
    return replace(
        finding,
        verdict=verdict,
        verdict_by="" if is_open else event.actor_id,
        verdict_at=None if is_open else event.at,
        verdict_label=str(event.payload["put_in_place"]),
    )

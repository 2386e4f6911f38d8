"""What became of the AI's hints in a report: accepted, rejected, changed; as of its signature."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from qiangji_app.domain.case import Finding, FindingSource, Verdict
from qiangji_app.domain.events import Event
from qiangji_datasets.labels import label


@dataclass(frozen=True)
class AiUse:
    """Label ids of the hints that were shown, by verdict; ``edited`` pairs a hint with its change.

    All empty when no hint was shown.
    """

    accepted: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    edited: tuple[tuple[str, str], ...] = ()
    open: tuple[str, ...] = ()

    @property
    def is_assisted(self) -> bool:
        """True when the report took over at least one hint, as it was or changed."""
        return bool(self.accepted or self.edited)


def is_hint(finding: Finding) -> bool:
    """True for what the AI shows as a hint and the specialist has to answer."""
    is_flagged = finding.source is FindingSource.AI and finding.flag != "none"
    return is_flagged and label(finding.label).is_abnormal


def use_now(findings: Iterable[Finding]) -> AiUse:
    """The hints by their present verdict."""
    return _use((row.label, row.verdict, row.verdict_label) for row in findings if is_hint(row))


def use_at(findings: Sequence[Finding], events: Iterable[Event], moment: datetime) -> AiUse:
    """The hints by the verdict they had at an instant, from the log: an amendment may change it."""
    said: dict[str, tuple[Verdict, str]] = {}
    for event in events:
        if event.type == "finding.judged" and event.at <= moment:
            verdict = Verdict(str(event.payload["verdict"]))
            said[str(event.payload["finding"])] = (verdict, str(event.payload["put_in_place"]))
    none = (Verdict.OPEN, "")
    return _use((row.label, *said.get(row.id, none)) for row in findings if is_hint(row))


def _use(judged: Iterable[tuple[str, Verdict, str]]) -> AiUse:
    rows = list(dict.fromkeys(judged))

    def of(wanted: Verdict) -> tuple[str, ...]:
        return tuple(name for name, verdict, _ in rows if verdict is wanted)

    return AiUse(
        accepted=of(Verdict.ACCEPTED),
        rejected=of(Verdict.REJECTED),
        edited=tuple((name, put) for name, verdict, put in rows if verdict is Verdict.EDITED),
        open=of(Verdict.OPEN),
    )

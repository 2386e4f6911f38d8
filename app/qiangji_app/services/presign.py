"""What somebody is about to sign: whether it may be signed, and where it contradicts itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from qiangji_app.domain.case import Case, Finding, Verdict
from qiangji_app.domain.impressions import says_normal
from qiangji_app.domain.report import DraftReport, ReportContent, draft_digest
from qiangji_app.domain.report_words import critical_words, opposites
from qiangji_app.domain.workflow import Action
from qiangji_app.ports import Unit
from qiangji_app.services.access import require, require_licence, visible_case
from qiangji_app.services.ai_use import AiUse, is_hint, use_now
from qiangji_app.services.context import Caller, Context
from qiangji_app.services.identity import require_answers
from qiangji_datasets.errors import Conflict, InputRejected
from qiangji_datasets.labels import UrgencyLevel, label


@dataclass(frozen=True)
class Contradiction:
    """A message key under ``presign.`` and the labels it is about, where it is about labels."""

    code: str
    labels: tuple[str, ...] = ()
    words: tuple[str, ...] = ()  # of the report, where it is about words


@dataclass(frozen=True)
class Presigned:
    """What stands in the draft that is about to be signed."""

    draft: DraftReport
    contradictions: tuple[Contradiction, ...]
    use: AiUse
    is_unlocked: bool
    needs_call: bool


def check_draft(ctx: Context, caller: Caller, case_id: str, draft_sha256: str) -> Presigned:
    """What the caller would sign now, password aside.

    Parameters
    ----------
    draft_sha256
        ``draft_digest`` of what the signer has before him.

    Raises
    ------
    WrongState, NotPermitted, InputRejected, Conflict
        As signing would, but for the password.
    """
    with ctx.store.read() as unit:
        case = visible_case(unit, caller.actor, case_id)
        draft = unit.cases.draft(case.id)
        require(caller.actor, case, Action.SIGN, draft)
        require_licence(unit, caller.actor, case)
        draft = ready(unit, case, draft, draft_sha256)
        findings = unit.cases.findings(case.id)
        must_call = needs_call(unit, draft)
        found = contradictions(draft.content, findings, has_call=bool(unit.cases.calls(case.id)))
    return Presigned(
        draft=draft,
        contradictions=found,
        use=use_now(findings),
        is_unlocked=caller.session.may_sign(ctx.clock.now()),
        needs_call=must_call,
    )


def needs_call(unit: Unit, draft: DraftReport) -> bool:
    """True for a critical report of a case whose site was never called: the signature calls it."""
    return draft.content.is_critical and not unit.cases.calls(draft.case_id)


def ready(unit: Unit, case: Case, draft: DraftReport | None, draft_sha256: str) -> DraftReport:
    """The draft, when nothing is missing for a signature.

    Raises
    ------
    InputRejected
        No draft, or no impression.
    Conflict
        Another text is stored than the signer has before him; a file was not read yet; form and
        file differ and nobody said why; a hint has no verdict.
    """
    if draft is None:
        raise InputRejected("sign.no_impression")
    if draft_digest(draft.content) != draft_sha256:
        raise Conflict("sign.draft_changed")
    if not draft.content.impression.strip():
        raise InputRejected("sign.no_impression")
    if any(not row.reading for row in unit.cases.recordings(case.id)):
        raise Conflict("sign.still_reading")
    require_answers(unit, case, case.submitted_at or case.created_at)
    undecided = use_now(unit.cases.findings(case.id)).open
    if undecided:
        raise Conflict("sign.verdicts_open", labels=",".join(undecided))
    return draft


def contradictions(
    content: ReportContent, findings: Sequence[Finding], *, has_call: bool
) -> tuple[Contradiction, ...]:
    """Where a report disagrees with itself or with the verdicts; for the signer to look at."""
    return tuple(_contradictions(content, findings, has_call=has_call))


def _contradictions(
    content: ReportContent, findings: Sequence[Finding], *, has_call: bool
) -> Iterator[Contradiction]:
    stated = _stated(content, findings)
    if stated and _says_normal(content):
        yield Contradiction("presign.normal_with_findings", stated)
    if content.is_critical and _says_normal(content):
        yield Contradiction("presign.critical_normal")
    rejected = _rejected(findings)
    if written := tuple(name for name in content.findings if name in rejected):
        yield Contradiction("presign.rejected_written", written)
    urgent = tuple(name for name in stated if label(name).urgency >= UrgencyLevel.URGENT)
    if urgent and not content.is_critical:
        yield Contradiction("presign.critical_unmarked", urgent)
    if has_call and not content.is_critical:
        yield Contradiction("presign.call_unmarked")
    for pair in opposites([*content.fields.values(), content.impression]):
        yield Contradiction("presign.words_exclude", words=pair)
    named = critical_words(content.impression)
    if named and not content.is_critical:
        yield Contradiction("presign.critical_words", words=named)


def _stated(content: ReportContent, findings: Iterable[Finding]) -> tuple[str, ...]:
    """Abnormal labels that the specialist stands for: hints taken over, and coded findings."""
    hints = (row for row in findings if is_hint(row))
    taken = [_taken(row) for row in hints]
    names = dict.fromkeys([*(name for name in taken if name), *content.findings])
    return tuple(name for name in names if label(name).is_abnormal)


def _taken(finding: Finding) -> str:
    """The label that a verdict stands for; empty where the hint was not taken over."""
    if finding.verdict is Verdict.ACCEPTED:
        return finding.label
    return finding.verdict_label if finding.verdict is Verdict.EDITED else ""


def _rejected(findings: Iterable[Finding]) -> frozenset[str]:
    use = use_now(findings)
    kept = {*use.accepted, *(put for _, put in use.edited)}
    return frozenset(use.rejected) - kept


def _says_normal(content: ReportContent) -> bool:
    is_coded = any(not label(name).is_abnormal for name in content.findings)
    return is_coded or says_normal(content.impression)

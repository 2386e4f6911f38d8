"""Recognition (互认): find, open, recognise or refuse a signed result of another site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from qiangji_app.domain.case import Case
from qiangji_app.domain.person import Patient, normalise_name, read_id_number
from qiangji_app.domain.recognition import OPEN_FOR, Basis, RecognitionAct, RecognitionKind
from qiangji_app.domain.referral_workflow import ReferralState
from qiangji_app.domain.report import SignedReport
from qiangji_app.domain.roles import Actor, Role
from qiangji_app.ports import CaseQuery, RecognitionQuery, ReferralQuery, Unit
from qiangji_app.recognition_rules import RecognitionRules
from qiangji_app.services.access import may_view, require_role
from qiangji_app.services.context import Context
from qiangji_app.services.recognition_evidence import Evidence, evidence_of
from qiangji_app.services.referral_access import was_sent_here
from qiangji_app.services.results import ResultDocument, signed_document
from qiangji_datasets.errors import InputRejected, NotFound, WrongState

#: Who decides on treatment, and so on whether an examination must be done again.
DOCTORS: Final = frozenset({Role.VILLAGE_DOCTOR, Role.TOWNSHIP_DOCTOR, Role.RECEIVING_DOCTOR})
#: Who may see who opened the results of a site.
OWNERS: Final = DOCTORS | {Role.OPERATOR, Role.COUNTY_MANAGER}
#: A referral in these states names a patient whom the asked site has or may have before it.
_REFERRED: Final = frozenset(
    {
        ReferralState.REQUESTED,
        ReferralState.REDIRECTED,
        ReferralState.ACCEPTED,
        ReferralState.ARRIVED,
        ReferralState.IN_CARE,
        ReferralState.REFERRED_DOWN,
    }
)
_MOST_RESULTS: Final = 100


@dataclass(frozen=True)
class Grounds:
    """Why somebody asks for a person's results.

    With ``PRESENT``: the name and identity number that were read from ``document``. With
    ``REFERRAL``: the referral.
    """

    basis: Basis
    reason: str
    name: str = ""
    id_number: str = ""
    document: str = ""
    referral_id: str = ""


@dataclass(frozen=True)
class FoundResult:
    """A signed result of a person; ``acts`` are those of the asking doctor's site, newest first."""

    case: Case
    report: SignedReport
    evidence: Evidence
    is_own: bool
    site_name: str
    acts: Sequence[RecognitionAct]


@dataclass(frozen=True)
class ActRow:
    """An act with the result it is about."""

    act: RecognitionAct
    case: Case
    actor_name: str
    site_name: str
    case_site_name: str
    patient_name: str  # for who may open the result themselves, or still has it open


@dataclass(frozen=True)
class WaitingReferral:
    """A referral to the doctor's site, to choose from."""

    id: str
    patient_name: str


def find_results(
    ctx: Context, actor: Actor, rules: RecognitionRules, grounds: Grounds
) -> list[FoundResult]:
    """Signed results of the person; that it was asked is written to the chain of reads.

    Raises
    ------
    NotPermitted
        The actor is no doctor.
    InputRejected
        ``recognition.id_number``, ``recognition.name``, ``recognition.unknown_reason``.
    NotFound
        ``recognition.nobody``: no such person, or name and number do not belong together;
        ``recognition.no_referral``.
    """
    require_role(actor, *DOCTORS)
    _check(rules, grounds)
    with ctx.store.begin() as unit:
        persons = _persons(ctx, unit, actor, grounds)
        cases = _signed_cases(unit, persons)
        unit.reads.append(
            type="recognition.searched",
            actor_id=actor.user_id,
            payload={"basis": grounds.basis.value, "reason": grounds.reason, "found": len(cases)},
        )
        unit.commit()
    with ctx.store.read() as unit:
        return [_found(ctx, unit, actor, rules, case) for case in cases]


def open_result(
    ctx: Context, actor: Actor, rules: RecognitionRules, grounds: Grounds, case_id: str
) -> RecognitionAct:
    """Open one of the person's results of another site for ``OPEN_FOR``.

    Raises
    ------
    NotPermitted, InputRejected, NotFound
        As ``find_results``; ``case.not_found``: not a signed result of this person.
    WrongState
        ``recognition.own_result``: the actor sees it anyhow.
    """
    require_role(actor, *DOCTORS)
    _check(rules, grounds)
    with ctx.store.begin() as unit:
        persons = _persons(ctx, unit, actor, grounds)
        case = next((one for one in _signed_cases(unit, persons) if one.id == case_id), None)
        if case is None:
            raise NotFound("case.not_found")
        if may_view(actor, case):
            raise WrongState("recognition.own_result")
        bare = _act(ctx, actor, case, RecognitionKind.OPENED, code=grounds.reason, by=grounds)
        act = _added(unit, bare)
        unit.events.append(
            type="recognition.opened", actor_id=actor.user_id, case_id=case.id, payload=_facts(act)
        )
        unit.commit()
    return act


def opened_document(ctx: Context, actor: Actor, act_id: str) -> tuple[ResultDocument, Case]:
    """The valid version of an opened result, while it is open; printing it is a read.

    Raises
    ------
    NotFound
        ``recognition.not_open``: not the actor's, or no longer open.
    """
    with ctx.store.begin() as unit:
        act = unit.recognitions.get(act_id)
        if act is None or not act.is_open(actor.user_id, ctx.clock.now()):
            raise NotFound("recognition.not_open")
        case = _case(unit, act.case_id)
        signed = unit.cases.signed(case.id)
        report = signed[-1]
        unit.reads.append(
            type="result.read",
            actor_id=actor.user_id,
            case_id=case.id,
            payload={"version": report.version, "opening": act.id},
        )
        unit.commit()
    return signed_document(ctx, case, report, versions=len(signed)), case


def decide(
    ctx: Context, actor: Actor, rules: RecognitionRules, case_id: str, code: str
) -> RecognitionAct:
    """Recognise the valid version of another site's result, or refuse it with a reason.

    Parameters
    ----------
    code
        Reason of a refusal; empty: recognised.

    Raises
    ------
    NotPermitted
        The actor is no doctor.
    NotFound
        No such result, or the actor has not opened it.
    WrongState
        ``recognition.own_result``: an examination of the actor's own site needs none.
    InputRejected
        ``recognition.unknown_reason``.
    """
    require_role(actor, *DOCTORS)
    if code:
        rules.refusal(code)
    kind = RecognitionKind.REFUSED if code else RecognitionKind.RECOGNISED
    with ctx.store.begin() as unit:
        case = unit.cases.get(case_id)
        if case is None or not case.report_version or not _may_decide(ctx, unit, actor, case):
            raise NotFound("case.not_found")
        if case.site_id == actor.site_id:
            raise WrongState("recognition.own_result")
        act = _added(unit, _act(ctx, actor, case, kind, code=code))
        event = "recognition.refused" if code else "recognition.recognised"
        unit.events.append(type=event, actor_id=actor.user_id, case_id=case.id, payload=_facts(act))
        unit.commit()
    return act


def own_acts(ctx: Context, actor: Actor) -> list[ActRow]:
    """What the actor opened and decided, the newest first."""
    require_role(actor, *DOCTORS)
    return _rows(ctx, actor, RecognitionQuery(user_id=actor.user_id))


def acts_on_own_results(ctx: Context, actor: Actor) -> list[ActRow]:
    """Who opened, recognised or refused results of the sites that the actor sees.

    Raises
    ------
    NotPermitted
        The actor is no staff of a site.
    """
    require_role(actor, *OWNERS)
    return _rows(ctx, actor, RecognitionQuery(case_site_ids=actor.visible_sites))


def referrals_here(ctx: Context, actor: Actor) -> list[WaitingReferral]:
    """Patients whom another site referred to the actor's, to choose from."""
    require_role(actor, *DOCTORS)
    wanted = ReferralQuery(
        target_site_ids=frozenset({actor.site_id}), states=_REFERRED, limit=_MOST_RESULTS
    )
    with ctx.store.read() as unit:
        found = [row for row in unit.referrals.find(wanted) if was_sent_here(actor, row)]
        return [WaitingReferral(row.id, _name(unit, row.person_id)) for row in found]


def _check(rules: RecognitionRules, grounds: Grounds) -> None:
    rules.opening(grounds.reason)
    if grounds.basis is Basis.PRESENT:
        rules.document(grounds.document)
        if not grounds.name.strip():
            raise InputRejected("recognition.name")


def _persons(ctx: Context, unit: Unit, actor: Actor, grounds: Grounds) -> list[str]:
    """Ids under which the person is known."""
    if grounds.basis is Basis.PRESENT:
        return _present(ctx, unit, grounds)
    referral = unit.referrals.get(grounds.referral_id)
    is_open = referral is not None and referral.state in _REFERRED
    if referral is None or not is_open or not was_sent_here(actor, referral):
        raise NotFound("recognition.no_referral")
    patient = unit.persons.get(referral.person_id) or Patient(name="")
    same = _with_number_and_name(ctx, unit, patient.id_number, patient.name) or []
    return list(dict.fromkeys([referral.person_id, *same]))


def _present(ctx: Context, unit: Unit, grounds: Grounds) -> list[str]:
    """Persons with the number and the name of the document that was shown."""
    found = _with_number_and_name(ctx, unit, grounds.id_number, grounds.name)
    if found is None:
        raise InputRejected("recognition.id_number")
    if not found:
        raise NotFound("recognition.nobody")
    return found


def _with_number_and_name(ctx: Context, unit: Unit, number: str, name: str) -> list[str] | None:
    """Persons with this identity number and this name; None for what is no identity number."""
    number = number.strip().upper()
    if read_id_number(number, today=ctx.clock.now().date()) is None:
        return None
    return [
        person_id
        for person_id in unit.persons.find_by_id_number(number)
        if normalise_name(_name(unit, person_id)) == normalise_name(name)
    ]


def _signed_cases(unit: Unit, persons: Sequence[str]) -> list[Case]:
    """Cases of the person with a signed report, the newest first."""
    found = [
        case
        for person_id in persons
        for case in unit.cases.find(CaseQuery(person_id=person_id, limit=_MOST_RESULTS))
        if case.report_version
    ]
    return sorted(found, key=lambda case: case.created_at, reverse=True)


def _found(
    ctx: Context, unit: Unit, actor: Actor, rules: RecognitionRules, case: Case
) -> FoundResult:
    report = unit.cases.signed(case.id)[-1]
    sites = {site.id: site for site in unit.accounts.sites()}
    acts = unit.recognitions.find(RecognitionQuery(case_id=case.id))
    return FoundResult(
        case=case,
        report=report,
        evidence=evidence_of(
            case,
            report,
            unit.cases.recordings(case.id),
            rules=rules,
            zone=ZoneInfo(sites[case.site_id].time_zone),
            now=ctx.clock.now(),
        ),
        is_own=may_view(actor, case),
        site_name=sites[case.site_id].name,
        acts=[act for act in acts if act.site_id == actor.site_id],
    )


def _act(
    ctx: Context,
    actor: Actor,
    case: Case,
    kind: RecognitionKind,
    *,
    code: str,
    by: Grounds | None = None,
) -> RecognitionAct:
    return RecognitionAct(
        id=ctx.ids.new(),
        case_id=case.id,
        report_version=case.report_version,
        kind=kind,
        user_id=actor.user_id,
        site_id=actor.site_id,
        case_site_id=case.site_id,
        at=ctx.clock.now(),
        code=code,
        basis=by.basis if by else None,
        document=by.document if by and by.basis is Basis.PRESENT else "",
        referral_id=by.referral_id if by and by.basis is Basis.REFERRAL else "",
    )


def _added(unit: Unit, act: RecognitionAct) -> RecognitionAct:
    unit.recognitions.add(act)
    return act


def _facts(act: RecognitionAct) -> dict[str, str | int]:
    """The act as an event tells it: ids and codes."""
    facts: dict[str, str | int] = {"version": act.report_version, "site": act.site_id}
    told = {"reason": act.code, "basis": act.basis or "", "document": act.document}
    told["referral"] = act.referral_id
    return facts | {name: str(value) for name, value in told.items() if value}


def _may_decide(ctx: Context, unit: Unit, actor: Actor, case: Case) -> bool:
    return may_view(actor, case) or _has_open(ctx, unit, actor, case.id)


def _has_open(ctx: Context, unit: Unit, actor: Actor, case_id: str) -> bool:
    now = ctx.clock.now()
    query = RecognitionQuery(case_id=case_id, user_id=actor.user_id, since=now - OPEN_FOR)
    return any(act.is_open(actor.user_id, now) for act in unit.recognitions.find(query))


def _rows(ctx: Context, actor: Actor, query: RecognitionQuery) -> list[ActRow]:
    with ctx.store.read() as unit:
        names = {account.id: account.display_name for account in unit.accounts.all()}
        sites = {site.id: site.name for site in unit.accounts.sites()}
        found = []
        for act in unit.recognitions.find(query):
            case = _case(unit, act.case_id)
            row = ActRow(
                act=act,
                case=case,
                actor_name=names.get(act.user_id, ""),
                site_name=sites[act.site_id],
                case_site_name=sites[act.case_site_id],
                patient_name=_name(unit, case.person_id)
                if _may_decide(ctx, unit, actor, case)
                else "",
            )
            found.append(row)
        return found


def _case(unit: Unit, case_id: str) -> Case:
    """A case that an act is about; no case with a signed report is ever removed."""
    found = unit.cases.get(case_id)
    if found is None:
        raise NotFound("case.not_found")
    return found


def _name(unit: Unit, person_id: str) -> str:
    """Name of a person; empty once erased."""
    patient = unit.persons.get(person_id)
    return patient.name if patient else ""

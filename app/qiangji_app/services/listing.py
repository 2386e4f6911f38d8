"""Which cases an actor may list, and the reads that this leaves behind."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from qiangji_app.domain.case import (
    Acknowledgement,
    Case,
    CriticalCall,
    Finding,
    Message,
    Recording,
)
from qiangji_app.domain.events import Event
from qiangji_app.domain.person import Patient, normalise_name
from qiangji_app.domain.report import DraftReport, SignedReport
from qiangji_app.domain.roles import SENDERS, SITE_CLINICAL, Actor, Role
from qiangji_app.domain.workflow import Action, State, roles_for
from qiangji_app.ports import CaseQuery, Unit
from qiangji_app.services.access import may_see_hints, may_view, visible_case
from qiangji_app.services.alarms import Seen, seen_in
from qiangji_app.services.contacts import Contact, Directory
from qiangji_app.services.context import Context
from qiangji_app.services.identity import Differing, differing, mismatches
from qiangji_app.services.splitting import siblings_of
from qiangji_datasets.errors import InputRejected, NotPermitted

_WAITING: Final = frozenset({State.SUBMITTED, State.CLAIMED})
_RESULTS: Final = frozenset({State.SIGNED, State.ACKNOWLEDGED, State.CLOSED})
_ALL: Final = frozenset(State)
#: Most rows one page asks for.
MAX_ROWS: Final = 200
#: Most cases that a search for a part of a text looks at.
SEARCHED_ROWS: Final = 2000


@dataclass(frozen=True)
class Row:
    """A case in a list, with the patient and the names a page shows."""

    case: Case
    patient: Patient | None
    recordings: Sequence[Recording]
    has_open_call: bool
    return_message: Message | None
    is_mismatched: bool  # a file names somebody else than the form; told while the case waits
    impression: str  # of the signed version that counts; empty where none is signed
    siblings: Sequence[Case] = ()  # requests that went up together with this one


@dataclass(frozen=True)
class Detail:
    """A case with everything this actor may see; hints and drafts are empty where forbidden."""

    row: Row
    findings: Sequence[Finding]
    draft: DraftReport | None
    writer_id: str  # whose draft is open, whoever looks
    signed: Sequence[SignedReport]
    acknowledgements: Sequence[Acknowledgement]
    calls: Sequence[CriticalCall]
    messages: Sequence[Message]
    events: Sequence[Event]
    prior: Sequence[Row]
    names: dict[str, str]
    contact: Contact
    alarm_seen: Seen | None
    differing: Sequence[Differing]
    in_files: Mapping[str, Patient] = field(default_factory=dict)  # by recording


@dataclass(frozen=True)
class Holding:
    """Who reads a case or amends its report; empty when nobody does."""

    state: State
    user_id: str
    since: datetime | None
    report_version: int


@dataclass(frozen=True)
class Filter:
    """What a list shows. ``view`` is mine, worklist or results; empty fields do not filter."""

    view: str
    modality: str = ""
    state: str = ""
    text: str = ""
    site_id: str = ""
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True)
class Page:
    """Part of a list; ``is_truncated`` when a search did not look at every case."""

    rows: Sequence[Row]
    total: int
    unread: int = 0  # of the results a list may show, filters aside: nobody took note of them
    is_truncated: bool = False


def list_cases(ctx: Context, actor: Actor, wanted: Filter) -> Page:
    """One page of a list; a list refresh is not a read of patient data.

    A text is looked for in the newest (worklist: the most urgent) ``SEARCHED_ROWS`` cases, a
    patient's full name in all.

    Raises
    ------
    NotPermitted
        The actor's roles have no such list.
    InputRejected
        Unknown view or state.
    """
    query = _query(actor, wanted)
    with ctx.store.read() as unit:
        unread = _unread(unit, actor) if wanted.view == "results" else 0
        if wanted.text:
            return replace(_search(unit, actor, query, wanted), unread=unread)
        cases = [case for case in unit.cases.find(query) if _in(actor, case)]
        rows = _with_siblings(unit, [_row(unit, case) for case in cases])
        return Page(rows, unit.cases.count(query), unread)


def version(ctx: Context, actor: Actor) -> str:
    """Another text whenever a list might say something else to this actor.

    Every change of a case is an event; waiting times and the age of drafts change by the minute.
    """
    with ctx.store.read() as unit:
        facts = [actor.user_id, unit.events.version(), f"{ctx.clock.now():%Y-%m-%dT%H:%M}"]
    return hashlib.sha256("\n".join(facts).encode("utf-8")).hexdigest()


def unread_results(ctx: Context, actor: Actor) -> int:
    """How many signed reports wait for this actor to take note; 0 for who may not."""
    if not actor.has(*roles_for(Action.ACKNOWLEDGE)):
        return 0
    with ctx.store.read() as unit:
        return _unread(unit, actor)


def _unread(unit: Unit, actor: Actor) -> int:
    waiting = CaseQuery(site_ids=actor.visible_sites, states=frozenset({State.SIGNED}))
    return unit.cases.count(waiting)


def view_case(ctx: Context, actor: Actor, case_id: str) -> Detail:
    """The case after an act of the actor's own; not a read of its own."""
    with ctx.store.read() as unit:
        return _detail(ctx, unit, actor, visible_case(unit, actor, case_id))


def open_case(ctx: Context, actor: Actor, case_id: str) -> Detail:
    """Everything about one case; opening it is written to the chain of reads."""
    with ctx.store.begin() as unit:
        case = visible_case(unit, actor, case_id)
        unit.reads.append(type="case.read", actor_id=actor.user_id, case_id=case.id)
        unit.commit()
    with ctx.store.read() as unit:
        return _detail(ctx, unit, actor, visible_case(unit, actor, case_id))


def holding(ctx: Context, actor: Actor, case_id: str) -> Holding:
    """Who holds a case now; no patient data, so it leaves no trace."""
    with ctx.store.read() as unit:
        case = visible_case(unit, actor, case_id)
        draft = unit.cases.draft(case.id) if case.report_version else None
    if draft is not None:
        return Holding(case.state, draft.author_id, None, case.report_version)
    return Holding(case.state, case.claimed_by, case.claimed_at, case.report_version)


def note_warnings_read(ctx: Context, actor: Actor, case_id: str) -> None:
    """Write to the chain of reads that possible duplicates of a person were looked at."""
    with ctx.store.begin() as unit:
        case = visible_case(unit, actor, case_id)
        unit.reads.append(type="case.warnings_read", actor_id=actor.user_id, case_id=case.id)
        unit.commit()


def _detail(ctx: Context, unit: Unit, actor: Actor, case: Case) -> Detail:
    """The case as this actor may see it."""
    draft = unit.cases.draft(case.id)
    events = unit.events.of_case(case.id)
    return Detail(
        row=_with_siblings(unit, [_row(unit, case)])[0],
        findings=unit.cases.findings(case.id) if may_see_hints(actor, case) else (),
        draft=draft if draft is not None and draft.author_id == actor.user_id else None,
        writer_id=draft.author_id if draft is not None else "",
        signed=unit.cases.signed(case.id),
        acknowledgements=unit.cases.acknowledgements(case.id),
        calls=unit.cases.calls(case.id),
        messages=unit.cases.messages(case.id),
        events=events,
        prior=_prior(unit, actor, case),
        names={account.id: account.display_name for account in unit.accounts.all()},
        contact=Directory(unit, ctx.clock.now()).other_side(actor, case),
        alarm_seen=seen_in(case, events),
        differing=tuple(differing(unit, case, ctx.clock.now())),
        in_files=_in_files(unit, case),
    )


def _in_files(unit: Unit, case: Case) -> dict[str, Patient]:
    """Who each file says the patient is."""
    found = {row.id: unit.persons.get(row.id) for row in unit.cases.recordings(case.id)}
    return {key: person for key, person in found.items() if person is not None}


def _query(actor: Actor, wanted: Filter) -> CaseQuery:
    states, order = _VIEWS.get(wanted.view, (frozenset(), ""))
    if not order:
        raise InputRejected("list.unknown_view", view=wanted.view[:40])
    needed = _VIEW_ROLES[wanted.view]
    if not actor.has(*needed):
        raise NotPermitted("access.role", needed=", ".join(sorted(needed)))
    if wanted.state:
        states = states & {_state(wanted.state)}
    sites = actor.visible_sites
    if wanted.site_id:
        sites = sites & {wanted.site_id}
    return CaseQuery(
        site_ids=sites,
        states=states,
        modalities=frozenset({wanted.modality}) if wanted.modality else None,
        order=order,
        limit=SEARCHED_ROWS if wanted.text else min(wanted.limit, MAX_ROWS),
        offset=0 if wanted.text else wanted.offset,
    )


_VIEWS: Final = {
    "mine": (_ALL, "newest"),
    "worklist": (_WAITING, "worklist"),
    "results": (_RESULTS, "results"),
}
_VIEW_ROLES: Final = {
    "mine": SENDERS,
    "worklist": frozenset({Role.SPECIALIST, Role.COUNTY_MANAGER}),
    "results": SITE_CLINICAL | {Role.SPECIALIST, Role.COUNTY_MANAGER},
}


def _search(unit: Unit, actor: Actor, query: CaseQuery, wanted: Filter) -> Page:
    found = {case.id: case for case in unit.cases.find(query)}
    is_truncated = unit.cases.count(query) > len(found)
    if is_truncated:
        for person_id in unit.persons.find_by_name(wanted.text):
            theirs = unit.cases.find(replace(query, person_id=person_id))
            found |= {case.id: case for case in theirs}
    seen = [_row(unit, case) for case in found.values() if _in(actor, case)]
    rows = [row for row in seen if _matches(row, wanted.text)]
    shown = rows[wanted.offset : wanted.offset + wanted.limit]
    return Page(_with_siblings(unit, shown), len(rows), is_truncated=is_truncated)


def _state(name: str) -> State:
    try:
        return State(name)
    except ValueError as error:
        raise InputRejected("list.unknown_state", state=name[:40]) from error


def _in(actor: Actor, case: Case) -> bool:
    return may_view(actor, case)


def _matches(row: Row, text: str) -> bool:
    wanted = normalise_name(text)
    patient = row.patient
    fields = [row.case.id.upper(), row.case.request.visit_number.upper()]
    if patient is not None:
        fields += [normalise_name(patient.name), patient.patient_id.upper(), patient.phone]
    return any(wanted in field for field in fields)


def _row(unit: Unit, case: Case) -> Row:
    messages = [message for message in unit.cases.messages(case.id) if message.kind == "return"]
    calls = unit.cases.calls(case.id)
    return Row(
        case=case,
        patient=unit.persons.get(case.person_id),
        recordings=unit.cases.recordings(case.id),
        has_open_call=any(call.outcome != "confirmed" for call in calls),
        impression=unit.cases.signed(case.id)[-1].content.impression if case.report_version else "",
        return_message=messages[-1] if messages and case.state is State.RETURNED else None,
        is_mismatched=case.state in _WAITING
        and bool(mismatches(unit, case, case.submitted_at or case.created_at)),
    )


def _with_siblings(unit: Unit, rows: Sequence[Row]) -> list[Row]:
    """Each with the requests that went up together with it, asked for once."""
    found = siblings_of(unit, [row.case for row in rows])
    return [replace(row, siblings=found[row.case.id]) for row in rows]


def _prior(unit: Unit, actor: Actor, case: Case) -> list[Row]:
    """Earlier cases of the same person that the actor may open, newest first."""
    query = CaseQuery(site_ids=actor.visible_sites, person_id=case.person_id, limit=10)
    return [
        _row(unit, other)
        for other in unit.cases.find(query)
        if other.id != case.id and other.modality == case.modality and may_view(actor, other)
    ]

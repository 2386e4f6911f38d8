"""What cannot wait: AI alarms and critical calls, who is told, who has looked at the patient."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Final

from qiangji_app.domain.case import Case, CriticalCall, UrgencyReason
from qiangji_app.domain.events import Event
from qiangji_app.domain.person import Patient
from qiangji_app.domain.roles import SITE_CLINICAL, Actor, Role, Site
from qiangji_app.domain.workflow import Action, State
from qiangji_app.ports import CaseQuery, Unit
from qiangji_app.services.access import allows, may_view, require, visible_case
from qiangji_app.services.ages import case_age_day
from qiangji_app.services.contacts import ONLINE_WITHIN, Contact, Directory
from qiangji_app.services.context import Context
from qiangji_datasets.errors import Conflict, NotPermitted
from qiangji_datasets.labels import UrgencyLevel

_UNREAD: Final = frozenset({State.DRAFT, State.SUBMITTED, State.CLAIMED, State.RETURNED})
#: Event that says that a doctor of the site has looked at the patient.
_SEEN: Final = "alarm.seen"


@dataclass(frozen=True)
class Seen:
    """Who looked at the patient, and when he said so."""

    user_id: str
    at: datetime


@dataclass(frozen=True)
class Alert:
    """What cannot wait: an AI alarm without report or call, or a call without an answer.

    ``contact`` is the other side as this actor would telephone it. ``seen`` is None until a doctor
    of the site has looked at the patient; a new alarm on the same case is unseen again.
    ``patient`` is None for who may not open the case: a specialist hears of a draft's alarm, and
    learns the name from the site by telephone. ``age_day`` is the day on which the age counts.
    """

    kind: str  # ai_alarm | critical_call
    case: Case
    since: datetime
    reasons: tuple[UrgencyReason, ...]
    call: CriticalCall | None = None
    seen: Seen | None = None
    patient: Patient | None = None
    age_day: date | None = None
    site: Site | None = None
    contact: Contact | None = None

    @property
    def key(self) -> str:
        """Another text for what must be heard anew: another call, another alarm on a case."""
        what = _fingerprint(self.reasons) if self.call is None else self.call.id
        return f"{self.kind}:{self.case.id}:{what}"


def alerts(ctx: Context, actor: Actor) -> Sequence[Alert]:
    """Open alarms and calls, the oldest first, for clinical staff of the site and specialists.

    A strong AI alarm reaches specialists and the site's doctors at the same moment, also while
    the case is still a draft: it says "look at the patient", never what the report will say.
    """
    if not actor.has(*SITE_CLINICAL, Role.SPECIALIST):
        return []
    with ctx.store.read() as unit:
        found = [*_calls(unit, actor), *_alarms(unit, actor)]
        directory = Directory(unit, ctx.clock.now())
        told = [
            replace(
                _named(unit, actor, alert, directory.site(alert.case.site_id)),
                contact=directory.other_side(actor, alert.case),
            )
            for alert in found
        ]
    return sorted(told, key=lambda alert: alert.since)


def version(ctx: Context, actor: Actor) -> str:
    """Another text whenever ``alerts`` might say something else to this actor.

    Every change of a case is an event; who is there to be telephoned is none.
    """
    with ctx.store.read() as unit:
        present = sorted(unit.accounts.seen_since(ctx.clock.now() - ONLINE_WITHIN))
        facts = [actor.user_id, unit.events.version(), *present]
    return hashlib.sha256("\n".join(facts).encode("utf-8")).hexdigest()


def mark_seen(ctx: Context, actor: Actor, case_id: str) -> Seen:
    """Say that the patient behind an AI alarm was looked at; saying it again changes nothing.

    Raises
    ------
    NotPermitted
        ``alarm.other_site``: only a doctor who is where the patient is can have looked.
    Conflict
        ``alarm.none``: the case has no alarm (any more).
    """
    with ctx.store.begin() as unit:
        case = visible_case(unit, actor, case_id)
        require(actor, case, Action.SEE_ALARM)
        if actor.site_id != case.site_id:
            raise NotPermitted("alarm.other_site")
        if not alarms_of(case):
            raise Conflict("alarm.none")
        known = seen_in(case, unit.events.of_case(case.id))
        if known is not None:
            return known
        event = unit.events.append(
            type=_SEEN,
            actor_id=actor.user_id,
            case_id=case.id,
            payload={"alarm": _fingerprint(alarms_of(case))},
        )
        unit.commit()
    return Seen(actor.user_id, event.at)


def may_mark_seen(actor: Actor, case: Case) -> bool:
    """True for a doctor who is where the patient is."""
    return actor.site_id == case.site_id and allows(actor, case, Action.SEE_ALARM)


def seen_in(case: Case, events: Sequence[Event]) -> Seen | None:
    """Who looked at the patient because of the alarm as it stands; None when nobody said so."""
    wanted = _fingerprint(alarms_of(case))
    for event in events:
        if event.type == _SEEN and event.payload["alarm"] == wanted:
            return _told(event)
    return None


def pass_on(unit: Unit, actor: Actor, case: Case, seen: Seen) -> None:
    """Note that the patient was looked at before the case was split off; by whom, and when.

    The actor is who split it.
    """
    if not alarms_of(case) or seen_in(case, unit.events.of_case(case.id)) is not None:
        return
    unit.events.append(
        type=_SEEN,
        actor_id=actor.user_id,
        case_id=case.id,
        payload={
            "alarm": _fingerprint(alarms_of(case)),
            "seen_by": seen.user_id,
            "seen_at": seen.at.isoformat(),
        },
    )


def _told(event: Event) -> Seen:
    """Who looked, which is the actor unless the event was passed on from another case."""
    if "seen_by" not in event.payload:
        return Seen(event.actor_id, event.at)
    at = datetime.fromisoformat(str(event.payload["seen_at"]))
    return Seen(str(event.payload["seen_by"]), at)


def alarm_mark(case: Case) -> str:
    """What stands for the alarms of a case in the log; another text once another alarm joins."""
    return _fingerprint(alarms_of(case))


def _is_called(case: Case, events: Sequence[Event]) -> bool:
    """True when a call was raised on the alarm as it stands: the call says what to do now."""
    wanted = alarm_mark(case)
    return any(
        event.type == "call.raised" and event.payload.get("alarm") == wanted for event in events
    )


def alarms_of(case: Case) -> tuple[UrgencyReason, ...]:
    """Reasons strong enough to interrupt people; a merely urgent one orders the worklist."""
    sources = {"model", "measurement"}
    return tuple(
        reason
        for reason in case.urgency_reasons
        if reason.level >= UrgencyLevel.CRITICAL and reason.source in sources
    )


def _fingerprint(alarms: Sequence[UrgencyReason]) -> str:
    """Changes when another alarm joins: having looked before does not answer that one."""
    rows = sorted(json.dumps(asdict(reason), sort_keys=True) for reason in alarms)
    return hashlib.sha256("\n".join(rows).encode("utf-8")).hexdigest()


def _calls(unit: Unit, actor: Actor) -> list[Alert]:
    return [
        Alert("critical_call", case, call.raised_at, (), call)
        for call in unit.cases.open_calls(actor.visible_sites)
        if (case := unit.cases.get(call.case_id)) is not None and may_view(actor, case)
    ]


def _alarms(unit: Unit, actor: Actor) -> list[Alert]:
    """All that no call answers; a limit would let abandoned drafts hide the patient of today."""
    query = CaseQuery(
        site_ids=actor.visible_sites,
        states=_UNREAD,
        urgency_at_least=int(UrgencyLevel.CRITICAL),
        limit=None,
    )
    found = []
    for case in unit.cases.find(query):
        alarms = alarms_of(case)
        is_near = actor.has(Role.SPECIALIST) or actor.site_id == case.site_id
        if not alarms or not is_near:
            continue
        events = unit.events.of_case(case.id)
        if not _is_called(case, events):
            since = case.submitted_at or case.created_at
            found.append(Alert("ai_alarm", case, since, alarms, seen=seen_in(case, events)))
    return found


def _named(unit: Unit, actor: Actor, alert: Alert, site: Site | None) -> Alert:
    """The alert with who it is about, for who may open the case."""
    case = alert.case
    patient = unit.persons.get(case.person_id) if may_view(actor, case) else None
    if patient is None:
        return replace(alert, site=site)
    day = case_age_day(patient, case, unit.cases.recordings(case.id), site)
    return replace(alert, site=site, patient=patient, age_day=day)

"""Drafts of referrals: begun at the desk, from a case, or from an advice card; filled in; sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from qiangji_app.domain.ids import is_uuid
from qiangji_app.domain.person import Patient
from qiangji_app.domain.referral import (
    Attachment,
    AttachmentKind,
    Direction,
    Referral,
    ReferralUrgency,
    UpContent,
)
from qiangji_app.domain.referral_workflow import RECEIVING, SENDING, ReferralAction, ReferralState
from qiangji_app.domain.roles import Actor, Site, SiteKind, visible_from
from qiangji_app.ports import Unit
from qiangji_app.referral_codes import referral_codes
from qiangji_app.services.access import require_role, visible_case
from qiangji_app.services.context import Context
from qiangji_app.services.limits import MAX_NAME, MAX_REASON, whole
from qiangji_app.services.person_rows import person_as_typed
from qiangji_app.services.referral_access import require_act, visible_referral
from qiangji_app.services.visits import visible_visit
from qiangji_datasets.errors import Conflict, InputRejected

#: Most reasons, and most cases and visits, that one referral names.
MAX_REASONS: Final = 8
MAX_ATTACHMENTS: Final = 20


class AnswerLike(Protocol):
    """What decision support answered, as far as a referral needs it."""

    @property
    def topic(self) -> str: ...
    @property
    def urgency(self) -> str: ...


@dataclass(frozen=True)
class Prefill:
    """What a new referral begins with.

    ``person_id`` is the person of a visit or register whose permission the caller has checked;
    with ``attachments`` of a case it is the case's own. ``present_history`` are the facts in
    words, as they go under 主要现病史(转出原因).
    """

    person_id: str = ""
    reasons: tuple[str, ...] = ()
    urgency: ReferralUrgency | None = None
    present_history: str = ""
    past_history: str = ""
    treatment: str = ""
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True)
class DraftForm:
    """The form as typed. ``patient`` is None where the person is that of a case or visit."""

    content: UpContent
    target_site_id: str
    home_site_id: str
    attachments: tuple[Attachment, ...]
    patient: Patient | None


def prefill_from(
    answers: Iterable[AnswerLike],
    *,
    person_id: str,
    facts: str,
    attachments: tuple[Attachment, ...] = (),
) -> Prefill:
    """A prefill from the answers that ask to refer up: their reasons, the highest urgency.

    Parameters
    ----------
    answers
        Answers of decision support, the most urgent first; topics without a reason are left out.
    facts
        What is known, in words.
    """
    asked = list(answers)
    found = [referral_codes().reason_for(one.topic) for one in asked]
    reasons = tuple(dict.fromkeys(one.id for one in found if one is not None))
    stated = [ReferralUrgency(one.urgency) for one in asked if one.urgency in set(ReferralUrgency)]
    return Prefill(
        person_id=person_id,
        reasons=reasons[:MAX_REASONS],
        urgency=min(stated, key=lambda one: one.rank, default=None),
        present_history=facts,
        attachments=attachments,
    )


def draft_from(
    ctx: Context,
    actor: Actor,
    referral_id: str,
    prefill: Prefill,
    *,
    direction: Direction = Direction.UP,
) -> Referral:
    """Begin a draft with what is known already; repeating it gives the same draft.

    A village or township doctor begins one upwards, a receiving or township doctor one downwards.

    Raises
    ------
    InputRejected
        ``referral.id``: no UUID; an unknown reason; an attachment of another person.
    NotFound
        A case or visit that is not the actor's to see.
    Conflict
        Somebody else began one with this id.
    """
    require_role(actor, *(SENDING if direction is Direction.UP else RECEIVING))
    if not is_uuid(referral_id):
        raise InputRejected("referral.id")
    with ctx.store.begin() as unit:
        known = unit.referrals.get(referral_id)
        if known is not None:
            if known.created_by != actor.user_id:
                raise Conflict("storage.exists")
            return known
        person_id = _person(ctx, unit, actor, prefill)
        up = direction is Direction.UP
        draft = Referral(
            id=referral_id,
            direction=direction,
            state=ReferralState.DRAFT,
            from_site_id=actor.site_id,
            target_site_id=_first_target(unit, actor.site_id) if up else actor.site_id,
            home_site_id=actor.site_id,
            person_id=person_id,
            created_at=ctx.clock.now(),
            created_by=actor.user_id,
            content=_content(unit, actor, prefill),
            attachments=_checked(unit, actor, prefill.attachments, person_id),
            is_demo=ctx.is_demo,
        )
        unit.referrals.add(draft)
        unit.events.append(
            type="referral.opened",
            actor_id=actor.user_id,
            payload={"referral": draft.id, "direction": direction.value},
        )
        unit.commit()
    return draft


def edit_draft(
    ctx: Context, actor: Actor, referral_id: str, revision: int, form: DraftForm
) -> Referral:
    """Store the form; it may still have gaps, which sending asks about.

    A patient typed over somebody whom anything else knows is somebody new.

    Raises
    ------
    Conflict
        ``referral.changed_meanwhile``: somebody else stored another one.
    InputRejected
        A code that is not in the list, a site that cannot be asked, a text that is too long.
    """
    with ctx.store.begin() as unit:
        draft = visible_referral(unit, actor, referral_id)
        require_act(actor, draft, ReferralAction.EDIT)
        check_codes(form.content)
        _check_sites(unit, draft, form)
        person_id = draft.person_id
        if form.patient is not None and not draft.attachments and not form.attachments:
            whole(form.patient.name, MAX_NAME)
            person_id = person_as_typed(ctx, unit, draft, form.patient)
        changed = replace(
            draft,
            revision=revision,
            person_id=person_id,
            content=_trimmed(form.content),
            target_site_id=form.target_site_id,
            home_site_id=form.home_site_id,
            attachments=_checked(unit, actor, form.attachments, person_id),
        )
        saved = unit.referrals.save(changed)
        unit.events.append(
            type="referral.changed", actor_id=actor.user_id, payload={"referral": draft.id}
        )
        unit.commit()
    return saved


def targets(unit: Unit, site_id: str) -> list[Site]:
    """Active sites above a site, the nearest first: whom it may ask."""
    sites = {site.id: site for site in unit.accounts.sites()}
    found, at = [], sites[site_id]
    while at.parent_id is not None:
        at = sites[at.parent_id]
        if at.is_active:
            found.append(at)
    return found


def homes(unit: Unit, site_id: str) -> list[Site]:
    """Active sites below a site: where it may refer a patient down to."""
    sites = tuple(unit.accounts.sites())
    below = visible_from(site_id, sites) - {site_id}
    return [site for site in sites if site.id in below and site.is_active]


def check_codes(content: UpContent) -> None:
    """Refuse codes that are in no list.

    Raises
    ------
    InputRejected
        ``referral.unknown_code`` with what and which.
    """
    codes = referral_codes()
    asked: list[tuple[str, str, Mapping[str, object]]] = [
        ("reason", one, codes.reasons) for one in content.reasons
    ]
    asked += [
        ("department", content.department, codes.departments),
        ("transport", content.transport, codes.transports),
    ]
    for field, code, known in asked:
        if code and code not in known:
            raise InputRejected("referral.unknown_code", field=field, found=code[:40])
    if len(content.reasons) > MAX_REASONS:
        raise InputRejected("referral.too_many_reasons", limit=MAX_REASONS)


def _person(ctx: Context, unit: Unit, actor: Actor, prefill: Prefill) -> str:
    """Whose referral it is: the case's, the visit's, or somebody new."""
    for one in prefill.attachments:
        if one.kind is AttachmentKind.CASE:
            return visible_case(unit, actor, one.id).person_id
    if prefill.person_id:
        return prefill.person_id
    person_id = ctx.ids.new()
    unit.persons.add(person_id, Patient(name=""))
    return person_id


def _checked(
    unit: Unit, actor: Actor, attachments: tuple[Attachment, ...], person_id: str
) -> tuple[Attachment, ...]:
    """Attachments of this person that the actor may see, each with its signed version as of now."""
    if len(attachments) > MAX_ATTACHMENTS:
        raise InputRejected("referral.too_many_attachments", limit=MAX_ATTACHMENTS)
    found = []
    for one in dict.fromkeys(attachments):
        whose, version = _attached(unit, actor, one)
        if whose != person_id:
            raise InputRejected("referral.other_person")
        found.append(replace(one, version=version))
    return tuple(found)


def _attached(unit: Unit, actor: Actor, attachment: Attachment) -> tuple[str, int]:
    """Person and signed version of a case or visit that the actor may open."""
    if attachment.kind is AttachmentKind.VISIT:
        return visible_visit(unit, actor, attachment.id).person_id, 0
    case = visible_case(unit, actor, attachment.id)
    return case.person_id, case.report_version


def _content(unit: Unit, actor: Actor, prefill: Prefill) -> UpContent:
    """The form as it opens: urgency and department as the first reason proposes."""
    codes = referral_codes()
    content = UpContent(reasons=prefill.reasons)
    check_codes(content)
    reasons = [codes.reasons[one] for one in prefill.reasons]
    proposed = [one.urgency for one in reasons] + ([prefill.urgency] if prefill.urgency else [])
    site = {site.id: site for site in unit.accounts.sites()}[actor.site_id]
    return replace(
        content,
        urgency=min(proposed, key=lambda one: one.rank, default=ReferralUrgency.ROUTINE),
        department=reasons[0].department if reasons else "",
        present_history=whole(prefill.present_history, MAX_REASON),
        past_history=whole(prefill.past_history, MAX_REASON),
        treatment=whole(prefill.treatment, MAX_REASON),
        doctor_phone=site.phone,
    )


def _trimmed(content: UpContent) -> UpContent:
    texts = {
        name: whole(getattr(content, name), MAX_REASON)
        for name in ("impression", "present_history", "past_history", "treatment")
    }
    lines = {
        name: whole(getattr(content, name), 2 * MAX_NAME)
        for name in ("doctor_phone", "address", "record_number")
    }
    return replace(content, **texts, **lines)  # type: ignore[arg-type]  # texts, by name


def _first_target(unit: Unit, site_id: str) -> str:
    """The county hospital where there is one above, else the nearest site above."""
    above = targets(unit, site_id)
    counties = [site.id for site in above if site.kind is SiteKind.COUNTY]
    if not above:
        raise InputRejected("referral.nobody_above")
    return (counties or [above[0].id])[0]


def _check_sites(unit: Unit, draft: Referral, form: DraftForm) -> None:
    if draft.direction is Direction.UP:
        is_sound = form.home_site_id == draft.home_site_id and form.target_site_id in {
            site.id for site in targets(unit, draft.from_site_id)
        }
    else:
        below = {site.id for site in homes(unit, draft.from_site_id)}
        is_sound = form.target_site_id == draft.target_site_id and (
            form.home_site_id in below | {draft.from_site_id}
        )
    if not is_sound:
        raise InputRejected("referral.site")

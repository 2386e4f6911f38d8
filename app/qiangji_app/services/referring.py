"""Acts on referrals: send, answer, receive, refer down, end; each once, against one version."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from qiangji_app.domain.ids import is_uuid
from qiangji_app.domain.referral import Direction, DownPlan, Referral, Step, applied
from qiangji_app.domain.referral_follow_up import FollowUpKind
from qiangji_app.domain.referral_workflow import ReferralAction, ReferralState
from qiangji_app.domain.roles import Actor, SiteKind
from qiangji_app.ports import Unit
from qiangji_app.referral_codes import OTHER, referral_codes
from qiangji_app.services.context import Context
from qiangji_app.services.limits import MAX_CALL_TEXT, MAX_NAME, MAX_REASON, whole
from qiangji_app.services.referral_access import require_act, visible_referral
from qiangji_app.services.referral_drafts import targets
from qiangji_app.services.referral_follow_ups import add_emergency, add_planned, void_follow_ups
from qiangji_datasets.errors import Conflict, InputRejected

_A = ReferralAction
#: Event of each act.
EVENTS: Final = {
    _A.SEND: "referral.sent",
    _A.CANCEL: "referral.cancelled",
    _A.ACCEPT: "referral.accepted",
    _A.DECLINE: "referral.declined",
    _A.REDIRECT: "referral.redirected",
    _A.TAKE_BACK: "referral.taken_back",
    _A.ARRIVE: "referral.arrived",
    _A.ADMIT: "referral.admitted",
    _A.REFER_DOWN: "referral.referred_down",
    _A.CLOSE: "referral.closed",
    _A.NOTE: "referral.noted",
}
#: Acts that ``answer`` takes.
PLAIN: Final = frozenset(EVENTS) - {_A.SEND, _A.REDIRECT, _A.REFER_DOWN}
#: Acts that give one of the reasons listed for them.
_WITH_CODE: Final = frozenset({_A.CANCEL, _A.DECLINE, _A.REDIRECT, _A.TAKE_BACK, _A.CLOSE})
#: After these codes nobody has to see the patient any more.
_NOBODY_TO_SEE: Final = frozenset({"error", "died"})
_BOTH: Final = (FollowUpKind.EMERGENCY, FollowUpKind.PLAN)
_MAX_MEDICINES: Final = 30


@dataclass(frozen=True)
class Act:
    """What every act carries.

    ``key`` is a UUID made by the client: the same key is the same act, however often it comes.
    ``revision`` is that of the referral as the page showed it. ``code`` is a reason listed for the
    act, ``text`` free words.
    """

    key: str
    revision: int
    code: str = ""
    text: str = ""


def send(
    ctx: Context, actor: Actor, referral_id: str, act: Act, *, to: tuple[str, str] = ("", "")
) -> Referral:
    """Send a referral up; one that was declined may be sent again, somewhere else.

    Parameters
    ----------
    to
        Site and department of a referral that is sent again; empty keeps what is stored.

    Raises
    ------
    InputRejected
        What the form still lacks: patient, reason, words, department, transport, consent.
    """
    with ctx.store.begin() as unit:
        stored, is_done = _begun(unit, actor, referral_id, act, _A.SEND)
        if is_done:
            return stored
        referral = _moved_to(unit, stored, *to) if stored.requested_at else stored
        _check_complete(unit, referral)
        saved = _do(ctx, unit, actor, referral, act, action=_A.SEND)
        if saved.is_emergency and stored.requested_at is None:
            add_emergency(ctx, unit, saved)
        unit.commit()
    return saved


def answer(
    ctx: Context, actor: Actor, referral_id: str, act: Act, action: ReferralAction
) -> Referral:
    """Any act of ``PLAIN``: it needs no more than a reason and words.

    Raises
    ------
    ValueError
        The act is not one of these.
    InputRejected
        ``referral.code``: the reason is not one of those listed for the act;
        ``referral.text_needed``: it asks for words, as refusing an emergency always does.
    """
    if action not in PLAIN:
        raise ValueError(f"{action} needs more than an answer")
    with ctx.store.begin() as unit:
        stored, is_done = _begun(unit, actor, referral_id, act, action)
        if is_done:
            return stored
        _check_code(stored, act, action)
        saved = _do(ctx, unit, actor, stored, act, action=action)
        _void(unit, stored, act, action)
        unit.commit()
    return saved


def redirect(
    ctx: Context, actor: Actor, referral_id: str, act: Act, *, site_id: str, department: str
) -> Referral:
    """Ask another site or department; the patient's wait goes on from when it was first sent.

    Raises
    ------
    InputRejected
        ``referral.same_target``, or a site that cannot be asked.
    """
    with ctx.store.begin() as unit:
        stored, is_done = _begun(unit, actor, referral_id, act, _A.REDIRECT)
        if is_done:
            return stored
        _check_code(stored, act, _A.REDIRECT)
        if (site_id, department) == (stored.target_site_id, stored.content.department):
            raise InputRejected("referral.same_target")
        hospitals = {
            site.id
            for site in unit.accounts.sites()
            if site.is_active and site.kind is not SiteKind.VILLAGE
        }
        if site_id not in hospitals - {stored.from_site_id}:
            raise InputRejected("referral.site")
        saved = _do(ctx, unit, actor, _aimed(stored, site_id, department), act, action=_A.REDIRECT)
        unit.commit()
    return saved


def refer_down(
    ctx: Context, actor: Actor, referral_id: str, act: Act, *, plan: DownPlan
) -> Referral:
    """Send the patient home with diagnosis, plan, medicines and the days of follow-up.

    Raises
    ------
    InputRejected
        No follow-up day, one in the past, a text that is too long; a draft without patient.
    """
    _check_plan(plan)
    with ctx.store.begin() as unit:
        stored, is_done = _begun(unit, actor, referral_id, act, _A.REFER_DOWN)
        if is_done:
            return stored
        if stored.direction is Direction.DOWN:
            _check_patient(unit, stored)
            if stored.home_site_id == stored.from_site_id:
                raise InputRejected("referral.home_needed")
        saved = _do(ctx, unit, actor, stored, act, action=_A.REFER_DOWN, plan=plan)
        add_planned(ctx, unit, saved, plan)
        unit.commit()
    return saved


def _begun(
    unit: Unit, actor: Actor, referral_id: str, act: Act, action: ReferralAction
) -> tuple[Referral, bool]:
    """The referral as stored, and whether this very act has happened already."""
    if not is_uuid(act.key):
        raise InputRejected("referral.id")
    referral = visible_referral(unit, actor, referral_id)
    known = referral.step(act.key)
    if known is not None:
        if (known.user_id, known.action) != (actor.user_id, action):
            raise Conflict("storage.exists")
        return referral, True
    require_act(actor, referral, action)
    return replace(referral, revision=act.revision), False


def _do(
    ctx: Context,
    unit: Unit,
    actor: Actor,
    referral: Referral,
    act: Act,
    *,
    action: ReferralAction,
    plan: DownPlan | None = None,
) -> Referral:
    """Apply an act, store it, log it; the caller commits."""
    after = require_act(actor, referral, action) if action is not _A.REDIRECT else _REDIRECTED
    step = Step(
        action=action,
        at=ctx.clock.now(),
        user_id=actor.user_id,
        site_id=actor.site_id,
        key=act.key,
        code=act.code,
        text=whole(act.text, MAX_CALL_TEXT),
    )
    saved = unit.referrals.save(applied(referral, step, after, plan=plan))
    unit.events.append(
        type=EVENTS[action],
        actor_id=actor.user_id,
        payload={
            "referral": saved.id,
            "state": saved.state.value,
            "code": act.code,
            "target": saved.target_site_id,
        },
    )
    return saved


#: A redirected referral is no longer the actor's own to judge by: the target has moved.
_REDIRECTED: Final = ReferralState.REDIRECTED


def _moved_to(unit: Unit, referral: Referral, site_id: str, department: str) -> Referral:
    if site_id and site_id not in {site.id for site in targets(unit, referral.from_site_id)}:
        raise InputRejected("referral.site")
    return _aimed(
        referral, site_id or referral.target_site_id, department or referral.content.department
    )


def _aimed(referral: Referral, site_id: str, department: str) -> Referral:
    """The referral asked of a site and department; the site asked before still sees it."""
    if department not in referral_codes().departments:
        raise InputRejected("referral.unknown_code", field="department", found=department[:40])
    past = referral.past_targets
    if site_id != referral.target_site_id and referral.target_site_id not in past:
        past = (*past, referral.target_site_id)
    return replace(
        referral,
        target_site_id=site_id,
        past_targets=past,
        content=replace(referral.content, department=department),
    )


def _check_patient(unit: Unit, referral: Referral) -> None:
    patient = unit.persons.get(referral.person_id)
    if patient is None or not patient.name.strip():
        raise InputRejected("referral.patient_needed")


def _check_complete(unit: Unit, referral: Referral) -> None:
    """What a receiving doctor cannot do without."""
    _check_patient(unit, referral)
    content = referral.content
    missing = [
        field
        for field, is_there in (
            ("reasons", content.reasons),
            ("present_history", content.present_history),
            ("department", content.department),
            ("transport", content.transport),
            ("consent", content.has_consent or referral.is_emergency),
        )
        if not is_there
    ]
    if missing:
        raise InputRejected("referral.incomplete", fields=",".join(missing))


def _check_code(referral: Referral, act: Act, action: ReferralAction) -> None:
    codes = referral_codes()
    if action in _WITH_CODE:
        known = set(codes.answers[action.value])
        if action is _A.CLOSE:
            known &= set(codes.close_from[referral.state.value])
        if act.code not in known:
            raise InputRejected("referral.code", found=act.code[:40])
    refuses_emergency = action is _A.DECLINE and referral.is_emergency
    needs_text = act.code == OTHER or refuses_emergency or action is _A.NOTE
    if needs_text and not act.text.strip():
        raise InputRejected("referral.text_needed")


def _void(unit: Unit, referral: Referral, act: Act, action: ReferralAction) -> None:
    """Follow-ups that make no sense any more; the emergency one outlives every other answer."""
    if action in (_A.CANCEL, _A.CLOSE) and act.code in _NOBODY_TO_SEE:
        void_follow_ups(unit, referral, act.code, _BOTH)
    if action is _A.TAKE_BACK and referral.state is ReferralState.REFERRED_DOWN:
        void_follow_ups(unit, referral, "taken_back", (FollowUpKind.PLAN,))


def _check_plan(plan: DownPlan) -> None:
    """Refuse a plan whose texts are too long, or with too many or nameless medicines."""
    for text in (plan.diagnosis, plan.next_steps, plan.results, plan.refer_again_if):
        whole(text, MAX_REASON)
    for text in (plan.record_number, plan.doctor_phone):
        whole(text, 2 * MAX_NAME)
    if len(plan.medicines) > _MAX_MEDICINES:
        raise InputRejected("referral.too_many_medicines", limit=_MAX_MEDICINES)
    for one in plan.medicines:
        if not one.name.strip():
            raise InputRejected("referral.medicine_name")
        for text in (one.name, one.dose, one.frequency, one.until):
            whole(text, 2 * MAX_NAME)

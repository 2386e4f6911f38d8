"""The referral letter 双向转诊单 as a document: what its page and PDF show, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from qiangji_app.domain.person import Patient
from qiangji_app.domain.referral import DownPlan, Referral
from qiangji_app.domain.referral_workflow import ReferralAction
from qiangji_app.domain.roles import Actor, Site
from qiangji_app.services.ages import day_at, zone_at
from qiangji_app.services.context import Context
from qiangji_app.services.referral_access import visible_referral
from qiangji_datasets.errors import NotFound


@dataclass(frozen=True)
class ReferralLetter:
    """One letter with its counterfoil 存根: up (转出单), or down (回转单) where ``plan`` is set."""

    referral: Referral
    patient: Patient
    from_site: Site
    to_site: Site
    plan: DownPlan | None
    doctor: str
    doctor_phone: str
    at: datetime
    age_day: date
    zone: ZoneInfo
    receiving_doctor: str


def referral_letter(
    ctx: Context, actor: Actor, referral_id: str, *, is_down: bool
) -> ReferralLetter:
    """A letter; printing it is written to the chain of reads.

    Raises
    ------
    NotFound
        ``referral.no_letter``: it was not sent up, or not referred down.
    """
    with ctx.store.begin() as unit:
        referral = visible_referral(unit, actor, referral_id)
        step = referral.last(_REFERRED if is_down else _SENT)
        plan = referral.plan if is_down else None
        if step is None or (is_down and plan is None):
            raise NotFound("referral.no_letter")
        unit.reads.append(
            type="referral.printed", actor_id=actor.user_id, payload={"referral": referral.id}
        )
        unit.commit()
    with ctx.store.read() as unit:
        sites = {site.id: site for site in unit.accounts.sites()}
        names = {account.id: account.display_name for account in unit.accounts.all()}
        patient = unit.persons.get(referral.person_id) or Patient(name="")
    site = sites[step.site_id]
    # Who takes over: who accepted; on the way down the doctor who had sent the patient up.
    other = referral.last(_SENT if is_down else ReferralAction.ACCEPT)
    phone = referral.content.doctor_phone if plan is None else plan.doctor_phone
    return ReferralLetter(
        referral=referral,
        patient=patient,
        from_site=site,
        to_site=sites[referral.home_site_id if is_down else referral.target_site_id],
        plan=plan,
        doctor=names.get(step.user_id, ""),
        doctor_phone=phone or site.phone,
        at=step.at,
        age_day=day_at(site, step.at),
        zone=zone_at(site),
        receiving_doctor="" if other is None else names.get(other.user_id, ""),
    )


_SENT: Final = ReferralAction.SEND
_REFERRED: Final = ReferralAction.REFER_DOWN

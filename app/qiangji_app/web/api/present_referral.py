"""Referrals as JSON, with the texts a person sees in the caller's language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from qiangji_app.domain.person import Patient
from qiangji_app.domain.referral import DownPlan, Referral, Step
from qiangji_app.domain.referral_clock import Standing
from qiangji_app.domain.referral_follow_up import ReferralFollowUp
from qiangji_app.domain.referral_workflow import SENDING
from qiangji_app.domain.roles import Actor, Site
from qiangji_app.referral_codes import clock_origins, referral_clocks, referral_codes
from qiangji_app.services.ages import age_text
from qiangji_app.services.referral_alerts import ReferralAlert
from qiangji_app.services.referral_follow_ups import DueFollowUp
from qiangji_app.services.referral_listing import AttachedCase, ReferralDetail, ReferralRow
from qiangji_app.services.referral_statistics import MonthRow
from qiangji_app.web.api.words import Json, Words, iso


class ReferralPresenter:
    """Builds JSON for one caller.

    Parameters
    ----------
    words
        All texts in the caller's language.
    sites
        All sites by id.
    actor
        Whose acts are his own to take back.
    now
        Instant against which waits are told.
    """

    def __init__(
        self, words: Words, sites: Mapping[str, Site], *, actor: Actor, now: datetime
    ) -> None:
        self._words = words
        self._actor = actor
        self._sites = sites
        self._now = now

    def row(self, row: ReferralRow) -> Json:
        """A referral in a list."""
        referral, codes = row.referral, referral_codes()
        content, language = referral.content, self._words.language
        department = codes.departments.get(content.department)
        return {
            "id": referral.id,
            "short_id": referral.id[-8:],
            "direction": referral.direction.value,
            "state": referral.state.value,
            "state_text": self._words.text(f"referral.state.{referral.state.value}"),
            "urgency": content.urgency.value,
            "urgency_text": self._words.text(f"referral.urgency.{content.urgency.value}"),
            "from": self.site(referral.from_site_id),
            "target": self.site(referral.target_site_id),
            "home": self.site(referral.home_site_id),
            "department_text": department.text(language) if department else "",
            "patient": self._patient_line(row.patient, row.age_day),
            "reasons": [
                {"id": one, "text": codes.reasons[one].words.text(language)}
                for one in content.reasons
            ],
            "is_green_channel": content.is_green_channel,
            "created_at": referral.created_at.isoformat(),
            "requested_at": iso(referral.requested_at),
            "down_at": iso(referral.down_at),
            "ended_at": iso(referral.ended_at),
            "waits": None if row.standing is None else self.waits(row.standing),
            "is_ours": row.is_ours,
            "is_my_turn": row.is_my_turn,
            "is_demo": referral.is_demo,
        }

    def waits(self, found: Standing) -> Json:
        """How long the next step is waited for."""
        return {
            "stage": found.stage.value,
            "stage_text": self._words.text(f"referral.stage.{found.stage.value}"),
            "turn": found.turn.value,
            "since": found.since.isoformat(),
            "minutes": found.minutes(self._now),
            "limit_minutes": found.limits.late,
            "level": int(found.level),
            "level_text": self._words.text(f"referral.level.{int(found.level)}"),
        }

    def detail(self, found: ReferralDetail) -> Json:
        """A referral with everything the caller may see and do."""
        referral, patient = found.row.referral, found.row.patient
        content = asdict(referral.content) | {"urgency": referral.content.urgency.value}
        return self.row(found.row) | {
            "revision": referral.revision,
            "content": content | {"reasons": list(referral.content.reasons)},
            "transport_text": self._coded("transport", referral.content.transport),
            "patient": self._patient_line(patient, found.row.age_day)
            | {
                "kind": patient.kind.value,
                "id_number": patient.id_number,
                "birth_date": patient.birth_date.isoformat() if patient.birth_date else None,
                "stated_age_years": patient.age_years,
                "phone": patient.phone,
            },
            "is_patient_fixed": bool(referral.attachments),
            "plan": None if referral.plan is None else _plan(referral.plan),
            "attachments": [self._attached(one) for one in found.attached],
            "steps": [self._step(one, referral, found) for one in referral.steps],
            "follow_ups": [self.follow_up(one, found.names) for one in found.follow_ups],
            "contact": self._contact(found),
            "may": {action.value: True for action in sorted(found.may)},
            "targets": [self._named(site) for site in found.targets],
            "homes": [self._named(site) for site in found.homes],
            "hospitals": [self._named(site) for site in found.hospitals],
            "close_codes": list(referral_codes().close_from.get(referral.state.value, ())),
        }

    def follow_up(self, item: ReferralFollowUp, names: Mapping[str, str]) -> Json:
        """A follow-up and what came of it."""
        return {
            "id": item.id,
            "referral_id": item.referral_id,
            "kind": item.kind.value,
            "kind_text": self._words.text(f"follow_up.kind.{item.kind.value}"),
            "site": self.site(item.site_id),
            "due_on": item.due_on.isoformat(),
            "what": item.what,
            "attempts": item.attempts,
            "outcome": item.outcome.value if item.outcome else "",
            "outcome_text": (
                self._words.text(f"follow_up.outcome.{item.outcome.value}") if item.outcome else ""
            ),
            "done_at": iso(item.done_at),
            "done_by": names.get(item.done_by, ""),
            "note": item.note,
            "is_due": item.is_due,
            "is_void": bool(item.void_reason),
            "may_record": self._actor.has(*SENDING) and self._actor.sees_site(item.site_id),
            "is_mine": item.done_by == self._actor.user_id,
        }

    def due(self, item: DueFollowUp) -> Json:
        """A follow-up on a calendar, with the patient."""
        reasons = item.referral.content.reasons
        return self.follow_up(item.follow_up, {}) | {
            "patient": self._patient_line(item.patient, self._now.date())
            | {"phone": item.patient.phone},
            "days_left": item.days_left,
            "reasons": [self._coded("reason", one) for one in reasons],
        }

    def alert(self, item: ReferralAlert) -> Json:
        """What cannot wait, with whom to telephone."""
        return self.row(item.row) | {
            "key": item.key,
            "contact": {
                "site": {"id": item.contact.site.id, "name": item.contact.site.name},
                "phone": item.contact.site.phone,
                "online": list(item.contact.online),
            },
        }

    def month(self, row: MonthRow) -> Json:
        """One site in one month."""
        fields = asdict(row)
        return fields | {"site": self.site(row.site.id)}

    def site(self, site_id: str) -> Json:
        """Id and name of a site."""
        site = self._sites.get(site_id)
        return {"id": site_id, "name": site.name if site else site_id}

    def _named(self, site: Site) -> Json:
        return {"id": site.id, "name": site.name, "kind": site.kind.value}

    def _contact(self, found: ReferralDetail) -> Json:
        site = found.contact.site
        return {
            "site": {"id": site.id, "name": site.name},
            "phone": site.phone,
            "online": list(found.contact.online),
        }

    def _patient_line(self, patient: Patient, day: date) -> Json:
        return {
            "name": patient.name,
            "sex": patient.sex,
            "age_text": age_text(patient, day, self._words.catalogue, self._words.language),
        }

    def _attached(self, item: AttachedCase) -> Json:
        case = item.case
        return {
            "kind": item.attachment.kind.value,
            "id": item.attachment.id,
            "short_id": item.attachment.id[-8:],
            "version": item.attachment.version,
            "may_open": case is not None,
            "modality": case.modality if case else "",
            "state": case.state.value if case else "",
            "signed_version": case.report_version if case else 0,
            "at": iso(case.submitted_at or case.created_at) if case else None,
        }

    def _step(self, step: Step, referral: Referral, found: ReferralDetail) -> Json:
        codes = referral_codes().answers.get(step.action.value)
        code = codes.get(step.code) if codes else None
        return {
            "action": step.action.value,
            "text_action": self._words.text(f"referral.act.{step.action.value}"),
            "at": step.at.isoformat(),
            "by": found.names.get(step.user_id, ""),
            "site": self.site(step.site_id),
            "is_ours": step.site_id == referral.from_site_id,
            "code_text": code.text(self._words.language) if code else "",
            "text": step.text,
        }

    def _coded(self, kind: str, code: str) -> str:
        codes = referral_codes()
        if kind == "reason":
            found = codes.reasons.get(code)
            return found.words.text(self._words.language) if found else code
        words = codes.transports.get(code)
        return words.text(self._words.language) if words else code


def _plan(plan: DownPlan) -> Json:
    days = [{"on": one.on.isoformat(), "what": one.what} for one in plan.follow_ups]
    return asdict(plan) | {"medicines": [asdict(one) for one in plan.medicines], "follow_ups": days}


def codes_json(words: Words) -> Json:
    """Everything that may be chosen, in one language, with sources and clocks."""
    codes, language = referral_codes(), words.language

    def listed(rows: Mapping[str, Any]) -> list[Json]:  # Any: Words of referral_codes
        return [{"id": key, "text": row.text(language)} for key, row in rows.items()]

    return {
        "groups": listed(codes.groups),
        "reasons": [
            {
                "id": one.id,
                "group": one.group,
                "text": one.words.text(language),
                "urgency": one.urgency.value,
                "department": one.department,
                "source": codes.sources[one.source].words.text(language),
                "is_verified": codes.sources[one.source].is_verified,
            }
            for one in codes.reasons.values()
        ],
        "departments": listed(codes.departments),
        "transports": listed(codes.transports),
        "answers": {act: listed(rows) for act, rows in codes.answers.items()},
        "clocks": _clocks(),
    }


def _clocks() -> list[Json]:
    origins = clock_origins()
    return [
        {
            "stage": stage.value,
            "urgency": urgency.value,
            "origin": origins[stage.value],
            **asdict(limits),
        }
        for (stage, urgency), limits in referral_clocks().items()
    ]


def rows_json(present: ReferralPresenter, rows: Iterable[ReferralRow]) -> list[Json]:
    """A list of referrals."""
    return [present.row(row) for row in rows]

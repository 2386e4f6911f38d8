"""Registers, records and clocks as JSON, in the caller's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date

from qiangji_app.domain.referral_follow_up import ReferralFollowUp
from qiangji_app.domain.register import Enrolment, FollowUp, Plan, RegisterKind
from qiangji_app.services.disease_reports import Clock
from qiangji_app.services.public_health import Assessment, Field, Population
from qiangji_app.services.registers import DueRow, RegisterRow
from qiangji_app.visit_ports import Managed
from qiangji_app.web.api.present_visit import VisitPresenter
from qiangji_app.web.api.words import Json, iso


@dataclass(frozen=True)
class RegisterPresenter:
    """Builds JSON on top of what presents visits."""

    present: VisitPresenter

    def text(self, key: str, params: Mapping[str, object] | None = None) -> str:
        """A text in the caller's language."""
        return self.present.words.text(key, params)

    def population(self, population: Population) -> Json:
        """A register with its form and the source of its schedule."""
        form = population.form
        return {
            "kind": population.kind.value,
            "name": self.text(f"register.{population.kind.value}"),
            "is_scheduled": population.is_scheduled,
            "source": asdict(population.source),
            "form": None
            if form is None
            else {
                "id": form.id,
                "name": self.text(f"form.{form.id}.title"),
                "fields": [self._field(field) for field in form.fields],
            },
        }

    def _field(self, field: Field) -> Json:
        return {
            "id": field.id,
            "section": field.section,
            "name": self.field_name(field),
            "kind": field.kind,
            "options": [{"code": one, "text": self.option(field, one)} for one in field.options],
            "unit": self.present.unit(field.unit),
            "fact": field.fact,
            "context": dict(field.context or {}),
            "has_target": field.has_target,
            "is_required": field.is_required,
            "is_own": field.is_own,
            "keys": list(field.keys),
        }

    def field_name(self, field: Field) -> str:
        """Name of a line of a form."""
        return self.text(f"form.field.{field.id}")

    def option(self, field: Field, code: str) -> str:
        """Words of a choice."""
        return self.text(f"form.option.{field.id}.{code}")

    def entry(self, entry: Enrolment) -> Json:
        """Somebody's place in a register."""
        return {
            "id": entry.id,
            "person_id": entry.person_id,
            "kind": entry.kind.value,
            "name": self.text(f"register.{entry.kind.value}"),
            "since": _day(entry.since),
            "number": entry.number,
            "next_due": _day(entry.next_due),
            "enrolled_at": iso(entry.enrolled_at),
            "ended_at": iso(entry.ended_at),
            "end_reason": entry.end_reason,
        }

    def row(self, row: RegisterRow) -> Json:
        """One line of a register."""
        return self.entry(row.enrolment) | {
            "patient": self.present.patient(row.patient),
            "days_overdue": row.days_overdue,
            "last": None if row.last is None else self.follow_up(row.last),
        }

    def follow_up(self, item: FollowUp) -> Json:
        """A record, with its class in words."""
        return {
            "id": item.id,
            "day": item.day.isoformat(),
            "standard": item.standard,
            "fields": item.fields,
            "category": item.category.value if item.category else None,
            "category_text": self._category(item.category.value if item.category else ""),
            "is_controlled": item.is_controlled,
            "is_referred": item.is_referred,
            "next_due": _day(item.next_due),
        }

    def _category(self, code: str) -> str:
        return self.text(f"follow_up.category.{code}") if code else ""

    def assessment(self, found: Assessment, population: Population) -> Json:
        """What the standard says of a form as it stands."""
        form = population.form
        names = {field.id: field for field in form.fields} if form else {}
        return {
            "category": found.category.value if found.category else None,
            "category_text": self._category(found.category.value if found.category else ""),
            "is_controlled": found.is_controlled,
            "next_due": _day(found.next_due),
            "is_referral": found.is_referral,
            "is_emergency": found.is_emergency,
            "reasons": [self.text(code) for code in found.reasons],
            "missing": [{"id": one, "name": self.field_name(names[one])} for one in found.missing],
            "source": asdict(population.source) | {"clause": found.clause},
        }

    def plan(self, plan: Plan) -> Json:
        """A day on which somebody is to be seen."""
        is_register = plan.topic in set(RegisterKind)
        return {
            "id": plan.id,
            "person_id": plan.person_id,
            "kind": plan.kind.value,
            "topic": plan.topic,
            "text": self.text(f"register.{plan.topic}")
            if is_register
            else self.text("plan.advice"),
            "due_on": plan.due_on.isoformat(),
            "ref": plan.ref,
        }

    def due(self, row: DueRow) -> Json:
        """One line of the calendar."""
        item = row.item
        said = self.plan(item) if isinstance(item, Plan) else self._referral(item)
        return said | {
            "patient": self.present.patient(row.patient),
            "days_overdue": row.days_overdue,
        }

    def _referral(self, item: ReferralFollowUp) -> Json:
        """A day that a referral asks for; it is answered on the page of referrals."""
        return {
            "id": item.id,
            "person_id": item.person_id,
            "kind": "referral",
            "topic": item.kind.value,
            "text": self.text(f"due.referral_{item.kind.value}"),
            "due_on": item.due_on.isoformat(),
            "ref": item.referral_id,
        }

    def rate(self, kind: RegisterKind, found: Managed) -> Json:
        """A control rate with what it is made of; None where nobody is in the register."""
        rate = round(100 * found.controlled / found.managed, 1) if found.managed else None
        return {
            "kind": kind.value,
            "name": self.text(f"register.{kind.value}"),
            "percent": rate,
        } | asdict(found)

    def clock(self, clock: Clock) -> Json:
        """The clock of a notifiable disease."""
        found = clock.report
        return {
            "id": found.id,
            "case_id": found.case_id,
            "disease": found.disease,
            "name": self.text(f"disease.{found.disease}"),
            "patient": self.present.patient(clock.patient),
            "person_id": found.person_id,
            "site": self.present._site(found.site_id),
            "began_at": iso(found.began_at),
            "due_at": iso(found.due_at),
            "filer": clock.filer_name,
            "filed_at": iso(found.filed_at),
            "card_number": found.card_number,
            "arrived_on": _day(found.arrived_on),
            "place": found.place,
            "is_late": clock.is_late,
        }


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None

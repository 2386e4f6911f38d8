"""Registers, follow-ups, plans, and the clocks of notifiable diseases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, func, or_, select, update

from qiangji_app.domain.register import (
    DiseaseReport,
    Enrolment,
    FollowUp,
    FollowUpClass,
    Plan,
    PlanKind,
    RegisterKind,
)
from qiangji_app.storage.rows import Rows
from qiangji_app.storage.visit_tables import disease_report, enrolment, follow_up, plan
from qiangji_app.visit_ports import Managed, RegisterQuery
from qiangji_datasets.errors import NotFound


class SqlRegisters:
    """Registers of one transaction."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._cipher = rows.cipher

    # --- who is in a register

    def get(self, enrolment_id: str) -> Enrolment | None:
        """One entry."""
        return self._rows.one(
            select(enrolment).where(enrolment.c.id == enrolment_id), self._to_enrolment
        )

    def add(self, item: Enrolment) -> None:
        """Add an entry.

        Raises
        ------
        Conflict
            The person is in this register already.
        """
        self._rows.insert(enrolment, self._enrolment_values(item))

    def save(self, item: Enrolment) -> None:
        """Store a changed entry."""
        self._update(enrolment, item.id, self._enrolment_values(item))

    def of_person(self, person_ids: frozenset[str]) -> Sequence[Enrolment]:
        """Entries of somebody, open and ended."""
        statement = select(enrolment).where(enrolment.c.person_id.in_(person_ids))
        return self._rows.all(statement.order_by(enrolment.c.seq), self._to_enrolment)

    def find(self, query: RegisterQuery) -> Sequence[Enrolment]:
        """Open entries, those without a date first, then by the day on which they are due."""
        statement = (
            select(enrolment)
            .where(*_wanted(query))
            .order_by(enrolment.c.next_due.is_(None).desc(), enrolment.c.next_due, enrolment.c.seq)
            .limit(query.limit)
            .offset(query.offset)
        )
        return self._rows.all(statement, self._to_enrolment)

    def count(self, query: RegisterQuery) -> int:
        """How many entries ``find`` would give without a limit."""
        statement = select(func.count()).select_from(enrolment).where(*_wanted(query))
        return self._rows.one(statement, lambda row: int(row[0])) or 0

    # --- what was done

    def follow_up(self, follow_up_id: str) -> FollowUp | None:
        """One record."""
        return self._rows.one(
            select(follow_up).where(follow_up.c.id == follow_up_id), self._to_follow_up
        )

    def add_follow_up(self, item: FollowUp) -> None:
        """Add a record.

        Raises
        ------
        Conflict
            The id is taken.
        """
        self._rows.insert(follow_up, self._follow_up_values(item))

    def follow_ups(self, enrolment_id: str) -> Sequence[FollowUp]:
        """Records of one entry, the newest first."""
        statement = select(follow_up).where(follow_up.c.enrolment_id == enrolment_id)
        ordered = statement.order_by(follow_up.c.day.desc(), follow_up.c.seq.desc())
        return self._rows.all(ordered, self._to_follow_up)

    def managed(
        self, kind: RegisterKind, site_ids: frozenset[str], since: date, until: date
    ) -> Managed:
        """How many were in a register within days, were followed up, and were controlled last."""
        mine = (enrolment.c.kind == kind.value, enrolment.c.site_id.in_(site_ids))
        during = or_(enrolment.c.ended_at.is_(None), func.date(enrolment.c.ended_at) >= since)
        everybody = select(func.count(func.distinct(enrolment.c.person_id))).where(
            *mine, during, func.date(enrolment.c.enrolled_at) <= until
        )
        last = (
            select(follow_up.c.person_id, follow_up.c.is_controlled)
            .where(
                follow_up.c.kind == kind.value,
                follow_up.c.site_id.in_(site_ids),
                follow_up.c.day.between(since, until),
            )
            .order_by(follow_up.c.day, follow_up.c.seq)
        )
        newest = dict(self._rows.all(last, lambda row: (row.person_id, row.is_controlled)))
        return Managed(
            managed=self._rows.one(everybody, lambda row: int(row[0])) or 0,
            followed=len(newest),
            controlled=sum(1 for is_controlled in newest.values() if is_controlled),
        )

    # --- what is due

    def plan(self, plan_id: str) -> Plan | None:
        """One plan."""
        return self._rows.one(select(plan).where(plan.c.id == plan_id), _to_plan)

    def add_plan(self, item: Plan) -> None:
        """Add a plan."""
        self._rows.insert(plan, _plain(item) | {"kind": item.kind.value})

    def save_plan(self, item: Plan) -> None:
        """Store a plan that was carried out."""
        self._update(plan, item.id, _plain(item) | {"kind": item.kind.value})

    def open_plans(
        self,
        *,
        site_ids: frozenset[str] | None = None,
        person_ids: frozenset[str] | None = None,
        ref: str = "",
        until: date | None = None,
        limit: int = 1000,
    ) -> Sequence[Plan]:
        """Plans that nobody carried out yet, the earliest first."""
        conditions: list[ColumnElement[bool]] = [plan.c.done_at.is_(None)]
        if site_ids is not None:
            conditions.append(plan.c.site_id.in_(site_ids))
        if person_ids is not None:
            conditions.append(plan.c.person_id.in_(person_ids))
        if ref:
            conditions.append(plan.c.ref == ref)
        if until is not None:
            conditions.append(plan.c.due_on <= until)
        statement = select(plan).where(*conditions).order_by(plan.c.due_on, plan.c.seq)
        return self._rows.all(statement.limit(limit), _to_plan)

    # --- notifiable diseases

    def disease_report(self, report_id: str) -> DiseaseReport | None:
        """One clock."""
        statement = select(disease_report).where(disease_report.c.id == report_id)
        return self._rows.one(statement, self._to_disease_report)

    def disease_report_of(self, case_id: str, disease: str) -> DiseaseReport | None:
        """The clock of a disease of a case; None where none was begun."""
        statement = select(disease_report).where(
            disease_report.c.case_id == case_id, disease_report.c.disease == disease
        )
        return self._rows.one(statement, self._to_disease_report)

    def disease_reports(self, site_ids: frozenset[str], limit: int) -> Sequence[DiseaseReport]:
        """Clocks of sites, those that run first, the earliest due first."""
        statement = (
            select(disease_report)
            .where(disease_report.c.site_id.in_(site_ids))
            .order_by(disease_report.c.filed_at.is_(None).desc(), disease_report.c.due_at)
            .limit(limit)
        )
        return self._rows.all(statement, self._to_disease_report)

    def add_disease_report(self, item: DiseaseReport) -> None:
        """Begin a clock.

        Raises
        ------
        Conflict
            One was begun for this disease of this case.
        """
        self._rows.insert(disease_report, self._report_values(item))

    def save_disease_report(self, item: DiseaseReport) -> None:
        """Store who files, that it was filed, or that the patient arrived."""
        self._update(disease_report, item.id, self._report_values(item))

    # --- rows

    def _update(self, table: Table, key: str, values: dict[str, Any]) -> None:
        if not self._rows.run(update(table).where(table.c.id == key).values(**values)):
            raise NotFound("register.not_found")

    def _enrolment_values(self, item: Enrolment) -> dict[str, Any]:
        number = self._cipher.seal(item.number, f"enrolment.sealed_number:{item.id}")
        return _plain(item, "number") | {"kind": item.kind.value, "sealed_number": number}

    def _to_enrolment(self, row: Row[Any]) -> Enrolment:
        values = _values(row, "sealed_number")
        values["number"] = self._cipher.open(row.sealed_number, f"enrolment.sealed_number:{row.id}")
        return Enrolment(**(values | {"kind": RegisterKind(row.kind)}))

    def _follow_up_values(self, item: FollowUp) -> dict[str, Any]:
        sealed = self._cipher.seal_json(item.fields, f"follow_up.sealed_fields:{item.id}")
        return _plain(item, "fields") | {
            "kind": item.kind.value,
            "category": item.category.value if item.category else None,
            "sealed_fields": sealed,
        }

    def _to_follow_up(self, row: Row[Any]) -> FollowUp:
        values = _values(row, "sealed_fields")
        values["fields"] = self._cipher.open_json(
            row.sealed_fields, f"follow_up.sealed_fields:{row.id}"
        )
        values["category"] = FollowUpClass(row.category) if row.category else None
        return FollowUp(**(values | {"kind": RegisterKind(row.kind)}))

    def _report_values(self, item: DiseaseReport) -> dict[str, Any]:
        text = {"card_number": item.card_number, "place": item.place}
        sealed = self._cipher.seal_json(text, f"disease_report.sealed_text:{item.id}")
        return _plain(item, "card_number", "place") | {"sealed_text": sealed}

    def _to_disease_report(self, row: Row[Any]) -> DiseaseReport:
        text: dict[str, Any] = self._cipher.open_json(
            row.sealed_text, f"disease_report.sealed_text:{row.id}"
        )
        return DiseaseReport(**_values(row, "sealed_text"), **text)


def _wanted(query: RegisterQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [
        enrolment.c.ended_at.is_(None),
        enrolment.c.site_id.in_(query.site_ids),
    ]
    if query.kind is not None:
        found.append(enrolment.c.kind == query.kind.value)
    if query.due_before is not None:
        found.append(enrolment.c.next_due < query.due_before)
    return found


def _plain(item: object, *left_out: str) -> dict[str, Any]:
    names = [one.name for one in fields(item)]  # type: ignore[arg-type]  # always a dataclass here
    return {name: getattr(item, name) for name in names if name not in left_out}


def _values(row: Row[Any], *sealed: str) -> dict[str, Any]:
    return {name: value for name, value in row._mapping.items() if name not in {"seq", *sealed}}


def _to_plan(row: Row[Any]) -> Plan:
    return Plan(**(_values(row) | {"kind": PlanKind(row.kind)}))

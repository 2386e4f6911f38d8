"""Visits and the advice given in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Row, func, select, union, update

from qiangji_app.domain.visit import Advice, Decision, TypedFact, Visit
from qiangji_app.storage.rows import Rows
from qiangji_app.storage.visit_tables import advice, enrolment, visit
from qiangji_datasets.errors import Conflict, NotFound

_VISIT_SAME = ("id", "person_id", "site_id", "doctor_id", "at", "revision", "is_demo")
_ADVICE_SAME = (
    "id", "visit_id", "person_id", "site_id", "given_at", "rule", "pack", "edition", "version",
    "outcome", "urgency", "topic", "inputs_sha256", "decided_by", "decided_at", "reason_code",
)  # fmt: skip


class SqlVisits:
    """Visits of one transaction."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._cipher = rows.cipher

    def get(self, visit_id: str) -> Visit | None:
        """One visit."""
        return self._rows.one(select(visit).where(visit.c.id == visit_id), self._to_visit)

    def add(self, item: Visit) -> None:
        """Add a visit.

        Raises
        ------
        Conflict
            The id is taken.
        """
        self._rows.insert(visit, self._visit_values(item))

    def save(self, item: Visit) -> Visit:
        """Store a changed visit; the revision must be the stored one, and grows by one.

        Raises
        ------
        NotFound, Conflict
            No such visit; somebody else changed it first.
        """
        later = replace(item, revision=item.revision + 1)
        changed = self._rows.run(
            update(visit)
            .where(visit.c.id == item.id, visit.c.revision == item.revision)
            .values(**self._visit_values(later))
        )
        if changed:
            return later
        if self.get(item.id) is None:
            raise NotFound("visit.not_found")
        raise Conflict("visit.changed")

    def of_person(self, person_ids: frozenset[str]) -> Sequence[Visit]:
        """Visits of somebody, the newest first."""
        statement = select(visit).where(visit.c.person_id.in_(person_ids))
        return self._rows.all(
            statement.order_by(visit.c.at.desc(), visit.c.seq.desc()), self._to_visit
        )

    def people(self, site_ids: frozenset[str], limit: int) -> Sequence[tuple[str, str]]:
        """Person and site of everybody in a visit or a register of these sites, newest first."""
        seen = union(
            select(visit.c.person_id, visit.c.site_id, visit.c.at.label("at")),
            select(enrolment.c.person_id, enrolment.c.site_id, enrolment.c.enrolled_at),
        ).subquery()
        newest = func.max(seen.c.at)
        statement = (
            select(seen.c.person_id, seen.c.site_id)
            .where(seen.c.site_id.in_(site_ids))
            .group_by(seen.c.person_id, seen.c.site_id)
            .order_by(newest.desc())
            .limit(limit)
        )
        return self._rows.all(statement, lambda row: (str(row.person_id), str(row.site_id)))

    def sites_of(self, person_id: str) -> frozenset[str]:
        """Sites that have a visit or a register entry of a person; empty where there is none."""
        both = union(
            select(visit.c.site_id).where(visit.c.person_id == person_id),
            select(enrolment.c.site_id).where(enrolment.c.person_id == person_id),
        )
        return frozenset(self._rows.all(both, lambda row: str(row[0])))

    def advice(self, advice_id: str) -> Advice | None:
        """One answer as it was given."""
        return self._rows.one(select(advice).where(advice.c.id == advice_id), self._to_advice)

    def advice_of(self, visit_id: str) -> Sequence[Advice]:
        """What was advised in a visit, in the order in which it was given."""
        statement = select(advice).where(advice.c.visit_id == visit_id).order_by(advice.c.seq)
        return self._rows.all(statement, self._to_advice)

    def add_advice(self, item: Advice) -> None:
        """Keep an answer.

        Raises
        ------
        Conflict
            The same rule gave it on the same inputs before.
        """
        self._rows.insert(advice, self._advice_values(item))

    def decide(self, item: Advice) -> None:
        """Store the decision on an answer, and nothing else of it.

        Raises
        ------
        NotFound
            ``advice.not_found``.
        """
        names = ("decision", "decided_by", "decided_at", "reason_code", "sealed_reason")
        values = self._advice_values(item)
        changed = self._rows.run(
            update(advice)
            .where(advice.c.id == item.id)
            .values(**{name: values[name] for name in names})
        )
        if not changed:
            raise NotFound("advice.not_found")

    def _visit_values(self, item: Visit) -> dict[str, Any]:
        facts = [asdict(fact) | {"at": fact.at.isoformat()} for fact in item.facts]
        content = {"facts": facts, "complaint": item.complaint}
        return {name: getattr(item, name) for name in _VISIT_SAME} | {
            "sealed_content": self._cipher.seal_json(content, f"visit.sealed_content:{item.id}")
        }

    def _to_visit(self, row: Row[Any]) -> Visit:
        content = self._cipher.open_json(row.sealed_content, f"visit.sealed_content:{row.id}")
        facts = cast("list[dict[str, Any]]", content["facts"])
        return Visit(
            **{name: getattr(row, name) for name in _VISIT_SAME},
            facts=tuple(
                TypedFact(**(fact | {"at": datetime.fromisoformat(fact["at"])})) for fact in facts
            ),
            complaint=str(content["complaint"]),
        )

    def _advice_values(self, item: Advice) -> dict[str, Any]:
        content = {"situation": item.situation, "answer": item.answer}
        context = f"advice.sealed_{{}}:{item.id}"
        return {name: getattr(item, name) for name in _ADVICE_SAME} | {
            "decision": item.decision.value,
            "sealed_content": self._cipher.seal_json(content, context.format("content")),
            "sealed_reason": self._cipher.seal(item.reason, context.format("reason")),
        }

    def _to_advice(self, row: Row[Any]) -> Advice:
        context = f"advice.sealed_{{}}:{row.id}"
        content: dict[str, Any] = self._cipher.open_json(
            row.sealed_content, context.format("content")
        )
        return Advice(
            **{name: getattr(row, name) for name in _ADVICE_SAME},
            **content,
            decision=Decision(row.decision),
            reason=self._cipher.open(row.sealed_reason, context.format("reason")),
        )

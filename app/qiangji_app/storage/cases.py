"""Cases and everything attached to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Row, Select, Table, case, delete, func, or_, select, update

from qiangji_app.domain.case import (
    Acknowledgement,
    Case,
    CriticalCall,
    Finding,
    Message,
    Recording,
)
from qiangji_app.domain.report import DraftReport, SignedReport
from qiangji_app.domain.workflow import State
from qiangji_app.ports import CaseQuery
from qiangji_app.storage import case_rows
from qiangji_app.storage.crypto import FieldCipher
from qiangji_app.storage.rows import Rows
from qiangji_app.storage.tables import (
    acknowledgement,
    clinical_case,
    critical_call,
    draft_report,
    finding,
    message,
    recording,
    signed_report,
)
from qiangji_datasets.errors import Conflict, NotFound

T = TypeVar("T")


class SqlCases:
    """Cases of one transaction."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._cipher = rows.cipher

    # --- the case itself

    def get(self, case_id: str) -> Case | None:
        """One case."""
        return self._by_id(clinical_case, case_id, case_rows.to_case)

    def add(self, case: Case) -> None:
        """Add a case.

        Raises
        ------
        Conflict
            The id is taken.
        """
        self._rows.insert(clinical_case, case_rows.case_values(case, self._cipher))

    def save(self, case: Case) -> Case:
        """Store a change; the case comes back with its new revision.

        Raises
        ------
        Conflict
            ``case.changed_meanwhile``: the stored revision is another one.
        """
        saved = replace(case, revision=case.revision + 1)
        changed = self._rows.run(
            update(clinical_case)
            .where(clinical_case.c.id == case.id, clinical_case.c.revision == case.revision)
            .values(**case_rows.case_values(saved, self._cipher))
        )
        if not changed:
            raise Conflict("case.changed_meanwhile")
        return saved

    def find(self, query: CaseQuery) -> Sequence[Case]:
        """Cases in the order asked for."""
        statement = _where(select(clinical_case), query)
        if query.order == "worklist":
            statement = statement.order_by(
                clinical_case.c.urgency_level.desc(),
                func.coalesce(clinical_case.c.submitted_at, clinical_case.c.created_at),
                clinical_case.c.seq,
            )
        else:
            first = _results_first() if query.order == "results" else ()
            newest = (clinical_case.c.created_at.desc(), clinical_case.c.seq.desc())
            statement = statement.order_by(*first, *newest)
        statement = statement.limit(query.limit).offset(query.offset)
        return self._all(statement, case_rows.to_case)

    def count(self, query: CaseQuery) -> int:
        """How many cases there are, limit and offset aside."""
        statement = _where(select(func.count()).select_from(clinical_case), query)
        return self._rows.one(statement, lambda row: int(row[0])) or 0

    # --- recordings

    def recordings(self, case_id: str) -> Sequence[Recording]:
        """Recordings of a case in the order they were stored."""
        return self._of_case(recording, case_id, case_rows.to_recording)

    def recording(self, recording_id: str) -> Recording | None:
        """One recording."""
        return self._by_id(recording, recording_id, case_rows.to_recording)

    def add_recording(self, added: Recording) -> None:
        """Add a recording.

        Raises
        ------
        Conflict
            The id is taken.
        """
        self._rows.insert(recording, case_rows.recording_values(added, self._cipher))

    def save_recording(self, changed: Recording) -> None:
        """Replace a recording.

        Raises
        ------
        NotFound
            ``recording.not_found``.
        """
        values = case_rows.recording_values(changed, self._cipher)
        self._replace(recording, changed.id, values, "recording.not_found")

    def remove_recording(self, recording_id: str) -> None:
        """Remove a recording and its findings; the blob goes with the orphans."""
        self._rows.run(delete(finding).where(finding.c.recording_id == recording_id))
        self._rows.run(delete(recording).where(recording.c.id == recording_id))

    def referenced_blobs(self) -> frozenset[str]:
        """sha256 of every blob that a recording needs."""
        names: set[str] = set()
        for column in (recording.c.blob_sha256, recording.c.map_blob_sha256):
            names.update(self._rows.all(select(column).distinct(), lambda row: str(row[0])))
        return frozenset(names - {""})

    # --- findings

    def findings(self, case_id: str) -> Sequence[Finding]:
        """Findings of a case in the order they were stated."""
        statement = select(finding).where(finding.c.case_id == case_id).order_by(finding.c.seq)
        return self._rows.all(statement, case_rows.to_finding)

    def replace_findings(self, recording_id: str, findings: Sequence[Finding]) -> None:
        """Put these findings in place of all others of a recording."""
        self._rows.run(delete(finding).where(finding.c.recording_id == recording_id))
        for item in findings:
            self._rows.insert(finding, case_rows.finding_values(item))

    def save_finding(self, changed: Finding) -> None:
        """Replace a finding, or add it.

        A specialist's own finding is added this way.
        """
        values = case_rows.finding_values(changed)
        if not self._rows.run(update(finding).where(finding.c.id == changed.id).values(**values)):
            self._rows.insert(finding, values)

    def finding(self, finding_id: str) -> Finding | None:
        """One finding."""
        statement = select(finding).where(finding.c.id == finding_id)
        return self._rows.one(statement, case_rows.to_finding)

    # --- reports

    def draft(self, case_id: str) -> DraftReport | None:
        """The draft of a case."""
        statement = select(draft_report).where(draft_report.c.case_id == case_id)
        return self._rows.one(statement, partial(_opened, case_rows.to_draft, self._cipher))

    def save_draft(self, draft: DraftReport) -> None:
        """Add or replace the draft of a case."""
        values = case_rows.draft_values(draft, self._cipher)
        same = draft_report.c.case_id == draft.case_id
        if not self._rows.run(update(draft_report).where(same).values(**values)):
            self._rows.insert(draft_report, values)

    def remove_draft(self, case_id: str) -> None:
        """Forget the draft of a case."""
        self._rows.run(delete(draft_report).where(draft_report.c.case_id == case_id))

    def signed(self, case_id: str) -> Sequence[SignedReport]:
        """Signed versions, oldest first."""
        statement = (
            select(signed_report)
            .where(signed_report.c.case_id == case_id)
            .order_by(signed_report.c.version)
        )
        return self._all(statement, case_rows.to_signed)

    def add_signed(self, report: SignedReport) -> None:
        """Store a version and mark the one before it superseded.

        Raises
        ------
        Conflict
            The version exists.
        """
        self._rows.insert(signed_report, case_rows.signed_values(report, self._cipher))
        self._rows.run(
            update(signed_report)
            .where(
                signed_report.c.case_id == report.case_id,
                signed_report.c.version < report.version,
                signed_report.c.superseded_by == 0,
            )
            .values(superseded_by=report.version)
        )

    def acknowledgements(self, case_id: str) -> Sequence[Acknowledgement]:
        """Who took note, in order."""
        return self._of_case(acknowledgement, case_id, case_rows.to_acknowledgement)

    def add_acknowledgement(self, added: Acknowledgement) -> None:
        """Add an acknowledgement.

        Raises
        ------
        Conflict
            This user acknowledged this version already.
        """
        values = case_rows.acknowledgement_values(added, self._cipher)
        self._rows.insert(acknowledgement, values)

    # --- calls and messages

    def calls(self, case_id: str) -> Sequence[CriticalCall]:
        """Critical calls of a case in order."""
        return self._of_case(critical_call, case_id, case_rows.to_call)

    def open_calls(self, site_ids: frozenset[str] | None) -> Sequence[CriticalCall]:
        """Calls that nobody confirmed, of these sites (None: all), oldest first."""
        statement = select(critical_call).where(critical_call.c.outcome != "confirmed")
        if site_ids is not None:
            cases = select(clinical_case.c.id).where(clinical_case.c.site_id.in_(site_ids))
            statement = statement.where(critical_call.c.case_id.in_(cases))
        return self._all(statement.order_by(critical_call.c.seq), case_rows.to_call)

    def call(self, call_id: str) -> CriticalCall | None:
        """One critical call."""
        return self._by_id(critical_call, call_id, case_rows.to_call)

    def add_call(self, added: CriticalCall) -> None:
        """Add a critical call.

        Raises
        ------
        Conflict
            The id is taken.
        """
        self._rows.insert(critical_call, case_rows.call_values(added, self._cipher))

    def save_call(self, changed: CriticalCall) -> None:
        """Replace a critical call.

        Raises
        ------
        NotFound
            ``call.not_found``.
        """
        values = case_rows.call_values(changed, self._cipher)
        self._replace(critical_call, changed.id, values, "call.not_found")

    def messages(self, case_id: str) -> Sequence[Message]:
        """Messages of a case in order."""
        return self._of_case(message, case_id, case_rows.to_message)

    def add_message(self, added: Message) -> None:
        """Add a message.

        Raises
        ------
        Conflict
            The id is taken.
        """
        self._rows.insert(message, case_rows.message_values(added, self._cipher))

    # --- shared by the above

    def _by_id(
        self, table: Table, row_id: str, make: Callable[[Row[Any], FieldCipher], T]
    ) -> T | None:
        statement = select(table).where(table.c.id == row_id)
        return self._rows.one(statement, partial(_opened, make, self._cipher))

    def _of_case(
        self, table: Table, case_id: str, make: Callable[[Row[Any], FieldCipher], T]
    ) -> Sequence[T]:
        statement = select(table).where(table.c.case_id == case_id).order_by(table.c.seq)
        return self._all(statement, make)

    def _all(
        self, statement: Select[Any], make: Callable[[Row[Any], FieldCipher], T]
    ) -> Sequence[T]:
        return self._rows.all(statement, partial(_opened, make, self._cipher))

    def _replace(self, table: Table, row_id: str, values: Any, missing: str) -> None:
        if not self._rows.run(update(table).where(table.c.id == row_id).values(**values)):
            raise NotFound(missing)


def _opened(make: Callable[[Row[Any], FieldCipher], T], cipher: FieldCipher, row: Row[Any]) -> T:
    return make(row, cipher)


def _where(statement: Select[Any], query: CaseQuery) -> Select[Any]:
    columns = clinical_case.c
    if query.site_ids is not None:
        statement = statement.where(columns.site_id.in_(query.site_ids))
    if query.states is not None:
        statement = statement.where(columns.state.in_([state.value for state in query.states]))
    if query.modalities is not None:
        held = select(recording.c.case_id).where(recording.c.modality.in_(query.modalities))
        is_wanted = or_(columns.modality.in_(query.modalities), columns.id.in_(held))
        statement = statement.where(is_wanted)
    if query.claimed_by:
        statement = statement.where(columns.claimed_by == query.claimed_by)
    if query.person_id:
        statement = statement.where(columns.person_id == query.person_id)
    if query.families:
        statement = statement.where(
            or_(columns.id.in_(query.families), columns.split_from.in_(query.families))
        )
    if query.urgency_at_least:
        statement = statement.where(columns.urgency_level >= query.urgency_at_least)
    return statement


def _results_first() -> tuple[ColumnElement[Any], ...]:
    """What a site must act on comes first: open calls, unread reports, by urgency."""
    columns = clinical_case.c
    has_open_call = (
        select(critical_call.c.seq)
        .where(critical_call.c.case_id == columns.id, critical_call.c.outcome != "confirmed")
        .exists()
    )
    rank = case((has_open_call, 0), (columns.state == State.SIGNED.value, 1), else_=2)
    return rank, case((rank < 2, columns.urgency_level), else_=0).desc()

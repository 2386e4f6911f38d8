"""Identity of patients: encrypted, found by blind index, erasable; nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any, cast

from sqlalchemy import Column, Row, Table, delete, insert, select, update

from qiangji_app.domain.person import IdentityKind, Patient, normalise_name
from qiangji_app.ports import Clock
from qiangji_app.storage.crypto import blind_index
from qiangji_app.storage.keys import Keys
from qiangji_app.storage.referral_rows import NAMING, sealed_context
from qiangji_app.storage.referral_tables import referral
from qiangji_app.storage.rows import Rows, translated
from qiangji_app.storage.tables import (
    clinical_case,
    person,
    person_identity,
    person_lookup,
    recording,
    upload,
)
from qiangji_app.storage.visit_tables import enrolment, visit
from qiangji_datasets.errors import NotFound


class SqlPersons:
    """Persons of one transaction."""

    def __init__(self, rows: Rows, keys: Keys, clock: Clock) -> None:
        self._rows = rows
        self._keys = keys
        self._clock = clock

    def get(self, person_id: str) -> Patient | None:
        """The identity; None when unknown or erased."""
        statement = select(person_identity).where(person_identity.c.person_id == person_id)
        return self._rows.one(statement, self._to_patient)

    def add(self, person_id: str, patient: Patient) -> None:
        """Add a person.

        Raises
        ------
        Conflict
            The id is taken.
        """
        self._rows.insert(person, {"id": person_id, "created_at": self._clock.now()})
        sealed = self._seal(person_id, patient)
        self._rows.insert(person_identity, {"person_id": person_id, "sealed": sealed})
        self._index(person_id, patient)

    def save(self, person_id: str, patient: Patient) -> None:
        """Replace the identity.

        Raises
        ------
        NotFound
            ``person.not_found``: unknown or erased.
        """
        changed = self._rows.run(
            update(person_identity)
            .where(person_identity.c.person_id == person_id)
            .values(sealed=self._seal(person_id, patient))
        )
        if not changed:
            raise NotFound("person.not_found")
        self._rows.run(delete(person_lookup).where(person_lookup.c.person_id == person_id))
        self._index(person_id, patient)

    def erase(self, person_id: str) -> None:
        """Forget the identity for good; cases, reports and chains keep their ids.

        What the files of the person's cases said about their patient goes too, with file names
        and visit numbers.

        Raises
        ------
        NotFound
            ``person.not_found``: unknown.
        """
        known = self._rows.one(select(person.c.id).where(person.c.id == person_id), _first)
        if known is None:
            raise NotFound("person.not_found")
        cases = select(clinical_case.c.id).where(clinical_case.c.person_id == person_id)
        in_files = self._rows.all(
            select(recording.c.id).where(recording.c.case_id.in_(cases)), _first
        )
        for erased_id in (person_id, *in_files):
            self._forget(erased_id)
        for case_id in self._rows.all(cases, _first):
            self._blank_case(case_id)
        referrals = select(referral.c.id).where(referral.c.person_id == person_id)
        for referral_id in self._rows.all(referrals, _first):
            self._blank_referral(referral_id)

    def is_used(self, person_id: str, *, besides: Sequence[str] = ()) -> bool:
        """True when a case, referral, visit or register uses the row; ``besides``: their ids."""
        users = (
            select(table.c.id)
            .where(table.c.person_id == person_id, table.c.id.not_in(besides))
            .limit(1)
            for table in (clinical_case, referral, visit, enrolment)
        )
        return any(self._rows.one(statement, _first) is not None for statement in users)

    def forget_unused(self, person_id: str) -> None:
        """Forget what was typed into a row that nothing uses; a row in use stays as it is."""
        if not self.is_used(person_id):
            self._forget(person_id)

    def find_by_id_number(self, id_number: str) -> Sequence[str]:
        """Persons with this identity number, oldest first."""
        return self._find("id_number", _id_number(id_number))

    def find_by_identifier(self, issuer: str, patient_id: str) -> Sequence[str]:
        """Persons with this PatientID of this issuer, oldest first."""
        return self._find("identifier", issuer.strip(), patient_id.strip())

    def find_by_name(self, name: str) -> Sequence[str]:
        """Persons with the same normalised name, oldest first."""
        return self._find("name", normalise_name(name))

    def _find(self, kind: str, *parts: str) -> Sequence[str]:
        if not parts[-1]:
            return []
        statement = (
            select(person.c.id)
            .join(person_lookup, person_lookup.c.person_id == person.c.id)
            .where(
                person_lookup.c.kind == kind,
                person_lookup.c.digest == blind_index(self._keys, kind, *parts),
            )
            .order_by(person.c.seq)
        )
        return self._rows.all(statement, _first)

    def _index(self, person_id: str, patient: Patient) -> None:
        values: dict[str, tuple[str, ...]] = {
            "id_number": (_id_number(patient.id_number),),
            "identifier": (patient.issuer.strip(), patient.patient_id.strip()),
            "name": (normalise_name(patient.name),),
        }
        found = [
            {
                "person_id": person_id,
                "kind": kind,
                "digest": blind_index(self._keys, kind, *parts),
            }
            for kind, parts in values.items()
            if parts[-1]
        ]
        if found:
            with translated():
                self._rows.connection.execute(insert(person_lookup), found)

    def _forget(self, person_id: str) -> None:
        for table in (person_lookup, person_identity):
            self._rows.run(delete(table).where(table.c.person_id == person_id))
        self._rows.run(
            update(person).where(person.c.id == person_id).values(erased_at=self._clock.now())
        )

    def _blank_case(self, case_id: str) -> None:
        """Empty what may name the patient; the revision moves, so no open form writes it back."""
        cipher = self._rows.cipher
        context = f"clinical_case.sealed_text:{case_id}"
        statement = select(clinical_case).where(clinical_case.c.id == case_id)
        text = self._rows.one(statement, lambda row: cipher.open_json(row.sealed_text, context))
        self._rows.run(
            update(clinical_case)
            .where(clinical_case.c.id == case_id)
            .values(
                sealed_text=cipher.seal_json((text or {}) | {"visit_number": ""}, context),
                revision=clinical_case.c.revision + 1,
            )
        )
        self._blank_file_names(recording, recording.c.id, case_id)
        self._blank_file_names(upload, upload.c.upload_id, case_id)

    def _blank_referral(self, referral_id: str) -> None:
        """Empty what may name the patient among the texts of a referral."""
        cipher, context = self._rows.cipher, sealed_context(referral_id)
        statement = select(referral).where(referral.c.id == referral_id)
        text = self._rows.one(statement, lambda row: cipher.open_json(row.sealed_text, context))
        content = cast("dict[str, object]", (text or {})["content"])
        blank = (text or {}) | {"content": content | dict.fromkeys(NAMING, "")}
        self._rows.run(
            update(referral)
            .where(referral.c.id == referral_id)
            .values(sealed_text=cipher.seal_json(blank, context), revision=referral.c.revision + 1)
        )

    def _blank_file_names(self, table: Table, key: Column[str], case_id: str) -> None:
        for row_id in self._rows.all(select(key).where(table.c.case_id == case_id), _first):
            blank = self._rows.cipher.seal("", f"{table.name}.sealed_file_name:{row_id}")
            self._rows.run(update(table).where(key == row_id).values(sealed_file_name=blank))

    def _seal(self, person_id: str, patient: Patient) -> bytes:
        fields = asdict(patient)
        fields["birth_date"] = patient.birth_date.isoformat() if patient.birth_date else None
        return self._rows.cipher.seal_json(fields, _context(person_id))

    def _to_patient(self, row: Row[Any]) -> Patient:
        fields: dict[str, Any] = self._rows.cipher.open_json(row.sealed, _context(row.person_id))
        born = cast("str | None", fields["birth_date"])
        fields["kind"] = IdentityKind(fields["kind"])
        fields["birth_date"] = date.fromisoformat(born) if born else None
        return Patient(**fields)


def _id_number(number: str) -> str:
    return number.strip().upper()


def _context(person_id: str) -> str:
    return f"person_identity.sealed:{person_id}"


def _first(row: Row[Any]) -> str:
    return str(row[0])

"""Reads the FHIR R4 resources of a CDS Hooks request into facts; what is left out is said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from qiangji_app.cds.codes import ATC, LOINC, UCUM, CodeMap, Meaning, code_map
from qiangji_app.domain.person import EARLIEST_BIRTH, Patient
from qiangji_app.rules.facts import Fact, FactCatalogue, Origin, accept
from qiangji_app.rules.selecting import CLOCK_DRIFT
from qiangji_datasets.errors import InputRejected

Resource = Mapping[str, Any]  # Any: FHIR JSON
#: FHIR R4 Observation.status: values that stand.
_FINAL: Final = frozenset({"final", "amended", "corrected"})
#: FHIR R4 condition-clinical: states in which the patient has it now.
_ACTIVE: Final = frozenset({"active", "recurrence", "relapse"})
_DENIED: Final = frozenset({"refuted", "entered-in-error"})
_SEXES: Final = {"male": "male", "female": "female"}
_BP: Final = frozenset({"systolic_bp", "diastolic_bp"})
_MOST_RESOURCES: Final = 2000
#: No quantity of medicine is larger; a JSON number may be.
_LARGEST: Final = 1e12


@dataclass(frozen=True)
class LeftOut:
    """Something that was sent and not used, and why: a message key with values."""

    what: str
    code: str
    params: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Read:
    """What a request says about a patient. ``ordered`` are facts from orders not signed yet."""

    age_years: float | None
    sex: str
    facts: tuple[Fact, ...]
    ordered: tuple[Fact, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class Reading:
    """How to read one request."""

    patient_id: str
    now: datetime
    zone: ZoneInfo
    catalogue: FactCatalogue
    codes: CodeMap = field(default_factory=code_map)

    def read(self, prefetch: Mapping[str, Any], orders: Any = None) -> Read:
        """Facts of the prefetched resources, and of draft orders.

        Raises
        ------
        InputRejected
            ``cds.no_patient``; ``cds.other_patient``: a resource is about somebody else;
            ``cds.not_fhir``: not FHIR JSON, or more of it than any record holds.
        """
        patient = self._patient(prefetch.get("patient"))
        age = patient.age_on(self.now.astimezone(self.zone).date())
        left: list[LeftOut] = []
        facts: list[Fact] = []
        for key, kind, make in (
            ("observations", "Observation", self._observation),
            ("conditions", "Condition", self._condition),
        ):
            resources = self._listed(prefetch.get(key), key, left)
            for resource in self._about(resources, kind):
                self._take(make(resource), age, facts, left)
        ordered: list[Fact] = []
        for resource in self._about(self._listed(orders or {}, "draftOrders", left), "Medication"):
            self._take(self._medicine(resource), age, ordered, left)
        sex = _SEXES.get(patient.sex, "")
        return Read(age, sex, tuple(facts), tuple(ordered), tuple(left))

    def _patient(self, resource: Any) -> Patient:
        if not isinstance(resource, dict) or resource.get("resourceType") != "Patient":
            raise InputRejected("cds.no_patient")
        if resource.get("id") != self.patient_id:
            raise InputRejected("cds.other_patient", kind="Patient")
        born = resource.get("birthDate")
        stated = _date_time(born, self.zone) if isinstance(born, str) else None
        birth_date = stated.astimezone(self.zone).date() if stated else None
        # A year or a month alone is no birthday, and no age to decide by.
        is_whole = isinstance(born, str) and len(born) == len("2000-01-01")
        sex = str(resource.get("gender", ""))
        return Patient(name="", birth_date=birth_date if is_whole else None, sex=sex)

    def _listed(self, value: Any, key: str, left: list[LeftOut]) -> list[Resource]:
        """Resources of a bundle; what a bundle lacks is said."""
        if value is None:
            left.append(LeftOut(key, "cds.left.not_sent"))
            return []
        if not isinstance(value, dict):
            raise InputRejected("cds.not_fhir")
        if value.get("resourceType") == "OperationOutcome":
            left.append(LeftOut(key, "cds.left.failed"))
            return []
        entries, links = value.get("entry", []), value.get("link", [])
        is_bundle = isinstance(entries, list) and isinstance(links, list)
        if not is_bundle or len(entries) > _MOST_RESOURCES:
            raise InputRejected("cds.not_fhir")
        if any(isinstance(link, dict) and link.get("relation") == "next" for link in links):
            left.append(LeftOut(key, "cds.left.more_pages"))
        found = [entry.get("resource") for entry in entries if isinstance(entry, dict)]
        return [item for item in found if isinstance(item, dict)]

    def _about(self, resources: list[Resource], kind: str) -> Iterator[Resource]:
        """Resources of a kind, all about this patient."""
        for resource in resources:
            if not str(resource.get("resourceType", "")).startswith(kind):
                continue
            subject = resource.get("subject")
            stated = subject.get("reference", "") if isinstance(subject, dict) else ""
            if str(stated).rpartition("/")[2] != self.patient_id:
                raise InputRejected("cds.other_patient", kind=kind)
            yield resource

    def _take(
        self,
        found: Iterator[Fact | LeftOut],
        age: float | None,
        facts: list[Fact],
        left: list[LeftOut],
    ) -> None:
        for item in found:
            if isinstance(item, LeftOut):
                left.append(item)
                continue
            try:
                fact = accept(item, self.catalogue, age)
            except InputRejected as refused:
                left.append(LeftOut(item.code, refused.code, refused.params))
                continue
            stale = self._untimely(fact)
            if stale is None:
                facts.append(fact)
            else:
                left.append(stale)

    def _untimely(self, fact: Fact) -> LeftOut | None:
        """Why a fact is too old or too new to decide by; None when it is neither."""
        if fact.at > self.now + CLOCK_DRIFT:
            return LeftOut(fact.code, "cds.left.in_future", {"at": self._day(fact.at)})
        age_hours = (self.now - fact.at).total_seconds() / 3600
        if age_hours > self.catalogue[fact.code].keep_hours:
            return LeftOut(fact.code, "cds.left.stale", {"at": self._day(fact.at)})
        return None

    def _day(self, at: datetime) -> str:
        return at.astimezone(self.zone).date().isoformat()

    def _observation(self, resource: Resource) -> Iterator[Fact | LeftOut]:
        parts = resource.get("component")
        parts = (
            [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
        )
        rows: list[Resource] = parts or [resource]
        for row in rows:
            meaning = self._meaning(row)
            if meaning is not None:
                yield self._value(resource, row, meaning)

    def _meaning(self, row: Resource) -> Meaning | None:
        for coding in _codings(row.get("code")):
            meaning = self.codes.loinc.get(str(coding.get("code")))
            if coding.get("system") == LOINC and meaning is not None:
                return meaning
        return None

    def _value(self, whole: Resource, row: Resource, meaning: Meaning) -> Fact | LeftOut:
        def without(reason: str) -> LeftOut:
            return LeftOut(meaning.fact, f"cds.left.{reason}")

        quantity = row.get("valueQuantity")
        at = _effective(whole, self.zone)
        if str(whole.get("status")) not in _FINAL:
            return without("not_final")
        if at is None:
            return without("undated")
        if not isinstance(quantity, dict) or not _is_number(quantity.get("value")):
            return without("no_value")
        if quantity.get("comparator"):
            return without("comparator")
        if quantity.get("system") != UCUM or not quantity.get("code"):
            return without("no_unit")
        context = dict(meaning.context)
        if meaning.fact in _BP and isinstance(whole.get("encounter"), dict):
            context["setting"] = "office"  # measured in an encounter
        return Fact(
            code=meaning.fact,
            value=float(quantity["value"]),
            unit=str(quantity["code"]),
            at=at,
            origin=Origin.IMPORTED,
            context=context,
            ref=_reference(whole),
        )

    def _condition(self, resource: Resource) -> Iterator[Fact | LeftOut]:
        clinical = {str(row.get("code")) for row in _codings(resource.get("clinicalStatus"))}
        verified = {str(row.get("code")) for row in _codings(resource.get("verificationStatus"))}
        if not clinical & _ACTIVE or verified & _DENIED:
            return
        states = {
            self.codes.condition(str(coding.get("system")), str(coding.get("code")))
            for coding in _codings(resource.get("code"))
        }
        for state in sorted(states - {""}):
            yield self._now(state, resource)

    def _medicine(self, resource: Resource) -> Iterator[Fact | LeftOut]:
        """What the patient will take once the order is signed."""
        codings = [
            coding
            for coding in _codings(resource.get("medicationCodeableConcept"))
            if coding.get("system") == ATC
        ]
        if not codings:
            yield LeftOut("draftOrders", "cds.left.uncoded_medicine")
        names = {self.codes.medicine(ATC, str(coding.get("code"))) for coding in codings}
        for name in sorted(names - {""}):
            yield self._now(name, resource)

    def _now(self, code: str, resource: Resource) -> Fact:
        """True at this moment: the record says so as it is fetched."""
        return Fact(
            code=code, value=True, at=self.now, origin=Origin.IMPORTED, ref=_reference(resource)
        )


def _codings(concept: Any) -> list[Resource]:
    found = concept.get("coding") if isinstance(concept, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _is_number(value: Any) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return abs(value) < _LARGEST


def _reference(resource: Resource) -> str:
    return f"{resource.get('resourceType')}/{resource.get('id', '')}"[:120]


def _effective(resource: Resource, zone: ZoneInfo) -> datetime | None:
    period = resource.get("effectivePeriod")
    stated = resource.get("effectiveDateTime") or resource.get("effectiveInstant")
    if not stated and isinstance(period, dict):
        stated = period.get("end")
    return _date_time(stated, zone) if isinstance(stated, str) else None


def _date_time(stated: str, zone: ZoneInfo) -> datetime | None:
    """An instant, or the beginning of a day in the client's zone; None for less or else."""
    try:
        found = datetime.fromisoformat(stated)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    # A date alone says the day; a time without a zone is no FHIR dateTime.
    is_day = found.time() == time() and len(stated) == len("2000-01-01")
    return found.replace(tzinfo=zone) if is_day and found.date() >= EARLIEST_BIRTH else None

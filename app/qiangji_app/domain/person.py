"""The patient: identity number, agreement between form and file, possible duplicates."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643-1999, ISO 7064 MOD 11-2
_CHECKS = "10X98765432"


class IdentityKind(StrEnum):
    """How the patient is known."""

    KNOWN = "known"
    EMERGENCY = "emergency"  # 无名氏 / 急诊临时号


#: A stated age and one computed from a birth date may differ by rounding and by the birthday.
AGE_TOLERANCE_YEARS = 1.5


#: Nobody born before is alive; an identity number or a form that says so is mistyped.
EARLIEST_BIRTH = date(1880, 1, 1)
#: From here on an age is told in years, below in months: paediatric practice.
_MONTHS_BELOW_YEARS = 2
#: Mean Gregorian year, as DICOM ages in days and weeks are turned into years.
_DAYS_A_YEAR = 365.2425
#: Half of the second decimal of a stated age, in months: 0.08 years are a month.
_ROUNDED_MONTHS = 0.06


class AgeUnit(StrEnum):
    """In what an age is told."""

    YEARS = "years"
    MONTHS = "months"
    DAYS = "days"


@dataclass(frozen=True)
class CompletedAge:
    """An age as people tell it: completed years, months below two years, days below a month."""

    number: int
    unit: AgeUnit


@dataclass(frozen=True)
class IdNumberFacts:
    """What an 18-digit resident identity number says."""

    birth_date: date
    sex: str


def read_id_number(number: str, *, today: date) -> IdNumberFacts | None:
    """Birth date and sex from a resident identity number; None when it is not a valid one.

    References
    ----------
    GB 11643-1999: 6 digits region, 8 birth date, 3 sequence (odd male), check ISO 7064 MOD 11-2.
    """
    text = number.strip().upper()
    if len(text) != 18 or not text[:17].isascii() or not text[:17].isdigit():
        return None
    total = sum(int(digit) * weight for digit, weight in zip(text[:17], _WEIGHTS, strict=True))
    if _CHECKS[total % 11] != text[17]:
        return None
    try:
        born = date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return None
    if not is_possible_birth(born, today=today):
        return None
    return IdNumberFacts(birth_date=born, sex="M" if int(text[16]) % 2 else "F")


def is_possible_birth(born: date, *, today: date) -> bool:
    """True for a birth date of somebody who can be a patient today."""
    return EARLIEST_BIRTH <= born <= today


@dataclass(frozen=True)
class Patient:
    """The person of a case as typed at the desk; lives only in ``person`` tables.

    ``age_years`` is asked for when no birth date is known; None when unknown.
    """

    name: str
    kind: IdentityKind = IdentityKind.KNOWN
    id_number: str = ""
    birth_date: date | None = None
    age_years: float | None = None
    sex: str = ""
    phone: str = ""
    issuer: str = ""
    patient_id: str = ""

    def age_on(self, day: date) -> float | None:
        """Age in years on a day, from the birth date, else as stated.

        Completed years and the part of the year since the last birthday: whole on a birthday.
        """
        born = self.birth_date
        if born is None:
            return self.age_years
        years = day.year - born.year - (day < _birthday(born, day.year))
        last, following = (_birthday(born, born.year + years + ahead) for ahead in (0, 1))
        return years + (day - last).days / (following - last).days

    def completed_age_on(self, day: date) -> CompletedAge | None:
        """Age on a day as it is told and printed, never rounded up; None when unknown."""
        age = self.age_on(day)
        if age is None:
            return None
        if age >= _MONTHS_BELOW_YEARS:
            return CompletedAge(math.floor(age), AgeUnit.YEARS)
        born = self.birth_date
        if born is None:
            return _told(age)
        months = 12 * (day.year - born.year) + day.month - born.month - (day.day < born.day)
        if months > 0:
            return CompletedAge(months, AgeUnit.MONTHS)
        return CompletedAge(max(0, (day - born).days), AgeUnit.DAYS)


def _told(age_years: float) -> CompletedAge:
    """A stated age below two years, in the unit in which it must have been stated."""
    months = math.floor(age_years * 12 + _ROUNDED_MONTHS)
    if months > 0:
        return CompletedAge(months, AgeUnit.MONTHS)
    return CompletedAge(max(0, round(age_years * _DAYS_A_YEAR)), AgeUnit.DAYS)


def _birthday(born: date, year: int) -> date:
    """The birthday in a year; of 29 February, once that day is over where there is none."""
    try:
        return born.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


@dataclass(frozen=True)
class Mismatch:
    """One field that differs between the form and a file: its name, no values."""

    field: str


def normalise_name(name: str) -> str:
    """Name for comparison: NFKC, no spaces, no middle dots, upper case."""
    text = unicodedata.normalize("NFKC", name).upper()
    return "".join(char for char in text if not char.isspace() and char not in "·•・^.=")


def as_examined(in_file: Patient, day: date) -> Patient:
    """The person of a file with one account of the age: that of the day of examination.

    A birth date and an age that disagree by more than ``AGE_TOLERANCE_YEARS`` leave the age,
    which the device wrote for this examination.
    """
    stated, reckoned = in_file.age_years, in_file.age_on(day)
    if stated is None or in_file.birth_date is None or reckoned is None:
        return in_file
    if abs(stated - reckoned) > AGE_TOLERANCE_YEARS:
        return replace(in_file, birth_date=None)
    return in_file


def moved(in_file: Patient, examined_on: date, day: date) -> Patient:
    """The person of a file with the stated age as it is on another day than the examination's."""
    told = as_examined(in_file, examined_on)
    if told.birth_date is not None or told.age_years is None:
        return told
    passed = (day - examined_on).days / _DAYS_A_YEAR
    return replace(told, age_years=max(0.0, told.age_years + passed))


def compare(form: Patient, in_file: Patient, *, today: date) -> tuple[Mismatch, ...]:
    """Fields stated on both sides that differ: name, sex, birth date, age, patient id.

    Ages are those of ``today``, the day of examination where a file is compared; they are
    compared where one side knows no birth date, within ``AGE_TOLERANCE_YEARS``.
    """
    found: list[Mismatch] = []
    if form.kind is IdentityKind.EMERGENCY:
        return ()
    pairs = (
        ("name", normalise_name(form.name), normalise_name(in_file.name)),
        ("sex", form.sex, in_file.sex),
        ("birth_date", form.birth_date, in_file.birth_date),
        ("patient_id", form.patient_id, in_file.patient_id),
    )
    for name, left, right in pairs:
        if left and right and left != right:
            found.append(Mismatch(name))
    if form.birth_date is None or in_file.birth_date is None:
        ages = (form.age_on(today), as_examined(in_file, today).age_on(today))
        if None not in ages and abs((ages[0] or 0) - (ages[1] or 0)) > AGE_TOLERANCE_YEARS:
            found.append(Mismatch("age_years"))
    return tuple(found)

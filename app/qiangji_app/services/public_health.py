"""The national record forms: fields, which class, when next, by the public-health standard."""

from __future__ import annotations

import calendar
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from importlib import resources
from typing import Any, Final

from qiangji_app.domain.register import FollowUp, FollowUpClass, RegisterKind
from qiangji_app.services.limits import MAX_CALL_TEXT
from qiangji_datasets.errors import InputRejected

#: A cut-off or a schedule that may be used: its clause was read.
ON: Final = "on"
#: Parts of a line for a medicine: name, times a day, amount each time.
MEDICINE_PARTS: Final = ("name", "times", "amount")
_GRAVE: Final = frozenset({FollowUpClass.UNSATISFIED, FollowUpClass.ADVERSE_REACTION})


@dataclass(frozen=True)
class Source:
    """The text behind a form or a schedule."""

    document: str
    edition: str
    clause: str
    url: str


@dataclass(frozen=True)
class Field:
    """One line of a form.

    ``kind`` is choice, choices, number, text, day or medicine. ``fact`` is the code of the fact
    that fills it in, empty for none; ``is_own`` marks a question that the form does not print.
    ``option_facts`` names the fact that ticking an option states.
    """

    id: str
    section: str
    kind: str
    options: tuple[str, ...] = ()
    unit: str = ""
    fact: str = ""
    context: Mapping[str, str] | None = None
    limits: tuple[float, float] | None = None
    has_target: bool = False
    is_required: bool = False
    is_own: bool = False
    option_facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...]:
        """Names under which its values are stored."""
        if self.kind == "medicine":
            return tuple(f"{self.id}_{part}" for part in MEDICINE_PARTS)
        return (self.id, f"{self.id}_target") if self.has_target else (self.id,)


@dataclass(frozen=True)
class Form:
    """A record form with the cut-offs by which it classes a follow-up; see ``followup_forms``."""

    id: str
    source: Source
    fields: tuple[Field, ...]
    targets: tuple[dict[str, Any], ...]
    emergencies: tuple[dict[str, Any], ...]
    following: dict[str, Any]


@dataclass(frozen=True)
class Population:
    """A register: its form where there is one, whom it is for, when people are seen."""

    kind: RegisterKind
    form: Form | None
    schedule: dict[str, Any]
    source: Source
    who: dict[str, Any]

    @property
    def is_scheduled(self) -> bool:
        """True where the standard's interval was read and may be used."""
        return bool(self.schedule["status"] == ON)


@dataclass(frozen=True)
class Assessment:
    """What the standard says of a follow-up; ``category`` is None while ``missing`` decides."""

    category: FollowUpClass | None
    is_controlled: bool | None
    next_due: date | None
    is_referral: bool
    is_emergency: bool
    reasons: tuple[str, ...]
    missing: tuple[str, ...]
    clause: str = ""


@cache
def populations() -> Mapping[RegisterKind, Population]:
    """All registers, from ``followup_forms``."""
    rows = _read("populations")
    return {
        kind: Population(
            kind=kind,
            form=_form(rows[kind.value]["form"]) if "form" in rows[kind.value] else None,
            schedule=rows[kind.value]["schedule"],
            source=Source(**rows[kind.value]["source"]),
            who={key: rows[kind.value][key] for key in _WHO if key in rows[kind.value]},
        )
        for kind in RegisterKind
    }


_WHO: Final = ("age_at_least", "age_below", "sex")


def _form(name: str) -> Form:
    data = _read(name)
    return Form(
        id=name,
        source=Source(**data["source"]),
        fields=tuple(_field(row) for row in data["fields"]),
        targets=tuple(row for row in data["targets"] if row["status"] == ON),
        emergencies=tuple(row for row in data["emergencies"] if row["status"] == ON),
        following=data["next"],
    )


def _field(row: dict[str, Any]) -> Field:
    return Field(
        id=row["id"],
        section=row["section"],
        kind=row["kind"],
        options=tuple(row.get("options", ())),
        unit=row.get("unit", ""),
        fact=row.get("fact", ""),
        context=row.get("context"),
        limits=tuple(row["limits"]) if "limits" in row else None,
        has_target=row.get("target", False),
        is_required=row.get("required", False),
        is_own=row.get("own", False),
        option_facts=row.get("option_facts", {}),
    )


def _read(name: str) -> dict[str, Any]:
    file = resources.files("qiangji_app.followup_forms").joinpath(f"{name}.toml")
    return tomllib.loads(file.read_text("utf-8"))


def checked(form: Form, typed: Mapping[str, object]) -> dict[str, object]:
    """The values of a form that were filled in, each of the kind its field asks for.

    Raises
    ------
    InputRejected
        ``follow_up.unknown_field``, or ``follow_up.bad_field`` naming the field.
    """
    fields = {key: field for field in form.fields for key in field.keys}
    found: dict[str, object] = {}
    for key, value in typed.items():
        if key not in fields:
            raise InputRejected("follow_up.unknown_field", field=key[:40])
        if value in ("", None, []):
            continue
        if not _fits(fields[key], value):
            raise InputRejected("follow_up.bad_field", field=fields[key].id)
        found[key] = value
    return found


def _fits(field: Field, value: object) -> bool:
    """True for a value of the field's kind and within its limits."""
    if field.kind == "number":
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        return field.limits is None or field.limits[0] <= value <= field.limits[1]
    if field.kind == "choices":
        if not isinstance(value, list) or not set(value) <= set(field.options):
            return False
        return value == ["none"] or "none" not in value
    if not isinstance(value, str) or len(value) > MAX_CALL_TEXT:
        return False
    return field.kind != "choice" or value in field.options


def assess(
    form: Form,
    fields: Mapping[str, object],
    *,
    day: date,
    age_years: float | None,
    before: Sequence[FollowUp] = (),
) -> Assessment:
    """Class, next date and referral of one follow-up, by the standard of the form.

    Of several classes the gravest counts, as the notes to the form ask.

    Parameters
    ----------
    fields
        As ``checked`` gave them.
    before
        Earlier records of the same person, the newest first.
    """
    missing = tuple(one.id for one in form.fields if one.is_required and one.id not in fields)
    target = _target(form, age_years)
    is_controlled = _is_kept(target, fields)
    alarms = tuple(_alarms(form, fields))
    category = None if missing or is_controlled is None else _category(fields, is_controlled)
    is_again = category in _GRAVE and _runs(before) + 1 >= form.following["refer_after"]
    reasons = (
        *alarms,
        *(["follow_up.reason_again"] if is_again else []),
        *(["follow_up.reason_complication"] if category is FollowUpClass.COMPLICATION else []),
    )
    is_soon = "emergency" if alarms else (category.value if category else "")
    return Assessment(
        category=category,
        is_controlled=is_controlled,
        next_due=_after(day, form.following[is_soon]) if is_soon else None,
        is_referral=bool(reasons),
        is_emergency=bool(alarms),
        reasons=reasons,
        missing=missing,
        clause=target["clause"],
    )


def _target(form: Form, age_years: float | None) -> dict[str, Any]:
    """The first target for a patient of this age; an unknown age takes the one for everybody."""
    return next(
        row
        for row in form.targets
        if "age_at_least" not in row or (age_years or 0) >= row["age_at_least"]
    )


def _is_kept(target: dict[str, Any], fields: Mapping[str, object]) -> bool | None:
    values = [(fields.get(limit["field"]), limit["below"]) for limit in target["limits"]]
    known = [(value, below) for value, below in values if isinstance(value, (int, float))]
    if any(value >= below for value, below in known):
        return False
    return True if len(known) == len(values) else None


def _alarms(form: Form, fields: Mapping[str, object]) -> Iterator[str]:
    """A reason for each field beyond a limit that calls for an emergency referral."""
    for row in form.emergencies:
        value = fields.get(row["field"])
        if not isinstance(value, (int, float)):
            continue
        if value >= row.get("at_least", float("inf")) or value <= row.get("at_most", -1):
            yield f"follow_up.reason_{row['field']}"


def _category(fields: Mapping[str, object], is_controlled: bool) -> FollowUpClass:
    if fields.get("complication") == "new_or_worse":
        return FollowUpClass.COMPLICATION
    if fields.get("adverse_reaction") == "present":
        return FollowUpClass.ADVERSE_REACTION
    return FollowUpClass.SATISFIED if is_controlled else FollowUpClass.UNSATISFIED


def _runs(before: Sequence[FollowUp]) -> int:
    """How many of the newest records in a row were unsatisfied or had an adverse reaction."""
    count = 0
    for one in before:
        if one.category not in _GRAVE:
            break
        count += 1
    return count


def _after(day: date, interval: Mapping[str, int]) -> date:
    return plus_months(day, interval.get("months", 0)) + timedelta(days=interval.get("days", 0))


def plus_months(day: date, months: int) -> date:
    """The same day of a later month, or that month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def scheduled(population: Population, *, day: date, born: date | None) -> date | None:
    """When somebody in a register without a form is to be seen after a day; None: unscheduled.

    Parameters
    ----------
    born
        The birth, from which the ages of a schedule count.
    """
    schedule = population.schedule
    if not population.is_scheduled:
        return None
    if "months" in schedule:
        return plus_months(day, schedule["months"])
    if born is None:
        return None
    return next(
        (due for age in schedule["ages_months"] if (due := plus_months(born, age)) > day), None
    )

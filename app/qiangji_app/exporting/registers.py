"""What a register and a person's record look like as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from qiangji_app.domain.person import Patient
from qiangji_app.domain.register import FollowUp, RegisterKind
from qiangji_app.exporting.tables import Cell, Table
from qiangji_app.services.follow_ups import Record
from qiangji_app.services.public_health import Field, Form, populations
from qiangji_app.services.registers import RegisterRow
from qiangji_app.web.api.present_register import RegisterPresenter

_PERSON = ("name", "sex", "birth_date", "id_number", "phone")


def register_table(
    rows: Sequence[RegisterRow], present: RegisterPresenter, kind: RegisterKind
) -> Table:
    """One row a person, with the last record's class, its values and the next date."""
    form = populations()[kind].form
    columns = list(_columns(form, present)) if form else []
    headings = [
        *(present.text(f"export.{name}") for name in (*_PERSON, "number", "next_due", "overdue")),
        *(present.text(f"export.{name}") for name in ("last_day", "category")),
        *(name for name, _ in columns),
    ]
    return Table(
        file_name=f"register-{kind.value}",
        title=present.text(f"register.{kind.value}"),
        headings=headings,
        rows=[_line(row, present, columns) for row in rows],
    )


_Columns = Sequence[tuple[str, Callable[[Mapping[str, object]], Cell]]]


def _line(row: RegisterRow, present: RegisterPresenter, columns: _Columns) -> list[Cell]:
    last = row.last
    fields = last.fields if last else {}
    return [
        *_person(row.patient, present),
        row.enrolment.number,
        row.enrolment.next_due,
        row.days_overdue,
        last.day if last else None,
        _category(last, present) if last else None,
        *(value(fields) for _, value in columns),
    ]


def record_table(record: Record, present: RegisterPresenter) -> Table:
    """One row a follow-up, one column a line of the form."""
    form = record.population.form
    columns = list(_columns(form, present)) if form else []
    rows: list[list[Cell]] = [
        [
            *_person(record.patient, present),
            record.enrolment.number,
            item.day,
            *(value(item.fields) for _, value in columns),
            _category(item, present),
            item.next_due,
            record.doctors.get(item.recorded_by, ""),
            item.standard,
        ]
        for item in record.follow_ups
    ]
    last = ("category", "next_due", "doctor", "standard")
    return Table(
        file_name=f"record-{record.enrolment.id[-8:]}",
        title=present.text(f"register.{record.enrolment.kind.value}"),
        headings=[
            *(present.text(f"export.{name}") for name in (*_PERSON, "number", "day")),
            *(name for name, _ in columns),
            *(present.text(f"export.{name}") for name in last),
        ],
        rows=rows,
    )


def _person(patient: Patient, present: RegisterPresenter) -> list[Cell]:
    sex = present.text(f"ui.sex.{patient.sex}") if patient.sex in {"F", "M", "O"} else ""
    return [patient.name, sex, patient.birth_date, patient.id_number, patient.phone]


def _category(item: FollowUp, present: RegisterPresenter) -> str:
    return present.text(f"follow_up.category.{item.category.value}") if item.category else ""


def _columns(
    form: Form, present: RegisterPresenter
) -> Iterator[tuple[str, Callable[[Mapping[str, object]], Cell]]]:
    """Heading and value of every line of a form, targets and parts of a medicine apart."""
    for field in form.fields:
        name = present.field_name(field)
        unit = f" ({present.present.unit(field.unit)})" if field.unit else ""
        for key in field.keys:
            part = key.removeprefix(field.id).lstrip("_")
            shown = f"{name} {present.text(f'form.part.{part}')}" if part else name
            yield f"{shown}{unit}", _value_of(field, key, present)


def _value_of(
    field: Field, key: str, present: RegisterPresenter
) -> Callable[[Mapping[str, object]], Cell]:
    return lambda fields: shown_value(field, fields.get(key), present)


def shown_value(field: Field, value: object, present: RegisterPresenter) -> Cell:
    """A value of a form as people read it; None where nothing was filled in."""
    if isinstance(value, list):
        return "、".join(present.option(field, str(one)) for one in value)
    if isinstance(value, str):
        return present.option(field, value) if value in field.options else value
    return value if isinstance(value, (int, float)) else None

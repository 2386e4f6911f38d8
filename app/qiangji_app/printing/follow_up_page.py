"""The national record form of one person as a page to print, four follow-ups side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any, Final

from jinja2 import Environment, StrictUndefined, select_autoescape

from qiangji_app.domain.register import FollowUp
from qiangji_app.exporting.registers import shown_value
from qiangji_app.services.follow_ups import Record
from qiangji_app.services.public_health import Field
from qiangji_app.web.api.present_register import RegisterPresenter

#: Columns of one printed form.
_COLUMNS: Final = 4


def follow_up_html(record: Record, present: RegisterPresenter, now: datetime) -> str:
    """A self-contained page: no script, no outside request; the newest sheet last."""
    items = list(record.follow_ups)
    sheets = [items[at : at + _COLUMNS] for at in range(0, max(1, len(items)), _COLUMNS)]
    page: str = _template().render(
        t=present.text,
        record=record,
        title=_title(record, present),
        source=record.population.source,
        sheets=[_sheet(record, sheet, present) for sheet in sheets],
        printed_on=record.printed_on.isoformat(),
        year=now.year,
    )
    return page


def _title(record: Record, present: RegisterPresenter) -> str:
    form = record.population.form
    kind = record.enrolment.kind.value
    return present.text(f"form.{form.id}.title" if form else f"register.{kind}")


def _sheet(
    record: Record, items: Sequence[FollowUp], present: RegisterPresenter
) -> list[dict[str, Any]]:
    """Lines of one sheet: section, name, and a cell for each of four columns."""
    lines = [_line("basic", present.text("export.day"), [one.day.isoformat() for one in items])]
    form = record.population.form
    fields = form.fields if form else ()
    for field in fields:
        cells = [_cell(field, one.fields, present) for one in items]
        mark = " *" if field.is_own else ""
        unit = f" ({present.present.unit(field.unit)})" if field.unit else ""
        lines.append(_line(field.section, present.field_name(field) + unit + mark, cells))
    classes = [
        present.text(f"follow_up.category.{one.category.value}") if one.category else ""
        for one in items
    ]
    lines += [
        _line("class", present.text("export.category"), classes),
        _line(
            "class",
            present.text("export.next_due"),
            [one.next_due.isoformat() if one.next_due else "" for one in items],
        ),
        _line(
            "class",
            present.text("export.doctor"),
            [record.doctors.get(one.recorded_by, "") for one in items],
        ),
    ]
    return lines


def _line(section: str, name: str, cells: Sequence[str]) -> dict[str, Any]:
    return {"section": section, "name": name, "cells": [*cells, *[""] * (_COLUMNS - len(cells))]}


def _cell(field: Field, values: Mapping[str, object], present: RegisterPresenter) -> str:
    """Present and target are parted by a stroke, the parts of a medicine by a blank."""
    shown = [shown_value(field, values.get(key), present) for key in field.keys]
    texts = list(_texts(shown))
    if field.kind == "medicine":
        return " ".join(text for text in texts if text)
    return " / ".join(texts) if any(texts) else ""


def _texts(shown: Sequence[object]) -> Iterator[str]:
    for one in shown:
        yield "" if one is None else (f"{one:g}" if isinstance(one, float) else str(one))


@cache
def _template() -> Any:  # Any: jinja2.Template
    environment = Environment(
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    file = resources.files("qiangji_app").joinpath("templates", "follow_up.html")
    return environment.from_string(file.read_text("utf-8"))

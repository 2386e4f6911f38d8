"""Registers, follow-up records with print and export, what is due, notifiable diseases."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse

from qiangji_app.domain.register import RegisterKind
from qiangji_app.exporting.registers import record_table, register_table
from qiangji_app.exporting.tables import CSV, XLSX, Table, to_csv, to_xlsx
from qiangji_app.printing.follow_up_page import follow_up_html
from qiangji_app.services import disease_reports, follow_ups, people, registers
from qiangji_app.services.context import Caller, Context
from qiangji_app.services.public_health import populations
from qiangji_app.web.api.deps import Ctx, Who
from qiangji_app.web.api.present_register import RegisterPresenter
from qiangji_app.web.api.present_visit import presenter
from qiangji_app.web.api.visit_forms import (
    ArrivalForm,
    CardForm,
    EndForm,
    EnrolForm,
    FollowUpForm,
)
from qiangji_app.web.api.words import Json

router = APIRouter(tags=["registers"])
_NO_STORE = {"Cache-Control": "no-store"}
Rows = Annotated[int, Query(ge=1, le=registers.MAX_ROWS)]
Start = Annotated[int, Query(ge=0)]


def _present(ctx: Context, who: Caller) -> RegisterPresenter:
    return RegisterPresenter(presenter(ctx, who))


@router.get("/registers/forms")
def forms(ctx: Ctx, who: Who) -> Json:
    """Every register with its record form, and the text behind both."""
    people.require_doctor(who.actor)
    present = _present(ctx, who)
    return {"items": [present.population(one) for one in populations().values()]}


@router.get("/registers/rates")
def rates(year: Annotated[int, Query(ge=2000, le=2100)], ctx: Ctx, who: Who) -> Json:
    """Control rate of a year."""
    present = _present(ctx, who)
    found = registers.rates(ctx, who.actor, year)
    return {"items": [present.rate(kind, one) for kind, one in found.items()]}


@router.get("/registers/{kind}/list")
def page(
    kind: RegisterKind,
    ctx: Ctx,
    who: Who,
    *,
    overdue: bool = False,
    limit: Rows = registers.MAX_ROWS,
    offset: Start = 0,
) -> Json:
    """One page of a register, the longest due first."""
    found = registers.list_register(
        ctx, who.actor, kind, only_overdue=overdue, limit=limit, offset=offset
    )
    present = _present(ctx, who)
    return {
        "items": [present.row(row) for row in found.rows],
        "total": found.total,
        "overdue": found.overdue,
    }


@router.get("/registers/{kind}/export.{form}")
def export(kind: RegisterKind, form: str, ctx: Ctx, who: Who) -> Response:
    """A whole register as XLSX or CSV."""
    rows = registers.whole_register(ctx, who.actor, kind)
    return _file(register_table(rows, _present(ctx, who), kind), form)


@router.post("/patients/{person_id}/registers")
def enrol(person_id: str, body: EnrolForm, ctx: Ctx, who: Who) -> Json:
    """Take somebody into a register."""
    entry = registers.enrol(ctx, who.actor, person_id, **body.model_dump())
    return _present(ctx, who).entry(entry)


@router.post("/registers/entries/{enrolment_id}/end")
def end(enrolment_id: str, body: EndForm, ctx: Ctx, who: Who) -> Json:
    """Take somebody out of a register; the records stay."""
    return _present(ctx, who).entry(registers.end(ctx, who.actor, enrolment_id, body.reason))


@router.get("/registers/entries/{enrolment_id}/records")
def records(enrolment_id: str, ctx: Ctx, who: Who) -> Json:
    """Records of one person in one register, the oldest first."""
    found = follow_ups.record_of(ctx, who.actor, enrolment_id)
    present = _present(ctx, who)
    return {
        "entry": present.entry(found.enrolment),
        "patient": present.present.patient(found.patient),
        "items": [present.follow_up(one) for one in found.follow_ups],
    }


@router.post("/registers/entries/{enrolment_id}/assess")
def assess(enrolment_id: str, body: FollowUpForm, ctx: Ctx, who: Who) -> Json:
    """Class, next date and referral by the standard, and the rules' cards; nothing is stored."""
    found, entry = follow_ups.preview(ctx, who.actor, enrolment_id, body.filled())
    said = follow_ups.advised(ctx, who.actor, enrolment_id, body.filled())
    present = _present(ctx, who)
    cards = present.present.advised(said)["cards"]
    return present.assessment(found, populations()[entry.kind]) | {"cards": cards}


@router.put("/registers/entries/{enrolment_id}/records/{follow_up_id}")
def record(enrolment_id: str, follow_up_id: str, body: FollowUpForm, ctx: Ctx, who: Who) -> Json:
    """Keep a filled-in form and plan the next one."""
    item = follow_ups.record(ctx, who.actor, enrolment_id, follow_up_id, body.filled())
    return _present(ctx, who).follow_up(item)


@router.get("/registers/entries/{enrolment_id}/record.html")
def print_page(enrolment_id: str, ctx: Ctx, who: Who) -> HTMLResponse:
    """The national record form to print."""
    found = follow_ups.record_of(ctx, who.actor, enrolment_id)
    html = follow_up_html(found, _present(ctx, who), ctx.clock.now())
    return HTMLResponse(html, headers=_NO_STORE)


@router.get("/registers/entries/{enrolment_id}/record.{form}")
def record_file(enrolment_id: str, form: str, ctx: Ctx, who: Who) -> Response:
    """The same as XLSX or CSV."""
    found = follow_ups.record_of(ctx, who.actor, enrolment_id)
    return _file(record_table(found, _present(ctx, who)), form)


def _file(table: Table, form: str) -> Response:
    kinds = {CSV.ending: (CSV, to_csv), XLSX.ending: (XLSX, to_xlsx)}
    kind, write = kinds.get(form, (CSV, to_csv))
    headers = _NO_STORE | {
        "Content-Disposition": f'attachment; filename="{table.file_name}.{kind.ending}"'
    }
    return Response(write(table), media_type=kind.media_type, headers=headers)


@router.get("/follow-ups/due")
def due(until: date, ctx: Ctx, who: Who) -> Json:
    """Everybody who is to be seen by a day, the longest overdue first."""
    present = _present(ctx, who)
    return {"items": [present.due(row) for row in registers.due_list(ctx, who.actor, until)]}


@router.post("/follow-ups/due/{plan_id}/done")
def done(plan_id: str, ctx: Ctx, who: Who) -> Json:
    """Say that somebody was seen as advice had planned."""
    return _present(ctx, who).plan(registers.carry_out(ctx, who.actor, plan_id))


@router.get("/disease-reports")
def clocks(ctx: Ctx, who: Who) -> Json:
    """Clocks of notifiable diseases, those that run first."""
    present = _present(ctx, who)
    return {"items": [present.clock(one) for one in disease_reports.clocks(ctx, who.actor)]}


@router.post("/disease-reports/{report_id}/take")
def take(report_id: str, ctx: Ctx, who: Who) -> Json:
    """Take the filing of a card upon oneself."""
    disease_reports.take_on(ctx, who.actor, report_id)
    return clocks(ctx, who)


@router.post("/disease-reports/{report_id}/filed")
def filed(report_id: str, body: CardForm, ctx: Ctx, who: Who) -> Json:
    """Say that the card was filed."""
    disease_reports.file_card(ctx, who.actor, report_id, body.card_number)
    return clocks(ctx, who)


@router.post("/disease-reports/{report_id}/arrived")
def arrived(report_id: str, body: ArrivalForm, ctx: Ctx, who: Who) -> Json:
    """Say when and where the patient arrived at the designated hospital."""
    disease_reports.note_arrival(ctx, who.actor, report_id, day=body.day, place=body.place)
    return clocks(ctx, who)

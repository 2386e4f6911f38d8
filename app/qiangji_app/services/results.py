"""The signed result as a document: what the result page and the PDF show, and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from qiangji_app.domain.account import Account
from qiangji_app.domain.case import Acknowledgement, Case, Recording, RecordingState
from qiangji_app.domain.examination import examination_day, is_old
from qiangji_app.domain.person import Patient
from qiangji_app.domain.report import SignedReport
from qiangji_app.domain.roles import Actor, Site
from qiangji_app.services.access import visible_case
from qiangji_app.services.context import Context
from qiangji_app.services.imaging import record_of
from qiangji_datasets.errors import InputRejected, NotFound, SystemFault
from qiangji_datasets.records import Record

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ResultPicture:
    """One recording of a result with what the file holds."""

    recording: Recording
    record: Record


@dataclass(frozen=True)
class NotShown:
    """A recording that the report is about and that cannot be shown, and why (message key)."""

    number: int
    code: str
    params: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ResultDocument:
    """One signed version, ready to be laid out.

    Built from a ``SignedReport`` only: a draft or an AI hint has no way in.
    """

    case: Case
    report: SignedReport
    patient: Patient
    site: Site
    reading_site: str
    pictures: Sequence[ResultPicture]
    not_shown: Sequence[NotShown]
    acknowledgements: Sequence[tuple[Acknowledgement, str]]
    versions: int
    printed_at: datetime
    recordings: Sequence[Recording] = ()
    examined_on: date | None = None
    is_old_examination: bool = False


def result_document(ctx: Context, actor: Actor, case_id: str, version: int = 0) -> ResultDocument:
    """A signed version of a case; printing it is written to the chain of reads.

    Parameters
    ----------
    version
        Which version; 0 for the valid one.

    Raises
    ------
    NotFound
        Nothing is signed, or no such version.
    """
    with ctx.store.begin() as unit:
        case = visible_case(unit, actor, case_id)
        signed = unit.cases.signed(case.id)
        report = _wanted(signed, version)
        unit.reads.append(
            type="result.read",
            actor_id=actor.user_id,
            case_id=case.id,
            payload={"version": report.version},
        )
        unit.commit()
    return signed_document(ctx, case, report, versions=len(signed))


def signed_document(
    ctx: Context, case: Case, report: SignedReport, *, versions: int
) -> ResultDocument:
    """A signed version, for whoever was let in to see it and left a trace.

    Parameters
    ----------
    versions
        How many the case has.
    """
    with ctx.store.read() as unit:
        sites = {site.id: site for site in unit.accounts.sites()}
        names = {account.id: account for account in unit.accounts.all()}
        signer = names.get(report.signer_id)
        patient = unit.persons.get(case.person_id) or Patient(name="")
        recordings = unit.cases.recordings(case.id)
        acknowledgements = [
            (row, names[row.user_id].display_name)
            for row in unit.cases.acknowledgements(case.id)
            if row.report_version == report.version and row.user_id in names
        ]
    zone = ZoneInfo(sites[case.site_id].time_zone)
    parts = list(_parts(ctx, case, report, recordings))
    return ResultDocument(
        case=case,
        report=report,
        patient=patient,
        site=sites[case.site_id],
        reading_site=report.signer_site or _present_site(sites, signer),
        pictures=[part for part in parts if isinstance(part, ResultPicture)],
        not_shown=[part for part in parts if isinstance(part, NotShown)],
        acknowledgements=acknowledgements,
        versions=versions,
        printed_at=ctx.clock.now(),
        recordings=recordings,
        examined_on=examination_day(recordings, zone),
        is_old_examination=is_old(recordings, case, zone, ctx.clock.now()),
    )


def _present_site(sites: Mapping[str, Site], signer: Account | None) -> str:
    """Where the signer of a report that names no site works now; empty when unknown."""
    site = sites.get(signer.site_id) if signer else None
    return site.name if site else ""


def _wanted(signed: Sequence[SignedReport], version: int) -> SignedReport:
    for report in signed:
        if report.version == version or (version == 0 and report.superseded_by == 0):
            return report
    raise NotFound("report.not_signed")


def _parts(
    ctx: Context, case: Case, report: SignedReport, recordings: Sequence[Recording]
) -> Iterator[ResultPicture | NotShown]:
    """Every recording of the report, in order: shown, or named with the reason why not."""
    kept = [row for row in recordings if row.blob_sha256 in report.recording_sha256]
    for number, row in enumerate(kept, start=1):
        yield _part(ctx, case, number, row)
    gone = set(report.recording_sha256) - {row.blob_sha256 for row in kept}
    for number, _ in enumerate(sorted(gone), start=len(kept) + 1):
        yield NotShown(number, "result.recording_gone")


def _part(ctx: Context, case: Case, number: int, row: Recording) -> ResultPicture | NotShown:
    refusal = row.facts.get("refusal")
    if row.state is RecordingState.REFUSED and isinstance(refusal, dict):
        return NotShown(number, str(refusal["code"]), dict(refusal["params"]))
    try:
        return ResultPicture(row, record_of(ctx, case, row))
    except (InputRejected, SystemFault) as fault:
        _LOG.warning("recording %s is left out of a result: %s", row.id, fault)
        return NotShown(number, fault.code, fault.params)

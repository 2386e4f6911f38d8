"""The signed result as a document: what the result page and the PDF show, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from qiangji_app.domain.case import Acknowledgement, Case, Recording, RecordingState
from qiangji_app.domain.person import Patient
from qiangji_app.domain.report import SignedReport
from qiangji_app.domain.roles import Actor, Site
from qiangji_app.services.access import visible_case
from qiangji_app.services.context import Context
from qiangji_app.services.imaging import decoded
from qiangji_datasets.errors import NotFound
from qiangji_datasets.records import Record


@dataclass(frozen=True, eq=False)
class ResultPicture:
    """One recording of a result with what the file holds."""

    recording: Recording
    record: Record


@dataclass(frozen=True, eq=False)
class ResultDocument:
    """One signed version, ready to be laid out.

    Built from a ``SignedReport`` only: a draft or an AI hint has no way in.
    """

    case: Case
    report: SignedReport
    patient: Patient
    site: Site
    reading_site: Site | None
    pictures: Sequence[ResultPicture]
    acknowledgements: Sequence[tuple[Acknowledgement, str]]
    versions: int
    printed_at: datetime


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
    pictures = [
        ResultPicture(row, decoded(ctx, actor, row.id)[2])
        for row in recordings
        if row.state is RecordingState.READ and row.blob_sha256 in report.recording_sha256
    ]
    return ResultDocument(
        case=case,
        report=report,
        patient=patient,
        site=sites[case.site_id],
        reading_site=sites.get(signer.site_id) if signer else None,
        pictures=pictures,
        acknowledgements=acknowledgements,
        versions=len(signed),
        printed_at=ctx.clock.now(),
    )


def _wanted(signed: Sequence[SignedReport], version: int) -> SignedReport:
    for report in signed:
        if report.version == version or (version == 0 and report.superseded_by == 0):
            return report
    raise NotFound("report.not_signed")

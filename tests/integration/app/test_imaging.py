"""Opening recordings: what is written down, and how often."""

from __future__ import annotations

import pytest
from support.county import County, outcome
from support.readings import prediction

from qiangji_app.services import imaging, listing, triage
from qiangji_app.services.imaging import READ_AGAIN, RecentReads, note_read
from qiangji_app.services.recordings import recording_for
from qiangji_datasets.errors import NotFound, UserError
from qiangji_inference.results import Flag


def _reads(county: County, case_id: str) -> list[str]:
    with county.store.read() as unit:
        return [row.type for row in unit.reads.of_case(case_id)]


def test_a_recording_is_read_once_within_some_minutes_by_session(county: County) -> None:
    case_id = county.draft()
    recording_id = county.upload(case_id)
    operator, township = county.caller("operator"), county.caller("township")
    _, recording = recording_for(county.ctx, operator.actor, recording_id)
    recent = RecentReads()

    note_read(county.ctx, operator, recording, recent)
    note_read(county.ctx, operator, recording, recent)
    assert _reads(county, case_id) == ["recording.read"]

    note_read(county.ctx, township, recording, recent)
    county.clock.step(seconds=READ_AGAIN.total_seconds())
    note_read(county.ctx, operator, recording, recent)
    assert _reads(county, case_id) == ["recording.read"] * 3


def test_the_memory_of_reads_is_bounded_and_forgets_the_oldest(county: County) -> None:
    recent, now = RecentReads(limit=2), county.clock.now()

    for number in range(3):
        recent.add("session", str(number), now)

    assert [recent.is_known("session", str(number), now) for number in range(3)] == [
        False,
        True,
        True,
    ]


@pytest.mark.parametrize("label", ["", "two words", "无此标签", "a name/mi", "cxr-adult/mass"])
def test_a_map_that_is_not_there_is_not_written_down(county: County, label: str) -> None:
    maps = triage.pack_maps((prediction(("effusion", Flag.LIKELY)),))
    county.reader.outcomes[b"film"] = outcome(maps=maps)
    case_id = county.draft()
    recording_id = county.upload(case_id)

    with pytest.raises(UserError, match=r"label\.unknown|map\.not_found"):
        imaging.activation_map(county.ctx, county.caller("operator").actor, recording_id, label)

    assert _reads(county, case_id) == []


def test_looking_for_duplicates_is_a_read_of_those_who_see_the_case(county: County) -> None:
    case_id = county.draft()

    listing.note_warnings_read(county.ctx, county.caller("operator").actor, case_id)
    with pytest.raises(NotFound):
        listing.note_warnings_read(county.ctx, county.caller("stranger").actor, case_id)

    assert _reads(county, case_id) == ["case.warnings_read"]

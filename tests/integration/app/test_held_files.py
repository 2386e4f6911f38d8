"""Files that cannot be opened, or that the AI must not read, go up only by name and reason."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from support.county import County, outcome

from qiangji_app.domain.workflow import State
from qiangji_app.services import capture, held
from qiangji_app.services.triage import Outcome, failed_outcome, refused_outcome
from qiangji_datasets.errors import Conflict, InputRejected


def gate_refused(code: str) -> Outcome:
    made = outcome(status="refused", gate_codes=(code,))
    notices = [
        {"code": code, "severity": "refuse", "params": {}},
        {"code": "film.small", "severity": "warn", "params": {}},
    ]
    return replace(made, reading=made.reading | {"quality": notices})


BROKEN = refused_outcome(InputRejected("file.unknown"))
LOST = failed_outcome(None, "file.reader_memory")


def named(county: County, case_id: str) -> list[tuple[bool, list[object]]]:
    found = held.held_files(county.ctx, county.caller("operator").actor, case_id)
    return [(item.is_readable, [row["code"] for row in item.notices]) for item in found]


def test_each_file_that_needs_a_reason_is_named_with_its_own(county: County) -> None:
    case_id = county.draft()
    county.reader.outcomes |= {
        b"broken": BROKEN,
        b"turned": gate_refused("film.rotated"),
        b"lost": LOST,
    }
    for content in (b"broken", b"turned", b"lost", b"good"):
        county.upload(case_id, content)

    assert named(county, case_id) == [
        (False, ["file.unknown"]),
        (True, ["film.rotated"]),
        (False, ["file.reader_memory"]),
    ]


@pytest.mark.parametrize("made", [BROKEN, LOST])
def test_a_file_nobody_can_open_goes_up_beside_a_good_one_with_a_reason_only(
    county: County, made: Outcome
) -> None:
    case_id = county.draft()
    county.reader.outcomes[b"bad"] = made
    county.upload(case_id, b"bad")
    county.upload(case_id, b"good")
    actor = county.caller("operator").actor

    with pytest.raises(Conflict, match="gate.override_needed"):
        capture.submit(county.ctx, actor, case_id)
    case = capture.submit(county.ctx, actor, case_id, override_reason="无法重新导出")

    with county.store.read() as unit:
        event = unit.events.of_case(case_id)[-1]
        said = [(row.kind, row.text) for row in unit.cases.messages(case_id)]
    assert case.state is State.SUBMITTED
    assert len(str(event.payload["held_back"]).split(",")) == 1
    digest = hashlib.sha256("无法重新导出".encode()).hexdigest()
    assert event.payload["override_sha256"] == digest
    assert said == [("override", "无法重新导出")]


def test_a_case_of_which_nothing_can_be_opened_is_not_sent_and_says_what_to_do(
    county: County,
) -> None:
    case_id = county.draft()
    county.reader.outcomes[b"bad"] = BROKEN
    county.reader.outcomes[b"worse"] = BROKEN
    for content in (b"bad", b"worse"):
        county.upload(case_id, content)

    with pytest.raises(InputRejected, match="case.nothing_readable") as refused:
        capture.submit(county.ctx, county.caller("operator").actor, case_id, override_reason="急")

    assert refused.value.params["n"] == 2


def test_a_refused_film_that_is_read_again_keeps_what_the_gate_said(county: County) -> None:
    case_id = county.draft()
    bare = outcome(status="refused", gate_codes=("film.rotated",))
    county.reader.outcomes[b"bare"] = replace(bare, reading={"status": "refused"})
    county.upload(case_id, b"bare")

    assert named(county, case_id) == [(True, [])]

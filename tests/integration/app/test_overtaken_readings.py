"""A reading that comes back after the facts it was made with, or the case, moved on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from support.county import County, ScriptedReader, content, outcome

from qiangji_app.domain.case import ClinicalRequest, Finding, Recording, Verdict
from qiangji_app.domain.person import Patient
from qiangji_app.domain.workflow import State
from qiangji_app.services import capture, recordings, review
from qiangji_app.services.triage import Outcome
from qiangji_datasets.errors import Conflict

OLD, NEW = outcome(hints={"effusion": "likely"}), outcome(hints={"pneumothorax": "likely"})


class SlowReader(ScriptedReader):
    """A reader during whose first work somebody does something; its answer is of before."""

    def __init__(self, meanwhile: Callable[[], object], answer: Outcome = OLD) -> None:
        super().__init__()
        self._meanwhile = [meanwhile]
        self._answer = answer

    def triage(self, path: Path, *, stated: Mapping[str, object]) -> Outcome:
        """The prepared answer, late the first time; then what is known by now."""
        if not self._meanwhile:
            return super().triage(path, stated=stated)
        self._meanwhile.pop()()
        return self._answer


def read_slowly(county: County, meanwhile: Callable[[], object], answer: Outcome = OLD) -> None:
    """Take the next job; its reading ends after ``meanwhile``."""
    reader = SlowReader(meanwhile, answer)
    assert recordings.run_next(replace(county.ctx, reader=reader))


def state_age(county: County, case_id: str, age: float) -> None:
    patient = Patient(name="赵某", sex="F", age_years=age)
    capture.set_request(
        county.ctx, county.caller("operator").actor, case_id, patient, ClinicalRequest()
    )


def stored(county: County, case_id: str) -> tuple[Recording, list[Finding]]:
    with county.store.read() as unit:
        [found] = unit.cases.recordings(case_id)
        return found, list(unit.cases.findings(case_id))


def waiting(county: County) -> str:
    """A draft whose file is queued and unread, as after a change of the form."""
    case_id = county.draft()
    county.upload(case_id)
    county.read_all()
    state_age(county, case_id, 61)
    return case_id


def test_a_reading_made_with_another_age_is_not_stored_and_made_again(county: County) -> None:
    case_id = waiting(county)
    county.reader.outcomes[b"film"] = NEW

    read_slowly(county, lambda: state_age(county, case_id, 5))

    recording, findings = stored(county, case_id)
    assert (recording.reading, findings) == ({}, [])
    with pytest.raises(Conflict, match=r"recording\.still_reading"):
        capture.submit(county.ctx, county.caller("operator").actor, case_id)
    county.read_all()
    assert county.reader.stated[-1]["age_years"] == 5
    assert [row.label for row in stored(county, case_id)[1]] == ["pneumothorax"]


def test_a_reading_under_another_name_of_the_kind_is_made_again(county: County) -> None:
    actor = county.caller("operator").actor
    case_id = county.draft(modality="")
    county.reader.outcomes[b"film"] = outcome(modality="")
    recording_id = county.upload(case_id)
    with county.store.begin() as unit:
        unit.jobs.add(recordings.TRIAGE_JOB, recording_id)
        unit.commit()

    read_slowly(
        county, lambda: capture.open_case(county.ctx, actor, case_id, "ecg"), outcome(modality="")
    )

    assert stored(county, case_id)[0].reading == {}
    county.read_all()
    assert county.reader.stated[-1]["modality"] == "ecg"


def test_a_reading_with_old_facts_that_nobody_asked_for_again_is_queued(county: County) -> None:
    case_id = waiting(county)

    def corrected() -> None:
        with county.store.begin() as unit:
            person_id = county.case(case_id).person_id
            known = unit.persons.get(person_id)
            assert known is not None
            unit.persons.save(person_id, replace(known, sex="M"))
            unit.commit()

    read_slowly(county, corrected)

    assert stored(county, case_id)[0].reading == {}
    county.read_all()
    assert county.reader.stated[-1]["sex"] == "M"


def test_a_case_that_went_up_meanwhile_is_not_signed_on_a_reading_with_old_facts(
    county: County,
) -> None:
    case_id = waiting(county)
    operator, reader = county.caller("operator").actor, county.unlocked("specialist")

    def submitted() -> None:
        state_age(county, case_id, 5)
        county.clock.step(seconds=61)
        capture.submit(county.ctx, operator, case_id)

    read_slowly(county, submitted)

    review.claim(county.ctx, reader.actor, case_id)
    review.save_draft(county.ctx, reader.actor, case_id, content())
    with pytest.raises(Conflict, match=r"sign\.still_reading"):
        county.sign(reader, case_id)
    county.read_all()
    county.sign(reader, case_id)
    assert county.case(case_id).state is State.SIGNED


def test_a_reading_that_comes_after_the_signature_changes_nothing(county: County) -> None:
    case_id = waiting(county)
    county.reader.outcomes[b"film"] = NEW
    operator, reader = county.caller("operator").actor, county.unlocked("specialist")

    def signed() -> None:
        recordings.triage_recording(county.ctx, stored(county, case_id)[0].id)
        capture.submit(county.ctx, operator, case_id)
        review.claim(county.ctx, reader.actor, case_id)
        hint = stored(county, case_id)[1][0]
        review.judge(county.ctx, reader.actor, case_id, hint.id, verdict=Verdict.REJECTED)
        review.save_draft(county.ctx, reader.actor, case_id, content())
        county.sign(reader, case_id)
        before.append((stored(county, case_id), county.case(case_id)))

    before: list[object] = []
    read_slowly(county, signed)

    assert [(stored(county, case_id), county.case(case_id))] == before
    assert not recordings.run_next(county.ctx)


def test_a_recording_removed_while_it_was_read_is_not_brought_back(county: County) -> None:
    case_id = waiting(county)
    operator, recording_id = county.caller("operator").actor, stored(county, case_id)[0].id

    read_slowly(
        county,
        lambda: capture.remove_recording(county.ctx, operator, case_id, recording_id),
    )

    with county.store.read() as unit:
        assert unit.cases.recording(recording_id) is None
    assert not recordings.run_next(county.ctx)


def test_a_recording_removed_while_its_reader_fails_leaves_no_work_behind(county: County) -> None:
    case_id = waiting(county)
    operator, recording_id = county.caller("operator").actor, stored(county, case_id)[0].id

    def removed_and_failed() -> None:
        capture.remove_recording(county.ctx, operator, case_id, recording_id)
        raise MemoryError

    read_slowly(county, removed_and_failed)

    with county.store.read() as unit:
        assert unit.cases.recording(recording_id) is None
    assert not recordings.run_next(county.ctx)


def test_a_statement_that_a_later_reading_repeats_stays_the_same_finding(county: County) -> None:
    county.reader.outcomes[b"film"] = outcome(hints={"nodule": "likely", "effusion": "likely"})
    case_id = county.claimed()
    recording, first = stored(county, case_id)
    county.reader.outcomes[b"film"] = outcome(hints={"nodule": "likely", "effusion": "possible"})

    recordings.triage_recording(county.ctx, recording.id)

    second = {row.label: row.id for row in stored(county, case_id)[1]}
    kept = {row.label: row.id for row in first}
    assert second["nodule"] == kept["nodule"]
    assert second["effusion"] != kept["effusion"]

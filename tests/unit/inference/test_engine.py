"""The engine reads what it may, says why it does not, and never stops the clinic's work."""

from __future__ import annotations

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.tiny_bundle import TinyBundle, write_bundle

from qiangji_datasets.messages import Catalogue
from qiangji_datasets.records import (
    EcgRecord,
    Modality,
    PersonIdentity,
    Radiograph,
    Sex,
    StudyIds,
)
from qiangji_inference.engine import Engine
from qiangji_inference.predict import SessionSettings
from qiangji_inference.reading import Code, ReadingStatus
from qiangji_inference.rehearsal import made_up
from qiangji_inference.slots import BundleState, Slot
from qiangji_models.bundle import METADATA

TINY_FILM = TinyBundle(Modality.CXR, "cxr-tiny")


def _ecg(age_years: float | None = None, seconds: float = 10.0) -> EcgRecord:
    record = made_up(Modality.ECG)
    assert isinstance(record, EcgRecord)
    kept = record.signal_mv[:, : int(seconds * record.rate_hz)].copy()
    person = PersonIdentity(name="测试", patient_id="P-77", age_years=age_years)
    return EcgRecord(kept, record.rate_hz, person, StudyIds())


def _film() -> Radiograph:
    record = made_up(Modality.CXR)
    assert isinstance(record, Radiograph)
    return record


def test_an_adult_ecg_is_read_by_the_ecg_bundle_alone(tmp_path: Path) -> None:
    engine = Engine([write_bundle(tmp_path, TinyBundle()), write_bundle(tmp_path, TINY_FILM)])

    reading = engine.read(_ecg(age_years=61), gate=False, measure=False)

    assert reading.status is ReadingStatus.DONE
    assert [item.bundle.name for item in reading.predictions] == ["ecg-tiny"]
    assert (reading.declined, reading.reasons, reading.is_gated) == ((), (), False)
    assert reading.ms.keys() == {"preprocess", "session", "total"}


def test_a_missing_age_is_asked_at_the_desk(tmp_path: Path) -> None:
    engine = Engine([write_bundle(tmp_path, TinyBundle())])

    reading = engine.read(_ecg(), gate=False, measure=False)

    assert reading.status is ReadingStatus.OUT_OF_SCOPE
    assert [notice.code for notice in reading.reasons] == [Code.AGE_MISSING]
    assert engine.read(_ecg(), gate=False, measure=False, needs_age=False).predictions


@pytest.mark.parametrize(
    ("age", "status"),
    [
        (17.9, ReadingStatus.OUT_OF_SCOPE),
        (18.0, ReadingStatus.DONE),
        (119.9, ReadingStatus.DONE),
        (120.0, ReadingStatus.OUT_OF_SCOPE),
    ],
)
def test_age_limits_are_inclusive_below_and_exclusive_above(
    tmp_path: Path, age: float, status: ReadingStatus
) -> None:
    engine = Engine([write_bundle(tmp_path, TinyBundle())])

    assert engine.read(_ecg(), gate=False, measure=False, age_years=age).status is status


def test_the_age_stated_at_the_desk_counts_before_the_one_in_the_file(tmp_path: Path) -> None:
    engine = Engine([write_bundle(tmp_path, TinyBundle())])

    reading = engine.read(_ecg(age_years=50), gate=False, measure=False, age_years=9)

    assert reading.age_years == 9
    assert [item.notice.code for item in reading.declined] == [Code.AGE_OUT_OF_RANGE]


@pytest.mark.parametrize(
    ("sex", "code"), [(None, Code.SEX_MISSING), (Sex.M, Code.SEX_OUT_OF_RANGE), (Sex.F, None)]
)
def test_a_bundle_for_one_sex_reads_no_other(
    tmp_path: Path, sex: Sex | None, code: Code | None
) -> None:
    engine = Engine([write_bundle(tmp_path, TinyBundle(sexes=("F",)))])

    reading = engine.read(_ecg(age_years=40), gate=False, measure=False, sex=sex)

    assert [item.notice.code for item in reading.declined] == ([] if code is None else [code])


def test_a_bundle_that_applies_reads_even_where_another_declines(tmp_path: Path) -> None:
    child = TinyBundle(name="ecg-child", age_range_years=(0, 18))
    engine = Engine([write_bundle(tmp_path, TinyBundle()), write_bundle(tmp_path, child)])

    reading = engine.read(_ecg(age_years=7), gate=False, measure=False)

    assert reading.status is ReadingStatus.DONE
    assert [item.bundle.name for item in reading.predictions] == ["ecg-child"]
    assert [item.bundle for item in reading.declined] == ["ecg-tiny"]


def test_a_short_recording_is_refused_with_the_bundles_reason(tmp_path: Path) -> None:
    engine = Engine([write_bundle(tmp_path, TinyBundle())])

    reading = engine.read(_ecg(age_years=50, seconds=8), gate=False, measure=False)

    assert reading.status is ReadingStatus.REFUSED
    assert [notice.code for notice in reading.reasons] == ["ecg.too_short"]


def test_a_changed_file_refuses_its_bundle_and_the_others_live_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = write_bundle(tmp_path, TinyBundle(name="ecg-broken"))
    (broken / "docs" / "README.md").write_text("changed", "utf-8")
    engine = Engine([broken, write_bundle(tmp_path, TinyBundle())])

    reading = engine.read(_ecg(age_years=50), gate=False, measure=False)

    assert reading.status is ReadingStatus.FAILED
    assert [item.bundle.name for item in reading.predictions] == ["ecg-tiny"]
    (declined,) = reading.declined
    assert (declined.bundle, declined.notice.code) == ("ecg-broken", Code.BUNDLE_REFUSED)
    assert declined.notice.params["reason"] == "bundle.file_changed"
    assert "P-77" not in caplog.text and "测试" not in caplog.text


def test_a_bundle_with_unreadable_metadata_is_missed_only_by_its_own_modality(
    tmp_path: Path,
) -> None:
    broken = write_bundle(tmp_path, TINY_FILM)
    (broken / METADATA).write_text("{", "utf-8")
    engine = Engine([broken, write_bundle(tmp_path, TinyBundle())])

    assert engine.read(_ecg(age_years=50), gate=False, measure=False).declined == ()
    film = engine.read(_film(), gate=False, age_years=50)
    assert (film.status, film.predictions) == (ReadingStatus.FAILED, ())


def test_a_bundle_that_says_nothing_of_its_modality_is_reported_for_every_recording(
    tmp_path: Path,
) -> None:
    broken = write_bundle(tmp_path, TinyBundle(name="mystery"))
    (broken / METADATA).write_text(json.dumps({"version": "1"}), "utf-8")
    engine = Engine([broken])

    for record in (_ecg(age_years=50), _film()):
        reading = engine.read(record, gate=False, measure=False)
        assert [item.notice.params["reason"] for item in reading.declined] == ["bundle.schema"]


def test_a_model_that_fails_on_a_recording_becomes_a_notice_and_a_log_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # The network takes 64 rows; this preprocessing gives it 32.
    engine = Engine([write_bundle(tmp_path, replace(TINY_FILM, film_rows=32))])

    reading = engine.read(_film(), gate=False, age_years=50)

    assert reading.status is ReadingStatus.FAILED
    assert [item.notice.code for item in reading.declined] == [Code.MODEL_FAILED]
    assert any(row.levelno == logging.ERROR and row.exc_info for row in caplog.records)


def test_without_a_bundle_for_the_modality_triage_has_failed(tmp_path: Path) -> None:
    reading = Engine([write_bundle(tmp_path, TINY_FILM)]).read(
        _ecg(age_years=50), gate=False, measure=False
    )

    assert reading.status is ReadingStatus.FAILED
    assert [item.notice.code for item in reading.declined] == [Code.NO_BUNDLE]


def test_warming_opens_every_bundle_and_reports_the_refused_one(tmp_path: Path) -> None:
    bad = write_bundle(tmp_path, TinyBundle(name="ecg-bad", golden_shift=1.0))
    engine = Engine([write_bundle(tmp_path, TinyBundle()), bad])
    assert {item.state for item in engine.status()} == {BundleState.PENDING}

    engine.warm_in_background().join()

    good, refused = engine.status()
    assert (good.state, good.version, len(good.sha256)) == (BundleState.READY, "0.1.0", 64)
    assert refused.state is BundleState.REFUSED
    assert refused.reason is not None
    assert refused.reason.params["reason"] == "bundle.golden_differs"


def test_a_bundle_is_opened_once_however_many_threads_ask(tmp_path: Path) -> None:
    slot = Slot(write_bundle(tmp_path, TinyBundle()), SessionSettings())
    start = threading.Barrier(4)

    def ask(_: int) -> int:
        start.wait(10)
        return id(slot.open())

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(ask, range(4)))) == 1


def test_readings_from_several_threads_agree(tmp_path: Path) -> None:
    engine = Engine([write_bundle(tmp_path, TinyBundle())])
    record = _ecg(age_years=50)

    with ThreadPoolExecutor(4) as pool:
        readings = list(
            pool.map(lambda _: engine.read(record, gate=False, measure=False), range(16))
        )

    logits = {reading.predictions[0].labels[0].logit for reading in readings}
    assert len(logits) == 1


def test_every_code_of_the_engine_has_a_text_and_advice_in_both_languages() -> None:
    entries = Catalogue.of("qiangji_inference").entries

    for code in Code:
        assert {"zh", "en", "advice_zh", "advice_en"} <= entries[code].keys()


def test_an_interrupted_lead_is_named(tmp_path: Path) -> None:
    record = _ecg(age_years=50)
    signal = record.signal_mv.copy()
    signal[6, :2000] = np.nan
    engine = Engine([write_bundle(tmp_path, TinyBundle())])

    reading = engine.read(replace(record, signal_mv=signal), gate=False, measure=False)

    assert [(item.notice.code, item.notice.params) for item in reading.declined] == [
        ("ecg.lead_off", {"lead": "V1"})
    ]

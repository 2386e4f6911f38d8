"""The synthetic ECG generator and its DICOM writer."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest

from qiangji_datasets.records import LEADS, EcgRecord, PersonIdentity, Sex
from qiangji_datasets.synthetic.ecg import (
    Conduction,
    EcgFaults,
    EcgRecipe,
    Reversal,
    Rhythm,
    StTerritory,
    make_ecg,
)
from qiangji_datasets.synthetic.ecg_dicom import write_ecg_dicom

QUIET = EcgFaults()


def _make(seed: int = 5, **recipe: object) -> EcgRecord:
    return make_ecg(np.random.default_rng(seed), EcgRecipe(**recipe))  # type: ignore[arg-type]  # test builder


def _lead(ecg: EcgRecord, name: str) -> np.ndarray:
    return ecg.signal_mv[LEADS.index(name)]


def test_the_same_seed_gives_the_same_samples_and_identifiers() -> None:
    first, second = _make(), _make()

    assert np.array_equal(first.signal_mv, second.signal_mv)
    assert first.ids == second.ids


@pytest.mark.parametrize("rhythm", list(Rhythm))
@pytest.mark.parametrize("rate_hz", [100.0, 500.0, 1000.0])
def test_every_rhythm_is_made_at_every_rate(rhythm: Rhythm, rate_hz: float) -> None:
    ecg = _make(rhythm=rhythm, rate_hz=rate_hz, duration_s=10.0)

    assert ecg.signal_mv.shape == (12, round(10 * rate_hz))
    assert np.isfinite(ecg.signal_mv).all()
    assert np.abs(ecg.signal_mv).max() < 6.0


@pytest.mark.parametrize("conduction", list(Conduction))
def test_limb_leads_obey_einthoven_and_goldberger(conduction: Conduction) -> None:
    ecg = _make(conduction=conduction)

    one, two = _lead(ecg, "I"), _lead(ecg, "II")
    assert np.allclose(_lead(ecg, "III"), two - one, atol=1e-4)
    assert np.allclose(_lead(ecg, "aVR"), -(one + two) / 2, atol=1e-4)
    assert np.allclose(_lead(ecg, "aVL"), one - two / 2, atol=1e-4)
    assert np.allclose(_lead(ecg, "aVF"), two - one / 2, atol=1e-4)


def test_exchanged_arm_electrodes_invert_lead_one_and_leave_the_chest_alone() -> None:
    good = _make(faults=QUIET)
    swapped = _make(faults=EcgFaults(reversal=Reversal.RA_LA))

    assert np.allclose(_lead(swapped, "I"), -_lead(good, "I"), atol=1e-4)
    assert np.allclose(_lead(swapped, "V3"), _lead(good, "V3"), atol=1e-4)


@pytest.mark.parametrize(
    ("territory", "up", "down"),
    [
        (StTerritory.ANTERIOR, "V2", "II"),
        (StTerritory.INFERIOR, "III", "aVL"),
        (StTerritory.LATERAL, "aVL", "III"),
    ],
)
def test_st_elevation_rises_in_its_own_leads_and_falls_in_the_opposite_ones(
    territory: StTerritory, up: str, down: str
) -> None:
    flat = _make(faults=QUIET)
    raised = _make(faults=QUIET, st_territory=territory, st_mv=0.3)

    change = raised.signal_mv - flat.signal_mv
    assert change[LEADS.index(up)].max() > 0.2
    assert change[LEADS.index(down)].min() < -0.02


def test_faults_behind_the_electrodes_are_applied_to_the_named_leads_only() -> None:
    faults = EcgFaults(clip_mv=0.5, leads_off=("V3",), flat_leads=("V6",))
    ecg = _make(faults=faults)

    assert np.isnan(_lead(ecg, "V3")).all()
    assert not _lead(ecg, "V6").any()
    assert np.nanmax(np.abs(ecg.signal_mv)) <= 0.5
    assert np.isfinite(_lead(ecg, "V4")).all()


def test_a_wrong_unit_scales_every_sample() -> None:
    assert np.allclose(
        _make(faults=EcgFaults(scale=1000.0)).signal_mv,
        _make(faults=QUIET).signal_mv * 1000.0,
        rtol=1e-4,
    )


def test_premature_beats_are_drawn_only_when_there_is_room() -> None:
    assert not np.array_equal(_make(pvc_count=2).signal_mv, _make().signal_mv)
    assert _make(pvc_count=2, duration_s=1.5).signal_mv.shape == (12, 750)


def test_a_written_file_reads_back_with_name_values_and_mark(tmp_path: Path) -> None:
    person = PersonIdentity(
        name="王小明",
        name_alphabetic="Wang^Xiaoming",
        patient_id="DEMO-1",
        issuer="DEMO",
        birth_date=date(1960, 2, 3),
        sex=Sex.M,
        age_years=65.0,
    )
    ecg = make_ecg(
        np.random.default_rng(1),
        EcgRecipe(),
        person=person,
        acquired_at=datetime(2025, 3, 4, 5, 6, 7),  # noqa: DTZ001 - device clocks are naive
    )
    path = tmp_path / "a.dcm"

    write_ecg_dicom(ecg, path)

    read = pydicom.dcmread(path)
    assert str(read.PatientName) == "Wang^Xiaoming=王小明"
    assert read.StudyDate == "20250304"
    assert "演示" in read.WaveformAnnotationSequence[0].UnformattedTextValue
    values_mv = read.waveform_array(0).T / 1000.0
    assert np.abs(values_mv - ecg.signal_mv).max() < 0.001
    sources = [
        c.ChannelSourceSequence[0].CodeMeaning
        for c in read.WaveformSequence[0].ChannelDefinitionSequence
    ]
    assert sources == [f"Lead {lead}" for lead in LEADS]


def test_a_lead_that_was_off_is_written_as_padding(tmp_path: Path) -> None:
    path = tmp_path / "off.dcm"
    write_ecg_dicom(_make(faults=EcgFaults(leads_off=("V1",))), path)

    group = pydicom.dcmread(path).WaveformSequence[0]
    steps = np.frombuffer(group.WaveformData, "<i2").reshape(-1, 12)
    padding = np.frombuffer(group.WaveformPaddingValue, "<i2")[0]
    assert (steps[:, LEADS.index("V1")] == padding).all()
    assert not (steps[:, 0] == padding).any()


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        (PersonIdentity(), ""),
        (PersonIdentity(name="Doe^John"), "Doe^John"),
        (PersonIdentity(name="李四"), "=李四"),
        (PersonIdentity(name="李四", name_phonetic="Li^Si"), "=李四=Li^Si"),
    ],
)
def test_names_are_written_in_their_groups(
    tmp_path: Path, person: PersonIdentity, expected: str
) -> None:
    path = tmp_path / "name.dcm"
    write_ecg_dicom(_make(), path, person=person)

    assert str(pydicom.dcmread(path).PatientName) == expected

"""ECGs from DICOM waveforms: units, leads, baseline, skew, contradictions."""

from __future__ import annotations

import numpy as np
import pytest
from support.dicom_builder import channel, ecg, element, sequence, waveform_group

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats import read
from qiangji_datasets.formats.leads import lead_of_code, lead_of_label
from qiangji_datasets.formats.resampling import shift_samples
from qiangji_datasets.records import LEADS, EcgRecord

_EIGHT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")


def _samples(count: int, channels: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.integers(-2000, 2000, (count, channels)).astype(np.int16)


def _twelve() -> np.ndarray:
    """(500, 12), limb leads that obey Einthoven and Goldberger."""
    values = _samples(500, 12) * 4
    one, two = values[:, 0].astype(int) // 4 * 4, values[:, 1].astype(int) // 4 * 4
    values = values.astype(int)
    values[:, 0], values[:, 1], values[:, 2] = one, two, two - one
    values[:, 3] = -(one + two) // 2
    values[:, 4], values[:, 5] = one - two // 2, two - one // 2
    return values.astype(np.int16)


def _read(data: bytes) -> EcgRecord:
    record = read(data)
    assert isinstance(record, EcgRecord)
    return record


def _refusal(data: bytes) -> str:
    with pytest.raises(InputRejected) as refused:
        read(data)
    return refused.value.code


def test_eight_recorded_leads_give_twelve_and_say_which_were_derived() -> None:
    stored = _samples(500, 8)

    found = _read(ecg([waveform_group([channel(f"Lead {name}") for name in _EIGHT], stored)]))

    assert found.signal_mv.shape == (12, 500) and found.rate_hz == 500
    assert found.derived_leads == ("III", "aVR", "aVL", "aVF")
    np.testing.assert_allclose(found.signal_mv[0], stored[:, 0] * 2.5e-3, rtol=1e-6)
    np.testing.assert_allclose(
        found.signal_mv[3], -(stored[:, 0] + stored[:, 1].astype(float)) * 1.25e-3, atol=1e-6
    )
    assert found.notices == ()


@pytest.mark.parametrize(
    ("unit", "millivolts"), [("uV", 1e-3), ("mV", 1.0), ("nV", 1e-6), ("V", 1e3)]
)
def test_every_unit_of_voltage_ends_in_millivolts(unit: str, millivolts: float) -> None:
    stored = _samples(200, 8)
    channels = [channel(name, unit=unit, sensitivity="0.001") for name in _EIGHT]

    found = _read(ecg([waveform_group(channels, stored)]))

    np.testing.assert_allclose(found.signal_mv[1], stored[:, 1] * 0.001 * millivolts, rtol=1e-5)


def test_correction_factor_and_baseline_are_applied() -> None:
    extra = element(0x003A0212, "DS", "2") + element(0x003A0213, "DS", "100")
    stored = _samples(200, 8)
    channels = [channel(name, extra=extra) for name in _EIGHT]

    found = _read(ecg([waveform_group(channels, stored)]))

    np.testing.assert_allclose(found.signal_mv[0], (stored[:, 0] * 5.0 + 100) / 1000, rtol=1e-5)


@pytest.mark.parametrize("skew", [0.5, 0.3, -0.25, 1.75])
def test_channel_skew_brings_samples_onto_one_grid(skew: float) -> None:
    times = np.arange(400.0)
    slow = np.sin(2 * np.pi * (times + skew) / 50)  # sample k was taken at k + skew

    found = shift_samples(slow, skew)

    inner = slice(4, -4)
    np.testing.assert_allclose(found[inner], np.sin(2 * np.pi * times / 50)[inner], atol=1e-5)


def test_a_skewed_channel_of_a_file_is_shifted() -> None:
    stored = np.repeat((np.arange(500) % 97)[:, None] * 20, 8, axis=1).astype(np.int16)
    extra = element(0x003A0215, "DS", "1")
    channels = [channel(name, extra=extra if name == "V1" else b"") for name in _EIGHT]

    found = _read(ecg([waveform_group(channels, stored)]))

    np.testing.assert_allclose(found.signal_mv[6, 1:], found.signal_mv[7, :-1], atol=1e-6)
    assert np.isnan(found.signal_mv[6, 0])


@pytest.mark.parametrize(
    "label",
    [
        "Lead aVR",
        "aVR",
        "AVR",
        "avr",
        "MDC_ECG_LEAD_aVR",
        "lead_avr",
        "导联 aVR",
        "aVR (Goldberger)",
    ],
)
def test_lead_labels_are_known_in_every_spelling(label: str) -> None:
    assert lead_of_label(label) == "aVR"


@pytest.mark.parametrize(
    ("value", "scheme", "lead"),
    [
        ("2:1", "MDC", "I"), ("2:61", "MDC", "III"), ("MDC_ECG_LEAD_V6", "MDC", "V6"),
        ("5.6.3-9-1", "SCPECG", "I"), ("5.6.3-9-64", "SCPECG", "aVF"), ("131074", "MDC", "II"),
        ("2:99", "MDC", ""), ("2:1", "99LOCAL", ""),
    ],
)  # fmt: skip
def test_lead_codes_of_both_schemes_are_known(value: str, scheme: str, lead: str) -> None:
    assert lead_of_code(value, scheme) == lead


def test_channels_in_any_order_are_mapped_by_code() -> None:
    stored = _twelve()
    numbers = [1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8]
    order = [7, 0, 11, 3, 5, 1, 9, 2, 4, 10, 6, 8]
    channels = [channel(LEADS[index], code=f"2:{numbers[index]}") for index in order]

    found = _read(ecg([waveform_group(channels, stored[:, order])]))

    np.testing.assert_allclose(found.signal_mv, stored.T * 2.5e-3, rtol=1e-5, atol=1e-6)
    assert found.notices == () and found.derived_leads == ()


def test_the_averaged_beat_is_not_taken_for_the_recording() -> None:
    channels = [channel(name) for name in _EIGHT]
    median = waveform_group(channels, _samples(600, 8), originality="DERIVED")
    rhythm = waveform_group(channels, _samples(500, 8))

    assert _read(ecg([median, rhythm])).signal_mv.shape[1] == 500
    assert _refusal(ecg([median])) == "ecg.only_derived"


def test_leads_of_two_groups_of_one_recording_are_joined() -> None:
    limb = waveform_group([channel("I"), channel("II")], _samples(500, 2))
    chest = waveform_group([channel(name) for name in _EIGHT[2:]], _samples(500, 6))

    assert np.isfinite(_read(ecg([limb, chest])).signal_mv).all()


def test_an_absent_chest_lead_is_marked_and_warned_of() -> None:
    names = _EIGHT[:-1]

    found = _read(ecg([waveform_group([channel(name) for name in names], _samples(500, 7))]))

    assert np.isnan(found.signal_mv[11]).all()
    assert [notice.code for notice in found.notices] == ["ecg.leads_missing"]


def test_padding_values_are_no_signal() -> None:
    stored = _samples(200, 8)
    stored[50:60, 2] = -32768
    group = waveform_group([channel(name) for name in _EIGHT], stored)
    group = group.replace(
        element(0x54001006, "CS", "SS"),
        element(0x54001006, "CS", "SS") + element(0x5400100A, "OW", b"\x00\x80"),
    )

    found = _read(ecg([group]))

    assert np.isnan(found.signal_mv[6, 50:60]).all() and np.isnan(found.signal_mv).sum() == 10


@pytest.mark.parametrize(
    ("channels", "code"),
    [
        ([channel(name) for name in (*_EIGHT[:-1], "V1")], "ecg.lead_twice"),
        ([channel("V1", code="2:1"), *map(channel, _EIGHT[1:])], "ecg.lead_contradiction"),
        ([channel(name, unit="bar") for name in _EIGHT], "ecg.unit_unknown"),
        ([channel(name, unit="") for name in _EIGHT], "ecg.unit_unknown"),
        ([channel(name, sensitivity="") for name in _EIGHT], "ecg.no_sensitivity"),
        ([channel(name) for name in ("I", "V1", "V2", "V3", "V4", "V5", "V6", "X")],
         "ecg.too_few_leads"),
    ],
)  # fmt: skip
def test_a_contradiction_is_refused_with_its_reason(channels: list[bytes], code: str) -> None:
    assert _refusal(ecg([waveform_group(channels, _samples(500, 8))])) == code


@pytest.mark.parametrize(
    ("order", "found"), [((1, 0, 2, 3, 4, 5), "I ↔ II"), ((0, 1, 2, 4, 3, 5), "aVR ↔ aVL")]
)
def test_swapped_limb_labels_are_proved_by_einthoven(order: tuple[int, ...], found: str) -> None:
    stored = _twelve()[:, [*order, *range(6, 12)]]

    with pytest.raises(InputRejected) as refused:
        read(ecg([waveform_group([channel(name) for name in LEADS], stored)]))

    assert (refused.value.code, refused.value.params["found"]) == ("ecg.leads_contradict", found)


@pytest.mark.parametrize(
    ("stated", "rate", "code"),
    [
        (2**31 - 1, "500", "ecg.too_long"),
        (0, "500", "ecg.no_samples"),
        (501, "500", "ecg.samples_short"),
        (500, "5", "ecg.rate"),
        (500, "inf", "dicom.value_invalid"),
    ],
)
def test_declared_sizes_are_checked_before_decoding(stated: int, rate: str, code: str) -> None:
    group = waveform_group(
        [channel(name) for name in _EIGHT], _samples(500, 8), rate_hz=rate, stated_samples=stated
    )

    assert _refusal(ecg([group])) == code


def test_a_channel_count_that_contradicts_the_definitions_is_refused() -> None:
    group = waveform_group([channel(name) for name in _EIGHT], _samples(500, 8))
    group = group.replace(element(0x003A0005, "US", 8), element(0x003A0005, "US", 9))

    assert _refusal(ecg([group])) == "ecg.channel_count"


def test_a_file_without_a_waveform_is_refused() -> None:
    assert _refusal(ecg([], t54000100=sequence(0x54000100, []))) == "ecg.no_waveform"

"""From millivolts to a network's input."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.records import EcgRecord, PersonIdentity, StudyIds
from qiangji_datasets.synthetic.ecg import EcgRecipe, make_ecg
from qiangji_models.preprocess import ecg as ecgs
from qiangji_models.preprocess.specs import EcgSpec

SPEC = EcgSpec()


def _ecg(signal_mv: NDArray[np.floating], rate_hz: float = 500.0) -> EcgRecord:
    return EcgRecord(signal_mv.astype(np.float32), rate_hz, PersonIdentity(), StudyIds())


def _synthetic(rate_hz: float = 500.0, duration_s: float = 10.0) -> EcgRecord:
    recipe = EcgRecipe(rate_hz=rate_hz, duration_s=duration_s)
    return make_ecg(np.random.default_rng(4), recipe)


def test_the_input_is_one_thousand_samples_of_unit_variance() -> None:
    found = ecgs.to_model_input(_synthetic(), SPEC)

    assert found.shape == (1, 12, 1000)
    assert found.dtype == np.float32
    assert np.allclose(found.std(axis=2), 1, atol=1e-3)


@pytest.mark.parametrize("rate_hz", [100.0, 250.0, 257.0, 360.0, 1000.0, 2000.0])
def test_the_rate_of_the_device_hardly_matters(rate_hz: float) -> None:
    base = ecgs.to_model_input(_smooth(500.0), SPEC)
    other = ecgs.to_model_input(_smooth(rate_hz), SPEC)

    for lead in range(12):
        assert np.corrcoef(base[0, lead, 50:950], other[0, lead, 50:950])[0, 1] > 0.99


def _smooth(rate_hz: float) -> EcgRecord:
    at_s = np.arange(int(10 * rate_hz)) / rate_hz
    waves = [np.sin(2 * np.pi * hertz * at_s) for hertz in np.linspace(1, 20, 12)]
    return _ecg(np.stack(waves), rate_hz)


def test_wander_and_offset_are_filtered_out() -> None:
    clean = _synthetic()
    at_s = np.arange(clean.signal_mv.shape[1]) / clean.rate_hz
    drifted = _ecg(clean.signal_mv + 3 + 0.5 * np.sin(2 * np.pi * 0.05 * at_s))

    first, second = (ecgs.to_model_input(record, SPEC) for record in (clean, drifted))

    assert np.abs(first - second)[:, :, 150:850].max() < 0.1


def test_amplitude_is_lost_on_purpose() -> None:
    record = _synthetic()

    first, second = (
        ecgs.to_model_input(item, SPEC) for item in (record, _ecg(record.signal_mv * 3))
    )

    assert np.allclose(first, second, atol=1e-3)


def test_a_flat_lead_stays_flat() -> None:
    signal = _synthetic().signal_mv.copy()
    signal[4] = 0.5

    found = ecgs.to_model_input(_ecg(signal), SPEC)

    assert np.abs(found[0, 4]).max() < 0.05


def test_a_recording_just_long_enough_is_padded_at_the_end() -> None:
    found = ecgs.to_model_input(_ecg(_synthetic().signal_mv[:, :4750]), SPEC)

    assert (found[0, :, 950:] == 0).all()
    assert np.abs(found[0, :, 940:950]).max() > 0


def test_a_recording_below_the_minimum_is_refused_with_its_length() -> None:
    with pytest.raises(InputRejected) as refused:
        ecgs.to_model_input(_ecg(_synthetic().signal_mv[:, :4749]), SPEC)

    assert refused.value.code == "ecg.too_short"
    assert refused.value.params["seconds"] == 9.5


def test_of_a_long_recording_the_first_ten_seconds_are_read() -> None:
    long = _synthetic(duration_s=30.0)

    whole = ecgs.to_model_input(long, SPEC)
    head = ecgs.to_model_input(_ecg(long.signal_mv[:, :6000]), SPEC)

    assert np.array_equal(whole, head)


def test_a_missing_lead_is_refused_by_name() -> None:
    signal = _synthetic().signal_mv.copy()
    signal[7] = np.nan

    with pytest.raises(InputRejected) as refused:
        ecgs.to_model_input(_ecg(signal), SPEC)

    assert refused.value.params == {"lead": "V2"}


def test_a_short_gap_is_bridged() -> None:
    record = _synthetic()
    signal = record.signal_mv.copy()
    signal[2, 1000:1020] = np.nan

    found = ecgs.to_model_input(_ecg(signal), SPEC)

    assert np.isfinite(found).all()


def test_a_rate_too_low_for_the_band_is_refused() -> None:
    with pytest.raises(InputRejected, match=r"ecg\.rate_low"):
        ecgs.to_model_input(_ecg(np.zeros((12, 800)), 80.0), SPEC)


def test_a_scaled_recording_of_another_rate_is_refused() -> None:
    scaled = ecgs.ScaledEcg(np.zeros((12, 5000), np.float32), 500)

    with pytest.raises(InputRejected, match=r"ecg\.scaled_rate"):
        ecgs.to_model_input(scaled, SPEC)


def test_a_scaled_recording_needs_twelve_leads() -> None:
    with pytest.raises(InputRejected, match=r"ecg\.shape"):
        ecgs.ScaledEcg(np.zeros((8, 1000), np.float32), 100)

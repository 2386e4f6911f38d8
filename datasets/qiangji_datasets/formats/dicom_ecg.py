"""A 12-lead recording from the waveform groups of a DICOM ECG.

References
----------
DICOM PS3.3 C.10.9 (Waveform module), A.34.3 (12-lead ECG), A.34.4 (General ECG).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats.dicom_file import DicomFile
from qiangji_datasets.formats.dicom_header import read_ids, read_person, report_species
from qiangji_datasets.formats.dicom_kinds import disagrees
from qiangji_datasets.formats.dicom_tags import Tag
from qiangji_datasets.formats.dicom_values import DataSet, Notices
from qiangji_datasets.formats.leads import assemble, lead_of_code, lead_of_label
from qiangji_datasets.formats.limits import Limits
from qiangji_datasets.formats.resampling import shift_samples
from qiangji_datasets.formats.units import millivolts_per
from qiangji_datasets.records import EcgRecord

#: Waveform Sample Interpretation and bits allocated to the stored type; MB and AB are audio.
_SAMPLES: Final = {
    ("SB", 8): "i1", ("UB", 8): "u1", ("SS", 16): "i2", ("US", 16): "u2",
    ("SL", 32): "i4", ("UL", 32): "u4",
}  # fmt: skip
_FILTERS: Final = (
    (Tag.FilterLowFrequency, "low_hz"),
    (Tag.FilterHighFrequency, "high_hz"),
    (Tag.NotchFilterFrequency, "notch_hz"),
)
#: Groups that start within this time of each other are one recording.
_SAME_START_MS: Final = 1.0


@dataclass(frozen=True)
class _Group:
    """One multiplex group, its sizes checked, its samples not yet touched."""

    item: DataSet
    channels: tuple[DataSet, ...]
    samples: int
    rate_hz: float
    offset_ms: float

    @property
    def duration_s(self) -> float:
        return self.samples / self.rate_hz


def read_ecg(file: DicomFile, limits: Limits) -> EcgRecord:
    """Read the recorded (not averaged) leads, in mV on one time grid.

    Raises
    ------
    InputRejected
        No usable group, sizes that contradict each other, an unknown unit, a lead named twice
        or differently by code and by label, or too few leads.
    """
    data_set = file.data_set
    ids, person = read_ids(data_set), read_person(data_set)
    report_species(data_set)
    modality = data_set.code(Tag.Modality)
    if disagrees(ids.sop_class_uid, modality):
        data_set.notices.warn("dicom.modality_disagrees", modality=modality)
    groups = _recorded_groups(data_set, limits)
    signals = _signals(groups, data_set.notices)
    twelve = assemble(signals, data_set.notices)
    return EcgRecord(
        signal_mv=twelve.signal_mv,
        rate_hz=groups[0].rate_hz,
        person=person,
        ids=ids,
        derived_leads=twelve.derived,
        filters=_filters(groups[0], data_set.notices),
        notices=tuple(data_set.notices.found),
    )


def _recorded_groups(data_set: DataSet, limits: Limits) -> list[_Group]:
    """Groups of the recording, longest first: original, one rate, one start."""
    items = data_set.items(Tag.WaveformSequence)
    if not items:
        raise InputRejected("ecg.no_waveform")
    original = [item for item in items if item.code(Tag.WaveformOriginality) != "DERIVED"]
    if not original:
        raise InputRejected("ecg.only_derived")
    groups = [_group(item, limits) for item in original]
    groups.sort(key=lambda group: -group.duration_s)
    first = groups[0]
    kept = [
        group
        for group in groups
        if group.rate_hz == first.rate_hz
        and group.samples == first.samples
        and abs(group.offset_ms - first.offset_ms) <= _SAME_START_MS
    ]
    if len(kept) < len(groups):
        data_set.notices.warn("ecg.groups_ignored", count=len(groups) - len(kept))
    return kept


def _group(item: DataSet, limits: Limits) -> _Group:
    channels = item.items(Tag.ChannelDefinitionSequence)
    count = item.integer(Tag.NumberOfWaveformChannels)
    samples = item.integer(Tag.NumberOfWaveformSamples)
    rate_hz = item.number(Tag.SamplingFrequency)
    if count is None or samples is None or rate_hz is None:
        raise InputRejected("dicom.element_missing", element="NumberOfWaveformSamples")
    if count != len(channels) or not 1 <= count <= limits.waveform_channels:
        raise InputRejected("ecg.channel_count", stated=count, defined=len(channels))
    if samples < 1:
        raise InputRejected("ecg.no_samples")
    if samples > limits.waveform_samples:
        raise InputRejected("ecg.too_long", samples=samples, limit=limits.waveform_samples)
    if not 50 <= rate_hz <= 4000:
        raise InputRejected("ecg.rate", rate_hz=rate_hz)
    offset = item.number(Tag.MultiplexGroupTimeOffset) or 0.0
    return _Group(item, channels, samples, rate_hz, offset)


def _stored_samples(group: _Group) -> NDArray[np.generic]:
    """Samples as stored, (n, channels)."""
    item = group.item
    bits = item.integer(Tag.WaveformBitsAllocated)
    interpretation = item.code(Tag.WaveformSampleInterpretation)
    kind = _SAMPLES.get((interpretation, bits or 0))
    if kind is None:
        raise InputRejected("ecg.sample_type", interpretation=interpretation, bits=bits or 0)
    element = item.element(Tag.WaveformData)
    expected = group.samples * len(group.channels) * int(kind[1])
    actual = 0 if element is None else len(element.value)
    if element is None or actual < expected:
        raise InputRejected("ecg.samples_short", expected=expected, actual=actual)
    if actual > expected + expected % 2:
        item.notices.warn("ecg.samples_long", expected=expected, actual=actual)
    order = ">" if element.is_big_endian else "<"
    flat = np.frombuffer(element.value[:expected], order + kind)
    return flat.reshape(group.samples, len(group.channels))


def _signals(groups: list[_Group], notices: Notices) -> dict[str, NDArray[np.float64]]:
    """Lead name to signal in mV; a lead that comes in two groups must be the same in both."""
    found: dict[str, NDArray[np.float64]] = {}
    for group in groups:
        stored = _stored_samples(group)
        padding = _padding(group.item, stored.dtype)
        for index, channel in enumerate(group.channels):
            lead = _lead(channel)
            if not lead:
                notices.warn("ecg.lead_unknown", channel=index + 1)
                continue
            signal = _millivolts(stored[:, index], channel, padding)
            if lead in found and not np.array_equal(found[lead], signal, equal_nan=True):
                raise InputRejected("ecg.lead_twice", lead=lead)
            found[lead] = signal
    return found


def _padding(item: DataSet, dtype: np.dtype[np.generic]) -> int | None:
    raw = item.raw(Tag.WaveformPaddingValue)
    if len(raw) < dtype.itemsize:
        return None
    return int(np.frombuffer(raw[: dtype.itemsize], dtype)[0])


def _lead(channel: DataSet) -> str:
    """Lead of a channel by code and by label, which must agree; empty when neither is known."""
    by_code = by_meaning = ""
    for source in channel.items(Tag.ChannelSourceSequence):
        value = source.code(Tag.CodeValue) or source.code(Tag.LongCodeValue)
        by_code = by_code or lead_of_code(value, source.code(Tag.CodingSchemeDesignator))
        by_meaning = by_meaning or lead_of_label(source.decoded(Tag.CodeMeaning).text)
    by_label = lead_of_label(channel.decoded(Tag.ChannelLabel).text)
    named = {name for name in (by_code, by_meaning, by_label) if name}
    if len(named) > 1:
        raise InputRejected("ecg.lead_contradiction", names=", ".join(sorted(named)))
    return named.pop() if named else ""


def _millivolts(
    stored: NDArray[np.generic], channel: DataSet, padding: int | None
) -> NDArray[np.float64]:
    """One channel in mV on the group's time grid."""
    sensitivity = channel.number(Tag.ChannelSensitivity)
    if not sensitivity:
        raise InputRejected("ecg.no_sensitivity")
    correction = channel.number(Tag.ChannelSensitivityCorrectionFactor)
    baseline = channel.number(Tag.ChannelBaseline) or 0.0
    factor = _unit_factor(channel)
    gain = sensitivity * (1.0 if correction is None else correction)
    if gain == 0:
        raise InputRejected("ecg.no_sensitivity")
    signal = (stored.astype(np.float64) * gain + baseline) * factor
    if padding is not None:
        signal[stored == padding] = np.nan
    skew = channel.number(Tag.ChannelSampleSkew)
    if skew is None:
        seconds = channel.number(Tag.ChannelTimeSkew) or 0.0
        return signal if not seconds else _shifted_by_time(signal, seconds, channel)
    return shift_samples(signal, skew)


def _shifted_by_time(
    signal: NDArray[np.float64], seconds: float, channel: DataSet
) -> NDArray[np.float64]:
    rate_hz = channel.number(Tag.SamplingFrequency)
    if rate_hz is None:
        raise InputRejected("dicom.element_missing", element=Tag.SamplingFrequency.name)
    return shift_samples(signal, seconds * rate_hz)


def _unit_factor(channel: DataSet) -> float:
    units = channel.items(Tag.ChannelSensitivityUnitsSequence)
    raw = units[0].raw(Tag.CodeValue).decode("ascii", "replace").strip("\x00 ") if units else ""
    factor = millivolts_per(raw)
    if factor is None:
        raise InputRejected("ecg.unit_unknown")
    return factor


def _filters(group: _Group, notices: Notices) -> dict[str, float]:
    """Filters that all channels name alike; a difference between channels is reported."""
    found: dict[str, float] = {}
    for tag, name in _FILTERS:
        values = {channel.number(tag) for channel in group.channels} - {None, 0.0}
        if len(values) == 1:
            found[name] = float(next(value for value in values if value is not None))
        elif len(values) > 1:
            notices.inform("ecg.filters_differ", filter=name)
    return found

"""A 12-lead recording from a WFDB header and its signal files.

Decoded here with every size known beforehand; the ``wfdb`` package follows whatever a header
names (paths, URLs, segment lists) and takes a second to import. Tests compare the two.

References
----------
WFDB Applications Guide, header(5) and signal(5).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats.dicom_values import Notices
from qiangji_datasets.formats.leads import assemble, lead_of_label
from qiangji_datasets.formats.limits import Limits, Stated
from qiangji_datasets.formats.units import millivolts_per
from qiangji_datasets.records import EcgRecord, PersonIdentity, Sex, StudyIds

_RECORD: Final = re.compile(
    r"(?P<name>[\w.\-]+)(?P<segments>/\d+)? +(?P<signals>\d{1,4})"
    r"( +(?P<rate>[\d.]+(e[+-]?\d+)?)(/[\d.]+)?(\([\d.+-]+\))?"
    r"( +(?P<samples>\d{1,12})( +(?P<time>[\d:.]+)( +(?P<day>\d{1,2}/\d{1,2}/\d{4}))?)?)?)?\s*",
    re.IGNORECASE,
)
_SIGNAL: Final = re.compile(
    r"(?P<file>\S+) +(?P<format>\d{1,3})(x(?P<frame>\d+))?(:(?P<skew>\d+))?(\+(?P<offset>\d+))?"
    r"( +(?P<gain>[-+\d.e]+)(\((?P<baseline>-?\d+)\))?(/(?P<unit>\S+))?"
    r"( +(?P<bits>\d+)( +(?P<zero>-?\d+)( +(?P<first>-?\d+)( +(?P<checksum>-?\d+)"
    r"( +(?P<block>\d+)( +(?P<label>.*\S))?)?)?)?)?)?)?\s*",
    re.IGNORECASE,
)
#: A plain name in the same folder; a header may not lead anywhere else.
_FILE_NAME: Final = re.compile(r"[\w][\w.\-]{0,200}")
_COMMENT: Final = re.compile(r"#\s*<?(age|sex)>?\s*:\s*(\S+)", re.IGNORECASE)
#: Signal format to numpy type, offset of zero, and the value that marks "no sample".
_PLAIN: Final = {
    16: ("<i2", 0, -32768), 61: (">i2", 0, -32768), 80: ("u1", 128, -128),
    160: ("<u2", 32768, -32768), 32: ("<i4", 0, -(2**31)),
}  # fmt: skip
_BYTES: Final = {16: 2.0, 61: 2.0, 80: 1.0, 160: 2.0, 32: 4.0, 24: 3.0, 212: 1.5}
_LONGEST_HEADER: Final = 65536
_OLDEST_YEARS: Final = 130

Fetch = Callable[[str], bytes]


@dataclass(frozen=True)
class _Signal:
    file: str
    format: int
    skew: int
    offset: int
    gain: float
    baseline: int
    unit: str
    checksum: int | None
    label: str


@dataclass(frozen=True)
class WfdbHeader:
    """A checked header: rate, samples a signal (0 when it does not say), signals, comments."""

    name: str
    rate_hz: float
    samples: int
    acquired_at: datetime | None
    signals: tuple[_Signal, ...]
    comments: dict[str, str]

    @property
    def files(self) -> tuple[str, ...]:
        """Signal files in order, each once; plain names in the folder of the header."""
        return tuple(dict.fromkeys(signal.file for signal in self.signals))


def read_header(data: bytes, limits: Limits) -> WfdbHeader:
    """Read and check a header before any signal file is opened.

    Raises
    ------
    InputRejected
        Malformed, multi-segment, beyond the limits, in a format that is not read, or naming a
        path instead of a file beside it.
    """
    if len(data) > _LONGEST_HEADER:
        raise InputRejected("wfdb.header", detail="length")
    lines = [line.rstrip() for line in data.decode("utf-8", "replace").splitlines()]
    content = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    record = _RECORD.fullmatch(content[0].strip()) if content else None
    if record is None:
        raise InputRejected("wfdb.header", detail="record line")
    if record["segments"]:
        raise InputRejected("wfdb.multi_segment")
    count = int(record["signals"])
    if not 1 <= count <= limits.waveform_channels or len(content) < 1 + count:
        raise InputRejected("ecg.channel_count", stated=count, defined=len(content) - 1)
    samples = int(record["samples"] or 0)
    if samples > limits.waveform_samples:
        raise InputRejected("ecg.too_long", samples=samples, limit=limits.waveform_samples)
    comments = {m[1].lower(): m[2] for m in map(_COMMENT.match, lines) if m is not None}
    signals = tuple(_signal(line.strip()) for line in content[1 : 1 + count])
    at = _moment(record["day"], record["time"])
    return WfdbHeader(record["name"], _rate(record["rate"]), samples, at, signals, comments)


def _rate(text: str | None) -> float:
    try:
        rate_hz = float(text or 250)  # header(5): 250 when missing
    except ValueError:
        raise InputRejected("wfdb.header", detail="rate") from None
    if not 50 <= rate_hz <= 4000:
        raise InputRejected("ecg.rate", rate_hz=rate_hz)
    return rate_hz


def _moment(day: str | None, time: str | None) -> datetime | None:
    if not day or not time:
        return None
    try:
        return datetime.strptime(f"{day} {time.split('.')[0]}", "%d/%m/%Y %H:%M:%S")  # noqa: DTZ007
    except ValueError:
        return None


def _signal(line: str) -> _Signal:
    match = _SIGNAL.fullmatch(line)
    if match is None:
        raise InputRejected("wfdb.header", detail="signal line")
    if not _FILE_NAME.fullmatch(match["file"]) or ".." in match["file"]:
        raise InputRejected("wfdb.file_name")
    number = int(match["format"])
    if number not in _BYTES or int(match["frame"] or 1) != 1:
        raise InputRejected("wfdb.format", format=match["format"])
    try:
        gain = float(match["gain"] or 0)
    except ValueError:
        raise InputRejected("wfdb.header", detail="gain") from None
    if not np.isfinite(gain) or gain == 0:
        raise InputRejected("ecg.no_sensitivity")  # header(5): zero means not calibrated
    zero = match["baseline"] or match["zero"] or "0"
    return _Signal(
        file=match["file"],
        format=number,
        skew=int(match["skew"] or 0),
        offset=int(match["offset"] or 0),
        gain=gain,
        baseline=int(zero),
        unit=match["unit"] or "mV",
        checksum=int(match["checksum"]) if match["checksum"] else None,
        label=match["label"] or "",
    )


def read_wfdb(
    header_bytes: bytes, fetch: Fetch, stated: Stated, limits: Limits, notices: Notices
) -> EcgRecord:
    """Read a record; ``fetch`` gives the bytes of a file by its plain name.

    Raises
    ------
    InputRejected
        The header or a signal file is missing, damaged or contradictory.
    """
    header = read_header(header_bytes, limits)
    leads: dict[str, NDArray[np.float64]] = {}
    for file, group in groupby(header.signals, key=lambda signal: signal.file):
        members = list(group)
        stored = _stored(fetch(file), members, header.samples, limits)
        for index, signal in enumerate(members):
            _put(leads, signal, stored[:, index], notices)
        _report_checksums(members, stored, notices)
    if len({len(signal) for signal in leads.values()}) > 1:
        raise InputRejected("wfdb.header", detail="length")
    twelve = assemble(leads, notices)
    return EcgRecord(
        signal_mv=twelve.signal_mv,
        rate_hz=header.rate_hz,
        person=_person(header, stated),
        ids=StudyIds(acquired_at=header.acquired_at),
        derived_leads=twelve.derived,
        source_kind="wfdb",
        notices=tuple(notices.found),
    )


def _put(
    leads: dict[str, NDArray[np.float64]],
    signal: _Signal,
    stored: NDArray[np.int64],
    notices: Notices,
) -> None:
    lead = lead_of_label(signal.label)
    if not lead:
        notices.warn("ecg.lead_unknown", channel=len(leads) + 1)
        return
    if lead in leads:
        raise InputRejected("ecg.lead_twice", lead=lead)
    leads[lead] = _millivolts(signal, stored)


def _report_checksums(members: list[_Signal], stored: NDArray[np.int64], notices: Notices) -> None:
    """One warning for all signals whose sum is not the one in the header, modulo 2**16."""
    wrong = [
        signal.label
        for signal, total in zip(members, stored.sum(axis=0).tolist(), strict=True)
        if signal.checksum is not None and (total - signal.checksum) % 65536
    ]
    if wrong:
        notices.warn("wfdb.checksum", leads=" ".join(wrong))


def _stored(data: bytes, members: list[_Signal], samples: int, limits: Limits) -> NDArray[np.int64]:
    """Samples as stored, (n, signals of this file), interleaved in the file."""
    first = members[0]
    if any((one.format, one.offset) != (first.format, first.offset) for one in members):
        raise InputRejected("wfdb.header", detail="format")
    body = memoryview(data)[first.offset :]
    available = int(len(body) / _BYTES[first.format]) // len(members)
    count = samples or available
    if count < 1:
        raise InputRejected("ecg.no_samples")
    if count > available:
        raise InputRejected(
            "ecg.samples_short",
            expected=int(np.ceil(count * len(members) * _BYTES[first.format])),
            actual=len(body),
        )
    if count > limits.waveform_samples:
        raise InputRejected("ecg.too_long", samples=count, limit=limits.waveform_samples)
    flat = _decode(body, first.format, count * len(members))
    return flat.reshape(count, len(members))


def _decode(body: memoryview, number: int, count: int) -> NDArray[np.int64]:
    if number == 212:
        return _decode_212(body, count)
    if number == 24:
        triples = np.frombuffer(body[: 3 * count], "u1").reshape(count, 3).astype(np.int64)
        value = triples[:, 0] | triples[:, 1] << 8 | triples[:, 2] << 16
        signed: NDArray[np.int64] = value - ((value >> 23) << 24)
        return signed
    kind, zero, _ = _PLAIN[number]
    plain: NDArray[Any] = np.frombuffer(body, kind, count)
    return plain.astype(np.int64) - zero


def _decode_212(body: memoryview, count: int) -> NDArray[np.int64]:
    """Two 12-bit samples in three bytes: low byte, both high nibbles, low byte."""
    used = np.frombuffer(body[: (count * 3 + 1) // 2], "u1").astype(np.int64)
    used = np.pad(used, (0, -len(used) % 3))
    low, nibbles, high = used.reshape(-1, 3).T
    pairs = np.stack([low | (nibbles & 0x0F) << 8, high | (nibbles & 0xF0) << 4], 1)
    value = pairs.reshape(-1)[:count]
    signed: NDArray[np.int64] = value - ((value >> 11) << 12)
    return signed


def _millivolts(signal: _Signal, stored: NDArray[np.int64]) -> NDArray[np.float64]:
    factor = millivolts_per(signal.unit)
    if factor is None:
        raise InputRejected("ecg.unit_unknown")
    missing = {24: -(2**23), 212: -2048}.get(signal.format)
    if missing is None:
        missing = _PLAIN[signal.format][2]
    found = (stored - signal.baseline) / signal.gain * factor
    found[stored == missing] = np.nan
    if signal.skew:
        skew = min(signal.skew, len(found))
        found = np.concatenate([found[skew:], np.full(skew, np.nan)])
    return found


def _person(header: WfdbHeader, stated: Stated) -> PersonIdentity:
    age = stated.age_years
    noted = header.comments.get("age", "")
    if re.fullmatch(r"\d{1,3}(\.\d+)?", noted) and 0 < float(noted) <= _OLDEST_YEARS:
        age = float(noted)
    sex = {"M": Sex.M, "MALE": Sex.M, "F": Sex.F, "FEMALE": Sex.F}.get(
        header.comments.get("sex", "").upper(), stated.sex
    )
    return PersonIdentity(patient_id=stated.patient_id, sex=sex, age_years=age)

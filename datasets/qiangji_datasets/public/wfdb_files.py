"""Recordings of public sets in WFDB: twelve leads as our own record, fewer as a strip."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats.dicom_values import Notices
from qiangji_datasets.formats.limits import DEFAULT, Stated
from qiangji_datasets.formats.wfdb_ecg import read_wfdb
from qiangji_datasets.public.strips import Beats, Strip
from qiangji_datasets.records import EcgRecord, PersonIdentity, Sex

_COMMENT: Final = re.compile(r"#\s*(?P<key>[A-Za-z]+)\s*:\s*(?P<value>.*)")
#: Words for a sex in the tables and headers of public sets.
_SEXES: Final = {"m": Sex.M, "male": Sex.M, "f": Sex.F, "female": Sex.F}


@dataclass(frozen=True)
class HeaderNotes:
    """What the comments of a header say; missing ones are empty strings."""

    codes: tuple[str, ...]
    age: str
    sex: str


def read_notes(path: Path) -> HeaderNotes:
    """Diagnoses, age and sex from the comments of a header (``# Dx: 426783006,164934002``).

    Raises
    ------
    InputRejected
        The header is missing, is no text, or has no line of diagnoses.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise InputRejected("dataset.missing", file=path.name) from None
    except (OSError, UnicodeDecodeError):
        raise InputRejected("wfdb.header", detail="text") from None
    found = {
        match["key"].lower(): match["value"].strip()
        for match in map(_COMMENT.match, text.splitlines())
        if match
    }
    if "dx" not in found:
        raise InputRejected("dataset.recording_damaged", dataset="wfdb", file=path.name)
    codes = [code.strip().lstrip("0") for code in found["dx"].split(",")]
    return HeaderNotes(
        codes=tuple(code for code in codes if code),
        age=_blank(found.get("age", "")),
        sex=_blank(found.get("sex", "")),
    )


def sex_of(text: str) -> Sex | None:
    """Sex from "M", "Male", "female"; None for anything else."""
    return _SEXES.get(text.strip().lower())


def age_of(text: str) -> float | None:
    """Age in years; None for an empty cell or anything that is no number of years."""
    plain = text.strip().rstrip("Yy")
    if not re.fullmatch(r"\d{1,3}(\.\d+)?", plain):
        return None
    return float(plain)


def twelve_leads(header: Path, stated: Stated) -> EcgRecord:
    """Read a 12-lead recording beside its header.

    The date that some challenges write into the record line in a form of their own
    (``05-Feb-2020``) is left aside: it is the day of publication.

    Raises
    ------
    InputRejected
        A file is missing, damaged or contradictory.
    """

    def fetch(name: str) -> bytes:
        path = header.with_name(name)
        if not path.is_file():
            raise InputRejected("dataset.missing", file=name)
        return path.read_bytes()

    lines = fetch(header.name).split(b"\n")
    lines[0] = b" ".join(lines[0].split()[:4])
    return read_wfdb(b"\n".join(lines), fetch, stated, DEFAULT, Notices())


def strip(record: Path, person: PersonIdentity, *, with_beats: bool = False) -> Strip:
    """Read a recording of any leads; ``record`` is its path without a suffix.

    Raises
    ------
    InputRejected
        A file is missing or damaged, or a lead is not in mV.
    """
    import wfdb

    for suffix in (".hea", *((".atr",) if with_beats else ())):
        if not record.with_suffix(suffix).is_file():
            raise InputRejected("dataset.missing", file=record.with_suffix(suffix).name)
    try:
        signal, facts = wfdb.rdsamp(str(record))
        beats = _beats(record) if with_beats else None
    except FileNotFoundError as error:
        raise InputRejected("dataset.missing", file=Path(str(error.filename)).name) from None
    except (ValueError, IndexError, TypeError, AttributeError, KeyError):
        # What the package raises on damaged headers, signals and annotations.
        raise InputRejected(
            "dataset.recording_damaged", dataset=record.parent.name, file=record.name
        ) from None
    if set(facts["units"]) != {"mV"}:
        raise InputRejected("ecg.unit_unknown")
    return Strip(
        signal_mv=np.ascontiguousarray(signal.T, np.float32),
        leads=tuple(facts["sig_name"]),
        rate_hz=float(facts["fs"]),
        person=person,
        beats=beats,
    )


def _beats(record: Path) -> Beats:
    import wfdb

    found = wfdb.rdann(str(record), "atr")
    return Beats(
        samples=np.asarray(found.sample, np.int64), symbols=np.array(found.symbol, np.str_)
    )


def _blank(text: str) -> str:
    return "" if text.lower() in ("unknown", "nan") else text

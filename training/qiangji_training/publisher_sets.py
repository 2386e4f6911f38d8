"""PTB-XL and ChestX-ray14 in their publishers' layouts, as the tables that recipes learn from."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public import nih, ptbxl
from qiangji_datasets.public.cards import card
from qiangji_datasets.public.index import Index, Row
from qiangji_datasets.public.ptbxl_part import MIN_EINTHOVEN_R2
from qiangji_datasets.public.tables import Table
from qiangji_datasets.public.wfdb_files import age_of
from qiangji_datasets.records import LEADS, EcgRecord, Radiograph
from qiangji_models.preprocess.specs import EcgSpec, FilmSpec
from qiangji_training.unread import Unread, reduce_all

#: Prefixes of the reader's labels, by the fact that joins them.
_STATED: Final = {"sub_class": "sub:", "form": "form:", "rhythm": "rhythm:"}


def whole_ptbxl(folder: Path, spec: EcgSpec) -> Table:
    """All of PTB-XL, from its copy at 500 Hz.

    Returns
    -------
        ``inputs`` float32 (n, 12, spec.samples), z-scores per lead; our labels; facts ``fold``,
        and ``sub_class``, ``form`` and ``rhythm``: what is stated, joined by "|".

    Raises
    ------
    InputRejected
        A file or column of the publisher's is missing, or not one recording could be read.
    """
    found = ptbxl.index(folder)
    facts = [
        {"fold": row.facts["fold"], **{key: _stated(row, key) for key in _STATED}}
        for row in found.rows
    ]
    return _table("ptbxl", found, facts, spec, keep=_check_limb_leads)


def whole_nih(folder: Path, spec: FilmSpec) -> Table:
    """All of ChestX-ray14.

    Returns
    -------
        ``inputs`` uint8 (n, spec.rows, spec.cols) in the display range; our labels; facts
        ``split`` (train, val, test), ``age`` in years, ``sex`` and ``view``.

    Raises
    ------
    InputRejected
        A list, column or picture of the publisher's is missing.
    """
    found = nih.index(folder)
    columns = ("split", "sex", "view")
    facts = [
        {**{key: row.facts[key] for key in columns}, "age": _years(row.facts["age"])}
        for row in found.rows
    ]
    return _table("nih_chestxray14", found, facts, spec, keep=_any_film)


def _table(
    name: str,
    found: Index[Any],  # Any: the kind of recording differs between sets
    facts: list[dict[str, str]],
    spec: EcgSpec | FilmSpec,
    *,
    keep: Callable[[Any], Any],  # Any: as above
) -> Table:
    ours = found.mapped(card(name).labels)
    targets = ours.targets
    rows = [
        Unread(row.id, row.group, targets[place], facts[place], partial(_read, found, place, keep))
        for place, row in enumerate(ours.rows)
    ]
    return reduce_all(name, ours.labels, rows, spec)


def _read(found: Index[Any], place: int, keep: Callable[[Any], Any]) -> Any:  # Any: as above
    return keep(found.record(place))


def _stated(row: Row, kind: str) -> str:
    prefix = _STATED[kind]
    codes = (name.removeprefix(prefix) for name in row.present if name.startswith(prefix))
    return "|".join(sorted(codes))


def _years(text: str) -> str:
    age = age_of(text)
    return "" if age is None else f"{age:g}"


def _any_film(film: Radiograph) -> Radiograph:
    return film


def _check_limb_leads(record: EcgRecord) -> EcgRecord:
    """The recording, unless its limb leads contradict each other."""
    one, two, three = (record.signal_mv[LEADS.index(name)] for name in ("I", "II", "III"))
    spread = float(np.nanvar(two))
    if spread > 0 and 1 - float(np.nanvar(two - one - three)) / spread < MIN_EINTHOVEN_R2:
        raise InputRejected("dataset.einthoven")
    return record

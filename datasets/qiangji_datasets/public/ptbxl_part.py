"""The reduced PTB-XL: 1,819 ECGs, already band-passed and z-scored per lead at 100 Hz."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public import ecg_labels
from qiangji_datasets.public.tables import Table, column, read_rows
from qiangji_datasets.records import LEADS

#: Samples per second of the stored signal.
RATE_HZ: Final = 100
_STORED_UNIT: Final = 100.0
#: Limb leads contradict Einthoven's law by more than 1 %: mixed-up leads.
MIN_EINTHOVEN_R2: Final = 0.99


def read(folder: Path) -> Table:
    """Read the whole set but recordings whose limb leads contradict each other.

    Parameters
    ----------
    folder
        Holds ``labels.csv`` and ``signals.npz``.

    Returns
    -------
        ``inputs`` float32 (n, 12, 1000), z-scores per lead at 100 Hz; facts ``fold`` "1"–"10", and
        ``sub_class``, ``form`` and ``rhythm``: diagnostic subclasses and statements, joined by "|".

    Raises
    ------
    InputRejected
        Files missing, leads in another order, or labels and signals of different recordings.
    """
    rows = read_rows(folder / "labels.csv")
    with np.load(folder / "signals.npz", allow_pickle=False) as stored:
        signals = stored["z100"].astype(np.float32) / _STORED_UNIT
        stored_ids, leads = stored["ecg_id"].astype(np.str_), tuple(stored["leads"].tolist())
    ids = column(rows, "ecg_id")
    if leads != LEADS or not np.array_equal(stored_ids, ids):
        raise InputRejected("dataset.mismatch", dataset="ptbxl_part")
    agreement = np.array([float(row["einthoven_r2"]) for row in rows])
    is_sound = agreement >= MIN_EINTHOVEN_R2
    refused = int((~is_sound).sum())
    table = Table(
        name="ptbxl_part",
        inputs=signals,
        labels=tuple(ecg_labels.PTBXL),
        targets=ecg_labels.targets(rows, ecg_labels.PTBXL),
        ids=ids,
        groups=column(rows, "patient_id"),
        facts={
            "fold": column(rows, "strat_fold"),
            **{key: column(rows, key) for key in ("sub_class", "form", "rhythm")},
        },
        left_out={"dataset.einthoven": refused} if refused else {},
    )
    return table.where(is_sound)

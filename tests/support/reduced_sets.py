"""The reduced ECG sets in their own layout, small and synthetic: enough to run the ECG recipe."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np

from qiangji_datasets.records import LEADS
from qiangji_datasets.synthetic.ecg import EcgRecipe, make_ecg
from qiangji_models.preprocess.ecg import to_model_input
from qiangji_models.preprocess.specs import EcgSpec

_CONFIGS = Path(__file__).parents[2] / "training" / "configs"
_STATEMENTS = ("NORM", "MI", "STTC", "CD", "HYP")


def write_ptbxl(folder: Path, n: int) -> None:
    """A reduced PTB-XL of n records over ten folds; labels are unrelated to the signals."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    spec = EcgSpec()
    signals = [
        to_model_input(make_ecg(rng, EcgRecipe(bpm=50.0 + i % 60)), spec)[0] for i in range(n)
    ]
    scaled = np.round(np.stack(signals) * 100).astype(np.int16)
    ids = np.arange(1, n + 1)
    np.savez(folder / "signals.npz", z100=scaled, ecg_id=ids, leads=np.array(LEADS))
    header = "ecg_id,patient_id,strat_fold,super_class,sub_class,form,rhythm,einthoven_r2"
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header.split(","))
        for i in ids:
            place = int(i - 1)
            extra = [("AFIB", "CLBBB"), ("STACH", ""), ("SBRAD", "CRBBB"), ("SR", "")][place % 4]
            fold = 1 + place * 10 // n
            statement = _STATEMENTS[place % 5]
            writer.writerow([i, i, fold, statement, extra[1], "", extra[0], 1.0])


def write_ludb(folder: Path, n: int) -> None:
    """A LUDB of n records in WFDB."""
    import wfdb

    (folder / "data").mkdir(parents=True)
    rng = np.random.default_rng(1)
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["record_id", "Sex", "Age", "codes", "super_class"])
        for i in range(1, n + 1):
            record = make_ecg(rng, EcgRecipe())
            wfdb.wrsamp(
                str(i),
                fs=500,
                units=["mV"] * 12,
                sig_name=[lead.lower() for lead in LEADS],
                p_signal=record.signal_mv.T.astype(np.float64),
                fmt=["16"] * 12,
                write_dir=str(folder / "data"),
            )
            writer.writerow([i, "M", ">89" if i == 1 else 40, "SR", _STATEMENTS[i % 5]])


def tiny_ecg_config(path: Path, **changed: str) -> Path:
    """The shipped ECG configuration with a narrow network and other values, as TOML text.

    No member learns auxiliary statements unless asked.
    """
    text = (_CONFIGS / "ecg-12lead.toml").read_text("utf-8")
    plain = {"width": "8", "auxiliary": "[]", "auxiliary_members": "0"}
    for key, value in {**plain, **changed}.items():
        text, n = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
        if n != 1:
            raise ValueError(f"{key} stands {n} times in the configuration")
    path.write_text(text, "utf-8")
    return path

"""Tiny trees of made-up recordings in the exact layout of public sets."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from qiangji_datasets.records import LEADS
from support.dicom_builder import film as dicom_film


def table(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write a CSV file with the columns of the first row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def twelve_leads(rate_hz: int = 500, seconds: float = 1) -> NDArray[np.float64]:
    """(n, 12) in mV; the limb leads obey Einthoven."""
    time = np.arange(int(rate_hz * seconds)) / rate_hz
    one, two = np.sin(9 * time), 0.8 * np.cos(7 * time)
    limb = [one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2]
    chest = [np.sin((4 + number) * time) for number in range(6)]
    return np.stack([*limb, *chest], axis=1)


def wfdb_record(folder: Path, name: str, *, rate_hz: int = 500, seconds: float = 1) -> None:
    """A 12-lead recording in format 16, made by the ``wfdb`` package."""
    import wfdb

    folder.mkdir(parents=True, exist_ok=True)
    wfdb.wrsamp(
        name,
        fs=rate_hz,
        units=["mV"] * 12,
        sig_name=list(LEADS),
        p_signal=twelve_leads(rate_hz, seconds),
        fmt=["16"] * 12,
        write_dir=str(folder),
    )


def ptbxl(folder: Path, n: int, *, short: int = 0) -> None:
    """A PTB-XL of n recordings of 10 s, one a patient, over ten folds; ``short`` more last 1 s."""
    statements = [
        *((code, "1.0", "", code) for code in ("NORM", "MI", "STTC", "CD", "HYP")),
        *((code, "1.0", "", "CD") for code in ("CLBBB", "CRBBB")),
        *((code, "", "1.0", "") for code in ("SR", "AFIB", "AFLT", "STACH", "SBRAD")),
    ]
    table(
        folder / "scp_statements.csv",
        [
            {
                "": code,
                "diagnostic": diagnostic,
                "form": "",
                "rhythm": rhythm,
                "diagnostic_class": superclass,
                "diagnostic_subclass": code if superclass else "",
            }
            for code, diagnostic, rhythm, superclass in statements
        ],
    )
    rows = []
    for number in range(1, n + short + 1):
        name = f"{number:05d}_hr"
        wfdb_record(folder / "records500/00000", name, seconds=10 if number <= n else 1)
        first = ("NORM", "MI", "CLBBB")[number % 3]
        rows.append(
            {
                "ecg_id": number,
                "patient_id": f"{100 + number}.0",
                "age": "56.0",
                "sex": 1,
                "scp_codes": str({first: 100.0, ("SR", "AFIB")[number % 2]: 0.0}),
                "strat_fold": 1 + number % 10,
                "filename_lr": f"records100/00000/{number:05d}_lr",
                "filename_hr": f"records500/00000/{name}",
            }
        )
    table(folder / "ptbxl_database.csv", rows)


def nih(folder: Path, n: int) -> None:
    """A ChestX-ray14 of n films, one a patient, the last fifth of them in the test list."""
    rows = []
    for number in range(n):
        name = f"{number:08d}_000.png"
        grey_picture(folder / "images_001/images" / name)
        rows.append(
            {
                "Image Index": name,
                "Finding Labels": ("No Finding", "Effusion", "Mass|Effusion")[number % 3],
                "Follow-up #": 0,
                "Patient ID": number,
                "Patient Age": 12 if number == 0 else 58,
                "Patient Sex": "MF"[number % 2],
                "View Position": ("PA", "AP")[number % 2],
            }
        )
    table(folder / "Data_Entry_2017_v2020.csv", rows)
    names = [str(row["Image Index"]) for row in rows]
    cut = n - n // 5
    (folder / "train_val_list.txt").write_text("\n".join(names[:cut]) + "\n", "utf-8")
    (folder / "test_list.txt").write_text("\n".join(names[cut:]) + "\n", "utf-8")


def challenge_record(
    header: Path,
    *,
    codes: str,
    leads: Sequence[str] = LEADS,
    rate_hz: int = 500,
    date: str = "",
    sex: str = "Female",
    age: str = "63",
) -> NDArray[np.int16]:
    """A recording of a PhysioNet challenge: MATLAB 4 with 24 bytes ahead, header with ``# Dx``.

    Returns
    -------
        (n, leads) as stored, 1000 a millivolt.
    """
    from scipy.io import savemat

    header.parent.mkdir(parents=True, exist_ok=True)
    stored = np.rint(1000 * twelve_leads(rate_hz)[:, : len(leads)]).astype(np.int16)
    savemat(header.with_suffix(".mat"), {"val": stored.T}, format="4")
    name = header.stem
    lines = [" ".join(f"{name} {len(leads)} {rate_hz} {len(stored)} {date}".split())]
    for column, lead in enumerate(leads):
        first, total = stored[0, column], int(stored[:, column].sum(dtype=np.int64)) % 65536
        lines.append(f"{name}.mat 16+24 1000/mV 16 0 {first} {total} 0 {lead}")
    lines += [f"# Age: {age}", f"# Sex: {sex}", f"# Dx: {codes}", "# Rx: Unknown"]
    header.write_text("\n".join(lines) + "\n", "utf-8")
    return stored


def grey_picture(path: Path, size: tuple[int, int] = (40, 30)) -> None:
    """A grey picture, (columns, rows), in the format of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shades = np.arange(size[0] * size[1], dtype=np.uint8).reshape(size[1], size[0])
    Image.fromarray(shades).save(path)


def colour_picture(path: Path, size: tuple[int, int] = (60, 50)) -> NDArray[np.uint8]:
    """A picture in colour, (columns, rows), lossless; what it shows is given back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(1).integers(0, 255, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def dicom(path: Path) -> None:
    """A chest film in DICOM."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(dicom_film())

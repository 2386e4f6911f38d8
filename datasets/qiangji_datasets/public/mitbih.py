"""MIT-BIH Arrhythmia Database: 48 strips of 30 minutes, two leads, every beat annotated.

References
----------
Moody and Mark 2001, doi:10.1109/51.932724; de Chazal et al. 2004, doi:10.1109/TBME.2004.827359
(the split DS1/DS2); ANSI/AAMI EC57 (the five classes of beats).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public.index import Index, Row
from qiangji_datasets.public.strips import Strip
from qiangji_datasets.public.wfdb_files import strip
from qiangji_datasets.records import PersonIdentity

#: Symbol of a beat → class of ANSI/AAMI EC57.
AAMI: Final = {
    **dict.fromkeys("NLRBej", "N"),
    **dict.fromkeys("AaJSn", "S"),
    **dict.fromkeys("VEr", "V"),
    "F": "F",
    **dict.fromkeys("/fQ?", "Q"),
}
#: Symbols that mark something else than a beat.
_NO_BEAT: Final = frozenset('+~|sT*D"=p^tu![]@x() ')
DS1: Final = frozenset(
    map(
        str,
        (
            *(101, 106, 108, 109, 112, 114, 115, 116, 118, 119, 122),
            *(124, 201, 203, 205, 207, 208, 209, 215, 220, 223, 230),
        ),
    )
)
DS2: Final = frozenset(
    map(
        str,
        (
            *(100, 103, 105, 111, 113, 117, 121, 123, 200, 202, 210),
            *(212, 213, 214, 219, 221, 222, 228, 231, 232, 233, 234),
        ),
    )
)
#: Paced; left out of DS1 and DS2.
PACED: Final = frozenset({"102", "104", "107", "217"})
#: Recordings 201 and 202 are of one man, whom DS1 and DS2 share; here he stays in training.
_SAME_PERSON: Final = {"202": "201"}
LABELS: Final = tuple(f"beat:{name}" for name in "NSVFQ")


def index(folder: Path) -> Index[Strip]:
    """Index the set; the annotations of all recordings are read, the signals are not.

    Parameters
    ----------
    folder
        Holds ``RECORDS``, ``100.hea``, ``100.dat``, ``100.atr`` ….

    Returns
    -------
        Labels: which classes of beats occur. Fact ``ds`` is DS1, DS2 or paced; ``split`` is
        ``train`` (DS1, paced, 202), or ``test`` (DS2 but 202): patient-disjoint.

    Raises
    ------
    InputRejected
        A file is missing or a symbol is not one of the set's.
    """
    records = folder / "RECORDS"
    if not records.is_file():
        raise InputRejected("dataset.missing", file="RECORDS")
    return Index(
        name="mitbih",
        labels=LABELS,
        rows=tuple(_row(folder, name) for name in records.read_text("ascii").split()),
        load=lambda row: strip(folder / row.file, PersonIdentity(), with_beats=True),
    )


def _row(folder: Path, name: str) -> Row:
    import wfdb

    if not (folder / f"{name}.atr").is_file():
        raise InputRejected("dataset.missing", file=f"{name}.atr")
    if name not in DS1 | DS2 | PACED:
        raise InputRejected("dataset.not_in_split", dataset="mitbih", id=name)
    symbols = set(np.unique(np.array(wfdb.rdann(str(folder / name), "atr").symbol)).tolist())
    unknown = symbols - AAMI.keys() - _NO_BEAT
    if unknown:
        raise InputRejected("dataset.label_unknown", dataset="mitbih", label=min(unknown))
    source = "paced" if name in PACED else "DS1" if name in DS1 else "DS2"
    is_test = source == "DS2" and name not in _SAME_PERSON
    return Row(
        id=name,
        group=_SAME_PERSON.get(name, name),
        file=name,
        present=frozenset(f"beat:{AAMI[symbol]}" for symbol in symbols & AAMI.keys()),
        facts={"ds": source, "split": "test" if is_test else "train"},
    )

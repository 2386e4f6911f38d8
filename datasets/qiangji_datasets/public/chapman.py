"""Chapman–Shaoxing–Ningbo in PhysioNet's layout: 45,152 ECGs of 10 s at 500 Hz, SNOMED codes.

References
----------
Zheng et al. 2020, doi:10.1038/s41597-020-0386-x; PhysioNet ``ecg-arrhythmia`` 1.0.0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from qiangji_datasets.formats.limits import Stated
from qiangji_datasets.public.dx_codes import challenge_codes
from qiangji_datasets.public.index import Index, Row, listed, with_split
from qiangji_datasets.public.tables import read_rows
from qiangji_datasets.public.wfdb_files import read_notes, twelve_leads
from qiangji_datasets.records import EcgRecord
from qiangji_datasets.splits import hashed_parts

_NAMES: Final = "ConditionNames_SNOMED-CT.csv"
#: Published with the record line and the first signal line run together: 11 of 12 leads.
DAMAGED: Final = frozenset({"JS01052", "JS23074"})


def index(folder: Path) -> Index[EcgRecord]:
    """Index the set.

    Parameters
    ----------
    folder
        Holds ``ConditionNames_SNOMED-CT.csv`` and ``WFDBRecords/<nn>/<nnn>/JS<nnnnn>.hea``.

    Returns
    -------
        Labels are SNOMED CT codes: those of ``ConditionNames_SNOMED-CT.csv`` and, since headers
        use further ones, those of the challenge of 2021. A code not listed is absent. One
        recording a person; split by a hash of the recording. Two damaged recordings are left out
        by name.

    Raises
    ------
    InputRejected
        A file or column is missing, or a code is in neither list.
    """
    names = read_rows(folder / _NAMES, required=("Snomed_CT",))
    codes = {row["Snomed_CT"].strip().lstrip("0") for row in names} | challenge_codes().keys()
    headers = listed(folder, "WFDBRecords/*/*/*.hea")
    rows = [_row(header, folder) for header in headers if header.stem not in DAMAGED]
    parts = hashed_parts((row.group for row in rows), salt="chapman_shaoxing_ningbo")
    return Index(
        name="chapman_shaoxing_ningbo",
        labels=tuple(sorted(codes - {""})),
        rows=with_split(rows, parts),
        load=lambda row: twelve_leads(folder / row.file, Stated()),
        left_out=tuple(sorted(DAMAGED & {header.stem for header in headers})),
    )


def _row(header: Path, folder: Path) -> Row:
    notes = read_notes(header)
    return Row(
        id=header.stem,
        group=header.stem,
        file=header.relative_to(folder).as_posix(),
        present=frozenset(notes.codes),
        facts={"age": notes.age, "sex": notes.sex},
    )

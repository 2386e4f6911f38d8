"""The Shenzhen TB screening set, whole and reduced: about half the films with tuberculosis.

References
----------
Jaeger et al. 2014, doi:10.3978/j.issn.2223-4292.2014.11.20.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import numpy as np

from qiangji_datasets.public.films import stack
from qiangji_datasets.public.index import Index
from qiangji_datasets.public.nlm_tb import Reading, index_films
from qiangji_datasets.public.tables import Table, column, read_rows
from qiangji_datasets.records import Radiograph

_SIDE: Final = 128
#: First line of a clinical reading: "male 45yrs", "female, 30 yrs", "Female 24yr".
_PERSON: Final = re.compile(r"(?P<sex>female|male)\D*(?P<age>\d+)?\s*(?P<unit>[a-z]*)", re.I)


def index(folder: Path) -> Index[Radiograph]:
    """Index the whole set.

    Parameters
    ----------
    folder
        Holds ``CXR_png/CHNCXR_0001_0.png`` … and ``ClinicalReadings/CHNCXR_0001_0.txt`` ….

    Returns
    -------
        Labels ``tb`` and ``normal``, from the last digit of the name; one film a person. Facts
        ``age``, ``sex``, ``reading``. Split by a hash of the person; the publisher has none.

    Raises
    ------
    InputRejected
        A folder or a reading is missing, or a name is built in another way.
    """
    return index_films(folder, name="shenzhen", prefix="CHNCXR", reading_of=reading_of)


def reading_of(text: str) -> Reading:
    """Age, sex and finding from a clinical reading; empty strings where it does not tell."""
    first, _, rest = text.strip().partition("\n")
    found = _PERSON.match(first.strip())
    if found is None:
        return Reading(age="", sex="", finding=text.strip())
    is_years = found["unit"].lower().startswith("y")
    return Reading(
        age=(found["age"] or "") if is_years else "",
        sex=found["sex"][0].upper(),
        finding=" ".join(rest.split()),
    )


def read(folder: Path) -> Table:
    """Read every film of which an un-augmented or an augmented 128 px copy exists.

    Parameters
    ----------
    folder
        Holds ``labels.csv`` and the picture folders.

    Returns
    -------
        ``inputs`` uint8 (n, 128, 128); facts ``split`` (train, test; as published with the
        copies), ``copy`` ("plain", "augmented": rotated or shifted, for training only), ``age``
        and ``sex`` (known for some).

    Raises
    ------
    InputRejected
        A file is missing or has another size.
    """
    rows = [
        row
        for row in read_rows(folder / "labels.csv")
        if row["file128"] or row["file128_augmented"]
    ]
    copies = ["plain" if row["file128"] else "augmented" for row in rows]
    # Several augmented copies of one film are joined by semicolons; the first is enough.
    files = [row["file128"] or row["file128_augmented"].split(";")[0] for row in rows]
    facts = {key: column(rows, key) for key in ("age", "sex")}
    return Table(
        name="shenzhen",
        inputs=stack((folder / file for file in files), side=_SIDE),
        labels=("tb",),
        targets=np.array([[float(row["label_tb"])] for row in rows], np.float32),
        ids=column(rows, "image_id"),
        groups=column(rows, "patient_id"),
        facts={**facts, "split": column(rows, "xtb_split"), "copy": np.array(copies)},
    )

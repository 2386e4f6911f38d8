"""The Montgomery County TB screening set: 138 films of 12 bits, 58 with tuberculosis.

References
----------
Jaeger et al. 2014, doi:10.3978/j.issn.2223-4292.2014.11.20.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from qiangji_datasets.public.index import Index
from qiangji_datasets.public.nlm_tb import Reading, index_films
from qiangji_datasets.records import Radiograph

_SEX: Final = re.compile(r"Patient's Sex:\s*([MF])", re.IGNORECASE)
_AGE: Final = re.compile(r"Patient's Age:\s*0*(\d+)\s*Y", re.IGNORECASE)


def index(folder: Path) -> Index[Radiograph]:
    """Index the set.

    Parameters
    ----------
    folder
        ``MontgomerySet``: ``CXR_png/MCUCXR_0001_0.png`` … and
        ``ClinicalReadings/MCUCXR_0001_0.txt`` ….

    Returns
    -------
        Labels ``tb`` and ``normal``, from the last digit of the name; one film a person. Split by
        a hash of the person; the publisher has none. Meant as a test set of another country.

    Raises
    ------
    InputRejected
        A folder or a reading is missing, or a name is built in another way.
    """
    return index_films(folder, name="montgomery", prefix="MCUCXR", reading_of=reading_of)


def reading_of(text: str) -> Reading:
    """Age, sex and finding from a clinical reading; empty strings where it does not tell."""
    sex, age = _SEX.search(text), _AGE.search(text)
    finding = [line for line in text.splitlines() if line and not line.startswith("Patient's")]
    return Reading(
        age=age[1] if age else "",
        sex=sex[1].upper() if sex else "",
        finding=" ".join(" ".join(finding).split()),
    )

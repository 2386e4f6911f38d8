"""The training data of the PhysioNet challenges of 2020 and 2021: 12 leads of several sources.

References
----------
Perez Alday et al. 2020, doi:10.1088/1361-6579/abc960; Reyna et al. 2021,
doi:10.23919/CinC53138.2021.9662687. Headers carry SNOMED CT codes in ``# Dx``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats.limits import Stated
from qiangji_datasets.public.dx_codes import challenge_codes
from qiangji_datasets.public.index import Index, Row, listed
from qiangji_datasets.public.wfdb_files import read_notes, twelve_leads
from qiangji_datasets.records import EcgRecord
from qiangji_datasets.splits import hashed_parts

SOURCES_2020: Final = (
    "cpsc_2018",
    "cpsc_2018_extra",
    "georgia",
    "ptb",
    "ptb-xl",
    "st_petersburg_incart",
)
SOURCES_2021: Final = (*SOURCES_2020, "chapman_shaoxing", "ningbo")
#: Sources with several recordings of one person, whom the challenge does not name: such a source
#: stays on one side as a whole, so that nobody can stand on two.
_REPEATED: Final = frozenset({"ptb", "ptb-xl", "st_petersburg_incart"})


def index_2020(folder: Path) -> Index[EcgRecord]:
    """Index the challenge of 2020; see ``index``."""
    return index(folder, name="cinc2020", sources=SOURCES_2020)


def index_2021(folder: Path) -> Index[EcgRecord]:
    """Index the challenge of 2021; see ``index``."""
    return index(folder, name="cinc2021", sources=SOURCES_2021)


def index(folder: Path, *, name: str, sources: tuple[str, ...]) -> Index[EcgRecord]:
    """Index what is there of the sources; each is a folder of groups of headers.

    Parameters
    ----------
    folder
        Holds ``training/<source>/g<n>/<record>.hea`` and ``.mat``.

    Returns
    -------
        Labels are SNOMED CT codes; a code not listed for a recording is absent. Fact ``source``
        names the folder: leaving a source out is the honest test. Split: sources with repeated
        persons ``train``, all else by a hash of the recording.

    Raises
    ------
    InputRejected
        No recording, a folder that is none of the sources, or a code outside the challenge's list.
    """
    headers = listed(folder, "training/*/g*/*.hea")
    rows = [_row(header, folder) for header in headers]
    unknown = {row.facts["source"] for row in rows} - set(sources)
    if unknown:
        raise InputRejected("dataset.name_unknown", dataset=name, file=min(unknown))
    parts = hashed_parts((row.id for row in rows), salt="cinc")
    return Index(
        name=name,
        labels=tuple(challenge_codes()),
        rows=tuple(_with_part(row, parts) for row in rows),
        load=lambda row: twelve_leads(folder / row.file, Stated()),
    )


def _row(header: Path, folder: Path) -> Row:
    notes = read_notes(header)
    source = header.parent.parent.name
    return Row(
        id=f"{source}/{header.stem}",
        group=source if source in _REPEATED else f"{source}/{header.stem}",
        file=header.relative_to(folder).as_posix(),
        present=frozenset(notes.codes),
        facts={"age": notes.age, "sex": notes.sex, "source": source},
    )


def _with_part(row: Row, parts: dict[str, str]) -> Row:
    part = "train" if row.facts["source"] in _REPEATED else parts[row.id]
    return Row(
        id=row.id,
        group=row.group,
        file=row.file,
        present=row.present,
        facts={**row.facts, "split": part},
    )

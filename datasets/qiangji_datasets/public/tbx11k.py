"""TBX11K: 11,200 films of 512 px for tuberculosis, healthy, sick without TB, or with TB.

References
----------
Liu et al. 2020, doi:10.1109/CVPR42600.2020.00272.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Final

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public.films import film
from qiangji_datasets.public.index import Index, Row, require
from qiangji_datasets.records import Radiograph

#: Folder of an image → its label; the labels of ``test`` are kept back by the publisher.
LABELS: Final = ("health", "sick", "tb")
_LISTS: Final = {"train": "lists/TBX11K_train.txt", "val": "lists/TBX11K_val.txt"}
_TEST: Final = "lists/all_test.txt"
#: Films of other sets (DA, DB, Montgomery, Shenzhen) that the test list names as well.
_OTHERS: Final = "extra/"


def index(folder: Path) -> Index[Radiograph]:
    """Index the set.

    Parameters
    ----------
    folder
        ``TBX11K``: ``lists/TBX11K_train.txt``, ``lists/TBX11K_val.txt``, ``lists/all_test.txt``
        with lines such as ``health/h0001.png``, and ``imgs``.

    Returns
    -------
        Labels ``health``, ``sick`` (other than TB), ``tb``; for test films none is stated. Split
        as published. Persons are not told: each film is its own group. Films of other sets in the
        test list are left out by name.

    Raises
    ------
    InputRejected
        A list is missing or names a folder that is not one of the set's.
    """
    require(folder, *_LISTS.values(), _TEST)
    lines = [
        (line.removeprefix("imgs/"), part)
        for part, name in {**_LISTS, "test": _TEST}.items()
        for line in (folder / name).read_text("utf-8").split()
    ]
    return Index(
        name="tbx11k",
        labels=LABELS,
        rows=tuple(_row(line, part) for line, part in lines if not line.startswith(_OTHERS)),
        load=lambda row: film(folder / row.file),
        left_out=tuple(line for line, _ in lines if line.startswith(_OTHERS)),
    )


def _row(line: str, part: str) -> Row:
    path = PurePosixPath(line)
    kind = path.parts[0]
    if kind not in ((*LABELS,) if part != "test" else ("test",)) or ".." in path.parts:
        raise InputRejected("dataset.name_unknown", dataset="tbx11k", file=line[:80])
    return Row(
        id=str(path),
        group=str(path),
        file=f"imgs/{path}",
        present=frozenset({kind}) if part != "test" else frozenset(),
        not_stated=frozenset() if part != "test" else frozenset(LABELS),
        facts={"split": part},
    )

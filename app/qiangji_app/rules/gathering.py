"""The rulebook that a check looks at: the shipped packs, and those of a path with them."""

from __future__ import annotations

from pathlib import Path

from qiangji_app.rules.check import Fault
from qiangji_app.rules.fact_files import fact_catalogue, rulepacks_folder
from qiangji_app.rules.layers import Rulebook
from qiangji_app.rules.pack_files import read_pack
from qiangji_app.rules.packs import Pack
from qiangji_datasets.errors import InputRejected


def pack_files_of(path: Path | None) -> tuple[Path, ...]:
    """The pack files of a file, a folder, or the package."""
    folder = path or rulepacks_folder()
    if folder.is_file():
        return (folder,)
    if not folder.is_dir():
        raise InputRejected("file.not_found", source=str(folder))
    return tuple(sorted(item for item in folder.glob("*.yaml") if item.name != "catalogue.yaml"))


def gather(path: Path | None) -> tuple[Rulebook, tuple[Fault, ...]]:
    """The packs that can be read, lower layers first, and why others cannot.

    A pack of ``path`` takes the place of the shipped pack of the same id.
    """
    packs: dict[str, Pack] = {}
    faults: list[Fault] = []
    shipped = pack_files_of(None)
    for file in dict.fromkeys((*shipped, *(pack_files_of(path) if path else ()))):
        try:
            pack = read_pack(file, fact_catalogue(), checked=False)
        except InputRejected as error:
            faults.append(Fault(error.code, error.params))
            continue
        if pack.id in packs and file in shipped:
            faults.append(Fault("rules.pack_twice", {"pack": pack.id}))
        packs[pack.id] = pack
    rulebook = Rulebook(fact_catalogue(), ())
    for pack in sorted(packs.values(), key=lambda item: item.layer):
        try:
            rulebook = rulebook.with_layer(pack)
        except InputRejected as error:
            faults.append(Fault(error.code, error.params))
    return rulebook, tuple(faults)

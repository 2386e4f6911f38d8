"""Adding a layer of rules to an installation: checked, kept, and an event."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

from qiangji_app.rules.check import check, check_files
from qiangji_app.rules.pack_files import read_pack
from qiangji_app.rules.packs import Layer, Pack
from qiangji_app.services.account_changes import LOCAL_ACTOR
from qiangji_app.services.context import Context
from qiangji_datasets.errors import InputRejected


def add_layer(ctx: Context, source: Path) -> Pack:
    """Put the pack of a province, a county or a hospital on top, for who holds the server.

    It answers from the next start of the server. What it overrides is in the event.

    Raises
    ------
    InputRejected
        Not a pack, of the national layer, there already, an override without target or source,
        or ``rules.layer_faulty``: a fault that ``qiangji rules check`` names.
    """
    faults = check_files((source,))
    if faults:
        raise InputRejected(faults[0].code, **faults[0].params)
    book = ctx.rules()
    pack = read_pack(source, book.catalogue)
    if pack.layer is Layer.NATIONAL:
        raise InputRejected("rules.layer_national", pack=pack.id)
    fresh = set(check(book.with_layer(pack)).faults) - set(check(book).faults)
    if fresh:
        first = min(fresh, key=str)
        raise InputRejected("rules.layer_faulty", pack=pack.id, faults=len(fresh), first=str(first))
    content = source.read_bytes()
    target = ctx.rules.place(f"{pack.id}.yaml")
    with ctx.store.begin() as unit:
        unit.events.append(
            type="rules.layer_added",
            actor_id=LOCAL_ACTOR,
            payload={
                "pack": pack.id,
                "edition": pack.edition,
                "layer": pack.layer.name.lower(),
                "jurisdiction": pack.jurisdiction,
                "sha256": sha256(content).hexdigest(),
                "overrides": " ".join(rule.overrides for rule in pack.rules if rule.overrides),
            },
        )
        # Before the commit: an event without its pack would tell what never answered.
        _write(target, content)
        unit.commit()
    return pack


def _write(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_suffix(".part")
    with half.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    half.replace(target)

"""``qiangji keys``: the public half of the issuer's key, and the keys of other issuers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from qiangji_app.command_texts import both, lines
from qiangji_app.config import Settings
from qiangji_app.seals.keys import Issuer, PublicKey, read_public_keys, trust, trusted
from qiangji_app.storage.keys import open_keys

keys_group = typer.Typer(help=both("keys_group"), no_args_is_help=True)
Keys = Annotated[Path, typer.Option(envvar="QIANGJI_KEY_DIR", help=both("keys"))]
_DEFAULT = Path("data/keys")


@keys_group.callback(help=both("keys_group"))
def _group() -> None:
    """Group the commands on keys."""


@keys_group.command(help=both("keys_public"))
def public(
    *,
    keys: Keys = _DEFAULT,
    issuer: Annotated[str, typer.Option(help=both("keys_issuer"))] = "",
) -> None:
    """Print the public keys of this installation, to hand to other sites."""
    own = own_keys(keys, issuer)
    body = {"keys": [key.as_json() for key in own]}
    typer.echo(json.dumps(body, ensure_ascii=False, indent=1))


@keys_group.command("trust", help=both("keys_trust"))
def trust_keys(
    file: Annotated[Path, typer.Argument(help=both("keys_file"))], *, keys: Keys = _DEFAULT
) -> None:
    """Keep the public keys of another issuer."""
    found = read_public_keys(file)
    trust(keys, found)
    for key in found:
        typer.echo(_line(key))


@keys_group.command("list", help=both("keys_list"))
def list_keys(*, keys: Keys = _DEFAULT) -> None:
    """List the keys that ``qiangji verify`` knows."""
    typer.echo("\n".join(lines("keys_own")))
    for key in own_keys(keys):
        typer.echo(_line(key))
    others = list(trusted(keys))
    typer.echo("\n".join(lines("keys_trusted" if others else "keys_none")))
    for key in others:
        typer.echo(_line(key))


def own_keys(folder: Path, issuer: str = "") -> tuple[PublicKey, ...]:
    """Public keys of this installation, made with the algorithm of its settings.

    Raises
    ------
    StorageFault
        ``storage.keys_missing`` and the other faults of the key file.
    """
    ring = open_keys(folder, create=False)
    return Issuer(ring, Settings().signature_algorithm).all_public(issuer)


def _line(key: PublicKey) -> str:
    return f"  {key.key_id}  {key.algorithm}  {key.issuer}".rstrip()

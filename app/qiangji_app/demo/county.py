"""The demonstration county as data: sites, accounts, cases."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

#: Works only in demo mode, which is bound to this machine.
PASSWORD = "qiangji-demo"  # noqa: S105 - shown on the sign-in page on purpose


@dataclass(frozen=True)
class DemoCase:
    """One case of the demonstration; ``recipe`` describes its recording."""

    by: str
    until: str
    name: str
    sex: str
    age: float | None
    recipe: dict[str, Any]
    row: dict[str, Any]


@cache
def county() -> dict[str, Any]:
    """The file as read."""
    file = resources.files("qiangji_app.demo").joinpath("county.toml")
    return tomllib.loads(file.read_text("utf-8"))


def demo_cases() -> tuple[DemoCase, ...]:
    """All cases in the order of the file."""
    return tuple(
        DemoCase(
            by=row["by"],
            until=row["until"],
            name=row["name"],
            sex=row["sex"],
            age=row.get("age"),
            recipe={key: row[key] for key in ("film", "ecg", "real") if key in row},
            row=row,
        )
        for row in county()["cases"]
    )


def shown_accounts() -> list[dict[str, str]]:
    """Logins for the sign-in page."""
    return [
        {
            "login": row["login"],
            "password": PASSWORD,
            "display_name": row["display_name"],
            "role": row["roles"][0],
        }
        for row in county()["accounts"]
    ]

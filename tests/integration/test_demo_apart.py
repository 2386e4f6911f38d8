"""Demo accounts, whose passwords everybody knows, and real ones never meet."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.county import PASSWORD, SITES

from qiangji_app import cli
from qiangji_app.bootstrap import install
from qiangji_app.config import Settings
from qiangji_app.demo.seed import seed_accounts
from qiangji_app.domain.roles import Role
from qiangji_app.services.accounts import add_site, create_account
from qiangji_app.storage.passwords import CHEAP
from qiangji_datasets.errors import InputRejected


def _settings(folder: Path, *, demo: bool, host: str = "127.0.0.1") -> Settings:
    return Settings(data_dir=folder / "store", key_dir=folder / "keys", demo=demo, host=host)


def _demo(folder: Path) -> None:
    made = install(_settings(folder, demo=True), password_cost=CHEAP)
    seed_accounts(made.context)
    made.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])  # noqa: S104 - refused
def test_a_real_server_does_not_start_on_demo_accounts(tmp_path: Path, host: str) -> None:
    _demo(tmp_path)

    with pytest.raises(InputRejected, match=r"demo\.accounts_left"):
        install(_settings(tmp_path, demo=False, host=host), password_cost=CHEAP)


def test_a_demonstration_starts_again_on_its_own_accounts(tmp_path: Path) -> None:
    _demo(tmp_path)
    _demo(tmp_path)


def test_a_demonstration_does_not_start_on_real_accounts(tmp_path: Path) -> None:
    made = install(_settings(tmp_path, demo=False), password_cost=CHEAP)
    add_site(made.context, None, SITES[0])
    create_account(
        made.context,
        None,
        login="system",
        password=PASSWORD,
        display_name="系统",
        roles=frozenset({Role.SYSTEM_ADMINISTRATOR}),
        site_id="county",
    )
    made.close()

    with pytest.raises(InputRejected, match=r"demo\.real_accounts"):
        install(_settings(tmp_path, demo=True), password_cost=CHEAP)


@pytest.mark.parametrize(
    ("is_demo", "stated", "found"),
    [
        (False, (None, None), (Path("data/store"), Path("data/keys"))),
        (True, (None, None), (Path("data/demo/store"), Path("data/demo/keys"))),
        (True, (Path("a"), Path("b")), (Path("a"), Path("b"))),
    ],
)
def test_the_demonstration_has_folders_of_its_own(
    is_demo: bool, stated: tuple[Path | None, Path | None], found: tuple[Path, Path]
) -> None:
    assert cli.folders(is_demo, *stated) == found

"""The installed command ``qiangji reset-password``."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.county import PASSWORD, SITES
from support.server_process import COMMAND

from qiangji_app.bootstrap import install
from qiangji_app.config import Settings
from qiangji_app.domain.roles import Role
from qiangji_app.services import sessions
from qiangji_app.services.accounts import add_site, create_account
from qiangji_app.storage.passwords import CHEAP
from qiangji_datasets.errors import NotPermitted


def _run(folder: Path, login: str, keys: str = "keys") -> subprocess.CompletedProcess[str]:
    words = [*COMMAND, "reset-password", login, "--data", "data", "--keys", keys]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


def _settings(folder: Path) -> Settings:
    return Settings(data_dir=folder / "data", key_dir=folder / "keys")


def test_who_holds_data_and_keys_gets_back_into_an_account(tmp_path: Path) -> None:
    made = install(_settings(tmp_path), password_cost=CHEAP)
    add_site(made.context, None, SITES[0])
    create_account(
        made.context,
        None,
        login="security",
        password=PASSWORD,
        display_name="安全",
        roles=frozenset({Role.SECURITY_ADMINISTRATOR}),
        site_id="county",
    )
    made.close()

    without_keys, unknown = _run(tmp_path, "security", keys="none"), _run(tmp_path, "nobody")
    done = _run(tmp_path, "security")

    assert without_keys.returncode != 0 and not (tmp_path / "none").exists()
    assert unknown.returncode == 6
    assert done.returncode == 0, done.stderr
    password = done.stdout.split()[-1]
    made = install(_settings(tmp_path), password_cost=CHEAP)
    with pytest.raises(NotPermitted):
        sessions.sign_in(made.context, "security", PASSWORD)
    assert sessions.sign_in(made.context, "security", password)[1].must_change_password
    made.close()


def test_without_a_database_nothing_is_made(tmp_path: Path) -> None:
    done = _run(tmp_path, "security")

    assert done.returncode == 22
    assert list(tmp_path.iterdir()) == []

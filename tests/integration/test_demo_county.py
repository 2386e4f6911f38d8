"""Filling the demonstration while the server's own thread works the same queue."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from qiangji_app.bootstrap import Installation, install
from qiangji_app.config import Settings
from qiangji_app.demo.county import demo_cases
from qiangji_app.demo.seed import seed_accounts, seed_cases
from qiangji_app.ports import CaseQuery
from qiangji_app.storage.passwords import CHEAP


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("demo")
    settings = Settings(data_dir=folder / "store", key_dir=folder / "keys", demo=True)
    made = install(settings, password_cost=CHEAP)
    seed_accounts(made.context)
    made.start()
    seed_cases(made.context)
    yield made
    made.close()


def _states(made: Installation) -> list[str]:
    with made.context.store.read() as unit:
        return sorted(case.state.value for case in unit.cases.find(CaseQuery()))


def test_every_case_gets_as_far_as_the_county_table_says(filled: Installation) -> None:
    assert _states(filled) == sorted(case.until for case in demo_cases())


def test_filling_again_adds_nothing(filled: Installation) -> None:
    before = _states(filled)

    seed_cases(filled.context)

    assert _states(filled) == before

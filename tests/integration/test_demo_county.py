"""Filling the demonstration while the server's own thread works the same queue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from qiangji_app.bootstrap import Installation, install
from qiangji_app.config import Settings
from qiangji_app.demo.county import demo_cases
from qiangji_app.demo.seed import seed_accounts, seed_cases
from qiangji_app.domain.audit import Verification
from qiangji_app.ports import CaseQuery, Clock, Store, Unit
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


class Killed(BaseException):
    """The end of a process, as far as its database can tell."""


@dataclass(frozen=True)
class Later:
    """A clock some time on: what a killed process held is free again."""

    clock: Clock
    by: timedelta

    def now(self) -> datetime:
        return self.clock.now() + self.by


class DyingStore:
    """A store whose process ends right after so many writes."""

    def __init__(self, store: Store, writes: int) -> None:
        self._store = store
        self._left = writes

    @contextmanager
    def begin(self) -> Iterator[Unit]:
        with self._store.begin() as unit:
            commit = unit.commit

            def last() -> None:
                commit()
                self._left -= 1
                if self._left == 0:
                    raise Killed

            unit.commit = last  # type: ignore[method-assign]  # dies where a process may
            yield unit

    def read(self) -> AbstractContextManager[Unit]:
        return self._store.read()

    def verify(self) -> Verification:
        return self._store.verify()


def test_a_case_that_a_killed_start_left_half_made_is_finished_by_the_next(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "store", key_dir=tmp_path / "keys", demo=True)
    made = install(settings, password_cost=CHEAP)
    seed_accounts(made.context)
    ecgs = [case for case in demo_cases() if "ecg" in case.recipe]
    wanted = [next(one for one in ecgs if one.until == "closed")]
    for writes in range(1, 100):
        dying = replace(
            made.context,
            store=DyingStore(made.context.store, writes),
            clock=Later(made.context.clock, timedelta(minutes=6 * writes)),
        )
        try:
            seed_cases(dying, wanted)
            break
        except Killed:
            continue

    assert writes > 4
    assert _states(made) == ["closed"]
    with made.context.store.read() as unit:
        for case in unit.cases.find(CaseQuery()):
            assert len(unit.cases.recordings(case.id)) == 1
            assert len(unit.cases.signed(case.id)) == 1
    made.close()

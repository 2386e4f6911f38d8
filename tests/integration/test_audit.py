"""What an attacker with the database, but without the key, cannot hide."""

# ruff: noqa: S608 - an attacker writes SQL by hand

from __future__ import annotations

import itertools
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from support.postgres import new_database, running_postgres, why_no_postgres
from support.storage_box import Box, add_case, add_signed, open_box, signed
from typer.testing import CliRunner

from qiangji_app.audit_cli import audit
from qiangji_app.domain.events import event_hash
from qiangji_app.storage.verify import verify_log

_EVENTS = 40
_TRIGGERS = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
_TESTS = Path(__file__).parents[1]


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    opened = open_box(tmp_path, heads_every=8)
    _append(opened, _EVENTS)
    yield opened
    opened.store.engines.dispose()


def _append(box: Box, count: int) -> None:
    for number in range(count):
        with box.store.begin() as unit:
            unit.events.append(type="case.opened", actor_id="u1", payload={"n": number})
            unit.reads.append(type="case.read", actor_id="u2")
            unit.commit()


def _tamper(box: Box, script: str) -> None:
    """Change the file as an attacker with database rights would."""
    connection = sqlite3.connect(box.database, isolation_level=None)
    for (name,) in connection.execute(_TRIGGERS).fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.executescript(script)
    connection.close()


def _codes(box: Box) -> set[str]:
    found = verify_log(box.store.engines, box.keys, box.store.heads_file)
    return {problem.code for problem in found.problems}


def test_an_untouched_log_is_whole(box: Box) -> None:
    found = verify_log(box.store.engines, box.keys, box.store.heads_file)

    assert (found.events, found.problems) == (2 * _EVENTS, ())


@pytest.mark.parametrize(
    "change",
    [
        """payload = '{"n": 99}'""",
        "actor_id = 'somebody'",
        "at = '2020-01-01 00:00:00.000000'",
        "case_id = 'c9'",
        "type = 'case.closed'",
        "schema_version = 2",
        "id = 'other'",
        "chain = 'reads', node_seq = 1000",
    ],
)
def test_an_edited_row_is_found(box: Box, change: str) -> None:
    _tamper(box, f"UPDATE event SET {change} WHERE chain = 'changes' AND node_seq = 20")

    assert "audit.edited" in _codes(box)


def test_a_deleted_middle_is_found(box: Box) -> None:
    _tamper(box, "DELETE FROM event WHERE chain = 'changes' AND node_seq BETWEEN 10 AND 20")

    assert _codes(box) == {"audit.gap"}


def test_a_deleted_middle_with_the_rest_renumbered_is_found(box: Box) -> None:
    _tamper(
        box,
        "DELETE FROM event WHERE chain = 'changes' AND node_seq BETWEEN 10 AND 20;"
        "UPDATE event SET node_seq = node_seq - 11 WHERE chain = 'changes' AND node_seq > 20;"
        "UPDATE chain_head SET node_seq = node_seq - 11 WHERE chain = 'changes'",
    )

    assert {"audit.unlinked", "audit.edited", "audit.head"} <= _codes(box)


def test_a_truncated_tail_is_found(box: Box) -> None:
    _tamper(box, f"DELETE FROM event WHERE chain = 'changes' AND node_seq > {_EVENTS - 3}")

    assert "audit.truncated" in _codes(box)


def test_a_truncated_tail_is_found_although_the_head_was_set_back(box: Box) -> None:
    keep = _EVENTS - 3
    _tamper(
        box,
        f"DELETE FROM event WHERE chain = 'changes' AND node_seq > {keep};"
        f"UPDATE chain_head SET node_seq = {keep}, hash = (SELECT hash FROM event"
        f" WHERE chain = 'changes' AND node_seq = {keep}) WHERE chain = 'changes'",
    )

    assert "audit.head" in _codes(box)


def test_a_head_that_was_set_back_is_found_although_the_program_went_on(box: Box) -> None:
    keep = _EVENTS - 3
    _tamper(
        box,
        f"DELETE FROM event WHERE chain = 'changes' AND node_seq > {keep};"
        f"UPDATE chain_head SET node_seq = {keep}, hash = (SELECT hash FROM event"
        f" WHERE chain = 'changes' AND node_seq = {keep}) WHERE chain = 'changes'",
    )

    _append(box, 10)

    assert "audit.head_was_invalid" in _codes(box)


def test_a_deleted_head_is_found_and_the_clinic_works_on(box: Box) -> None:
    _tamper(box, "DELETE FROM chain_head; DELETE FROM event")

    assert {"audit.head", "audit.truncated"} <= _codes(box)
    _append(box, 1)
    assert {"audit.head_was_invalid", "audit.truncated"} <= _codes(box)


def test_an_old_copy_of_the_database_that_was_continued_is_found(tmp_path: Path) -> None:
    box = open_box(tmp_path, heads_every=8)
    _append(box, 10)
    box.store.close()
    old = box.database.read_bytes()
    box = open_box(tmp_path, heads_every=8)
    _append(box, 10)
    box.store.close()

    box.database.write_bytes(old)
    box = open_box(tmp_path, heads_every=8)
    assert "audit.truncated" in _codes(box)
    _append(box, 15)

    assert "audit.contradicted" in _codes(box)
    box.store.engines.dispose()


def test_a_chain_recomputed_without_the_key_is_found(box: Box) -> None:
    rows = _rewritten(box, guessed_key=b"\0" * 32)
    script = "".join(
        f"UPDATE event SET actor_id = 'innocent', prev_hash = '{prev}', hash = '{own}'"
        f" WHERE chain = 'changes' AND node_seq = {seq};"
        for seq, prev, own in rows
    )
    _tamper(box, script + f"UPDATE chain_head SET hash = '{rows[-1][2]}' WHERE chain = 'changes'")

    assert {"audit.edited", "audit.head", "audit.contradicted"} <= _codes(box)


def _rewritten(box: Box, *, guessed_key: bytes) -> list[tuple[int, str, str]]:
    """Every event with another actor, hashed anew as one link after the other."""
    connection = sqlite3.connect(box.database)
    connection.row_factory = sqlite3.Row
    rows = connection.execute("SELECT * FROM event WHERE chain = 'changes' ORDER BY node_seq")
    found: list[tuple[int, str, str]] = []
    prev = "0" * 64
    for row in rows.fetchall():
        own = event_hash(
            guessed_key,
            id=row["id"],
            node_id=row["node_id"],
            chain="changes",
            node_seq=row["node_seq"],
            prev_hash=prev,
            at=datetime.fromisoformat(row["at"] + "+00:00"),
            actor_id="innocent",
            case_id=row["case_id"],
            type=row["type"],
            schema_version=row["schema_version"],
            payload=json.loads(row["payload"]),
        )
        found.append((row["node_seq"], prev, own))
        prev = own
    connection.close()
    return found


@pytest.mark.parametrize("change", ["payload = 'no json'", "payload = '[1]'", "at = 'yesterday'"])
def test_a_row_no_program_would_write_is_found(box: Box, change: str) -> None:
    _tamper(box, f"UPDATE event SET {change} WHERE chain = 'reads' AND node_seq = 5")

    assert "audit.unreadable" in _codes(box)


def test_events_of_an_unknown_node_are_found(box: Box) -> None:
    _tamper(box, "UPDATE event SET node_id = 'elsewhere' WHERE node_seq = 7")

    assert {"audit.unknown_node", "audit.gap"} <= _codes(box)


def test_missing_and_forged_heads_are_found(box: Box) -> None:
    file = next(box.heads.glob("*.jsonl"))
    lines = file.read_text("ascii").splitlines()
    forged = json.loads(lines[-1]) | {"node_seq": 5}

    file.write_text("\n".join([*lines, json.dumps(forged), '{"cut short by a crash']), "ascii")
    assert _codes(box) == {"audit.forged_witness"}

    file.unlink()
    assert _codes(box) == {"audit.no_witness"}


def test_a_new_database_in_place_of_the_old_one_is_found(box: Box, tmp_path: Path) -> None:
    box.store.close()
    for file in box.database.parent.glob("qiangji.db*"):
        file.unlink()

    fresh = open_box(tmp_path)

    assert "audit.truncated" in _codes(fresh)
    fresh.store.engines.dispose()


def test_heads_are_written_every_so_many_events_and_when_the_store_closes(box: Box) -> None:
    def last(chain: str) -> int:
        found = box.store.heads_file.read(box.store.node_id)
        return [item.head.node_seq for item in found if item.head.chain == chain][-1]

    _append(box, 3)
    assert last("changes") == _EVENTS  # 0 when it was made, then every 8

    box.store.close()

    assert last("changes") == last("reads") == _EVENTS + 3


def _verify(folder: Path) -> tuple[int, str]:
    options = ["--data-dir", str(folder / "data"), "--key-dir", str(folder / "keys")]
    result = CliRunner().invoke(audit, ["verify", *options])
    return result.exit_code, result.output


def test_the_command_says_whole_damaged_or_impossible(box: Box, tmp_path: Path) -> None:
    code, output = _verify(tmp_path)
    assert code == 0
    assert "日志完整" in output and str(2 * _EVENTS) in output

    _tamper(box, "DELETE FROM event WHERE node_seq > 30")
    code, output = _verify(tmp_path)
    assert code == 1
    assert "末尾被截去" in output

    code, output = _verify(tmp_path / "nowhere")
    assert code == 1
    assert "没有数据库" in output


def _eight_processes(folder: Path, url: str, count: int) -> None:
    command = [sys.executable, "-m", "support.append_worker", str(folder), url, str(count)]
    workers = [
        subprocess.Popen(
            command,
            cwd=_TESTS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(8)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "READY\n"
    errors = [worker.communicate("go\n")[1] for worker in workers]
    assert [(worker.returncode, error) for worker, error in zip(workers, errors, strict=True)] == [
        (0, "")
    ] * 8


def _on_sqlite(folder: Path) -> Iterator[str]:
    yield f"sqlite:///{folder / 'data' / 'qiangji.db'}"


def _on_postgres(_: Path) -> Iterator[str]:
    if why_no_postgres():
        pytest.skip(why_no_postgres())
    with running_postgres() as socket_folder:
        yield new_database(socket_folder, "eight")


@pytest.mark.parametrize(
    "engine", [_on_sqlite, pytest.param(_on_postgres, marks=pytest.mark.system)]
)
def test_eight_processes_append_at_once_and_none_fails(
    engine: Callable[[Path], Iterator[str]], tmp_path: Path
) -> None:
    for url in engine(tmp_path):
        _eight_processes(tmp_path, url, 10)  # the database does not exist before: they race for it

        box = open_box(tmp_path, url)
        found = verify_log(box.store.engines, box.keys, box.store.heads_file)
        assert (found.events, found.problems) == (2 * 8 * 10, ())
        box.store.close()


def test_threads_of_one_process_append_at_once_and_none_fails(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    box = open_box(tmp_path)

    with ThreadPoolExecutor(16) as pool:
        list(itertools.chain(pool.map(lambda _: _append(box, 5), range(16))))

    found = verify_log(box.store.engines, box.keys, box.store.heads_file)
    assert (found.events, found.problems) == (2 * 16 * 5, ())
    box.store.close()


@pytest.fixture
def reports(box: Box) -> Box:
    """A case whose report was signed by an earlier program and amended by this one."""
    add_case(box)
    with box.store.begin() as unit:
        add_signed(unit, signed(version=1, digest_version=1))
        add_signed(unit, signed(version=2))
        unit.commit()
    return box


def _report_problems(box: Box) -> list[tuple[str, str, int]]:
    found = verify_log(box.store.engines, box.keys, box.store.heads_file)
    assert all(problem.code.startswith("audit.report") for problem in found.problems)
    return [(problem.code, problem.case_id, problem.version) for problem in found.problems]


def test_untouched_reports_are_whole(reports: Box) -> None:
    found = verify_log(reports.store.engines, reports.keys, reports.store.heads_file)

    assert (found.reports, found.problems) == (2, ())


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("signer_id = 's2'", "audit.report_edited"),
        ("signed_at = '2020-01-01 00:00:00.000000'", "audit.report_edited"),
        ("""recording_sha256 = '["b"]'""", "audit.report_edited"),
        ("recording_sha256 = 'no json'", "audit.report_unreadable"),
        ("sealed_content = x'00'", "audit.report_unreadable"),
        ("superseded_by = 0", "audit.report_order"),
    ],
)
def test_a_signed_report_that_was_changed_is_found(reports: Box, change: str, code: str) -> None:
    _tamper(reports, f"UPDATE signed_report SET {change} WHERE version = 1")

    assert _report_problems(reports) == [(code, "c1", 1)]


@pytest.mark.parametrize("column", ["signer_name", "signer_licence"])
def test_another_name_or_licence_under_a_signature_is_found(reports: Box, column: str) -> None:
    _tamper(reports, f"UPDATE signed_report SET {column} = 'x' WHERE version = 2")

    assert _report_problems(reports) == [("audit.report_edited", "c1", 2)]


def test_another_digest_in_a_report_contradicts_the_log(reports: Box) -> None:
    _tamper(reports, f"UPDATE signed_report SET content_sha256 = '{'e' * 64}' WHERE version = 1")

    assert _report_problems(reports) == [
        ("audit.report_edited", "c1", 1),
        ("audit.report_contradicted", "c1", 1),
    ]


def test_a_signed_report_that_was_removed_is_missed(reports: Box) -> None:
    _tamper(reports, "PRAGMA foreign_keys = OFF; DELETE FROM signed_report WHERE version = 2")

    assert _report_problems(reports) == [
        ("audit.report_order", "c1", 1),
        ("audit.report_missing", "c1", 2),
    ]


def test_a_report_that_nobody_signed_is_found(reports: Box) -> None:
    with reports.store.begin() as unit:
        unit.cases.add_signed(signed(version=3))
        unit.commit()

    assert _report_problems(reports) == [("audit.report_not_logged", "c1", 3)]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_command_names_the_case_of_a_changed_report(
    reports: Box, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    _tamper(reports, "UPDATE signed_report SET signer_id = 's2' WHERE version = 1")
    monkeypatch.setenv("QIANGJI_LANG", language)
    words = ["--data-dir", str(reports.folder / "data"), "--key-dir", str(reports.folder / "keys")]

    done = CliRunner().invoke(audit, ["verify", *words])

    assert done.exit_code == 1
    assert "c1" in done.output
    assert "{" not in done.output

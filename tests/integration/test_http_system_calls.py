"""What the running server asks of the kernel: bytes are safe before it answers, nothing leaves."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.journeys import read_and_sign, submit
from support.recordings import ecg_file, film_file
from support.server_process import Json, Server, founded, open_case, recording, upload

_CALLS = "fsync,fdatasync,rename,renameat,renameat2,linkat,sendto,write,connect"
_CALL = re.compile(r"^\d+\s+(?P<call>\w+)\((?P<arguments>.*)\)\s*=\s*(?P<result>-?\d+)")
_UNFINISHED = re.compile(r"^(?P<thread>\d+)\s+(?P<begin>\w+\(.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"^(?P<thread>\d+)\s+<\.\.\. \w+ resumed>(?P<end>.*)$")
pytestmark = pytest.mark.system


@dataclass(frozen=True)
class Traced:
    """The system calls of a whole path, in the order in which they ended."""

    lines: list[str]
    stored: Json

    @property
    def calls(self) -> list[tuple[str, str]]:
        found = (_CALL.match(line) for line in self.lines)
        return [(hit["call"], hit["arguments"]) for hit in found if hit and hit["result"] != "-1"]


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    """An ECG and a film uploaded, read, signed, printed as PDF, on a server under strace."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed (apt-get install strace)")
    folder = tmp_path_factory.mktemp("traced")
    trace = folder / "trace"
    probe = subprocess.run([strace, "-o", "/dev/null", "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("strace may not trace here")
    prefix = [strace, "-f", "--seccomp-bpf", "-y", "-s", "64"]
    prefix += ["-e", f"trace={_CALLS}", "-e", "signal=none", "-o", str(trace)]
    with founded(folder, prefix=prefix) as server:
        stored = _whole_path(server)
    yield Traced(_joined(trace), stored)


def _whole_path(server: Server) -> Json:
    operator, specialist = server.signed_in("operator"), server.signed_in("specialist")
    stored: Json = {}
    for modality, data in (("cxr", film_file(1)), ("ecg", ecg_file(5))):
        case_id = open_case(operator, modality)
        stored = upload(operator, case_id, data)
        recording(operator, stored["recording_id"])
        submit(operator, case_id)
        read_and_sign(specialist, case_id)
        for page in ("/capture", "/reading", "/results"):
            assert specialist.get(page).status_code == 200
        for kind in ("html", "pdf"):
            answer = specialist.get(f"/api/v1/cases/{case_id}/result.{kind}")
            assert answer.status_code == 200, answer.text
    return stored


def _joined(trace: Path) -> list[str]:
    """Lines of a trace, with calls that another thread interrupted put together at their end."""
    begun: dict[str, str] = {}
    lines = []
    for line in trace.read_text("utf-8", "replace").splitlines():
        if hit := _UNFINISHED.match(line):
            begun[hit["thread"]] = hit["begin"]
        elif (hit := _RESUMED.match(line)) and hit["thread"] in begun:
            lines.append(f"{hit['thread']} {begun.pop(hit['thread'])}{hit['end']}")
        else:
            lines.append(line)
    return lines


def _positions(calls: list[tuple[str, str]], pattern: str) -> list[int]:
    found = [
        index
        for index, (call, arguments) in enumerate(calls)
        if re.search(pattern, f"{call} {arguments}")
    ]
    assert found, f"no call like {pattern}"
    return found


def test_file_folder_and_database_are_synced_before_the_last_chunk_is_answered(
    traced: Traced,
) -> None:
    calls, part = traced.calls, rf"{traced.stored['upload_id']}\.part"

    file_synced = _positions(calls, rf"^fsync .*{part}>")[-1]
    renamed = _positions(calls, rf"^rename.*{part}.*blobs/../../[0-9a-f]{{64}}")[-1]
    after = calls[renamed:]
    folder_synced = renamed + _positions(after, r"^fsync .*blobs/../..>")[0]
    committed = folder_synced + _positions(calls[folder_synced:], r"^f(data)?sync .*db-wal>")[0]
    answers = _positions(calls, r'^(sendto|write) .*"HTTP/1\.1 200')
    answered = next(at for at in answers if at > file_synced)

    assert file_synced < renamed < folder_synced < committed < answered


def test_no_request_leaves_the_machine_while_everything_is_used(traced: Traced) -> None:
    addresses = [line for line in traced.lines if re.match(r"^\d+\s+connect\(", line)]
    local = re.compile(
        r"sa_family=AF_UNIX"
        r"|sa_family=AF_INET, .*inet_addr\(\"127\.\d+\.\d+\.\d+\"\)"
        r"|sa_family=AF_INET6, .*\"::1\""
    )

    assert [line for line in addresses if not local.search(line)] == []
    assert traced.lines, "nothing was traced"

"""Downloads of public sets from a real server on this machine."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from support.file_server import Files, serve
from typer.testing import CliRunner

from qiangji_datasets.errors import InputRejected, PeerFault
from qiangji_datasets.public import cli, sums
from qiangji_datasets.public.cards import Card, Download, RemoteFile, card
from qiangji_datasets.public.download import client
from qiangji_datasets.public.fetch import Step, fetch

SIGNAL = bytes(range(256)) * 1200
TABLE = b"id,label\n1,a\n"


def _sum(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


@pytest.fixture
def server() -> Iterator[Files]:
    listing = f"{_sum(SIGNAL)} records/1.dat\n{_sum(TABLE)} table.csv\n".encode()
    content = {"records/1.dat": SIGNAL, "table.csv": TABLE, "SHA256SUMS.txt": listing}
    with serve(content) as files:
        yield files


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with client() as made:
        yield made


class Pauses(list[float]):
    """Remembers how long it was asked to wait, and does not."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def _get(
    download: Download, folder: Path, http: httpx.Client, pauses: Pauses | None = None
) -> tuple[str, ...]:
    steps: list[Step] = []
    return fetch(
        download,
        folder,
        http=http,
        pause=Pauses() if pauses is None else pauses,
        report=steps.append,
    )


def _listed(server: Files) -> Download:
    return Download(base=server.url, sums="SHA256SUMS.txt")


def test_a_set_with_the_publishers_list_is_fetched_and_not_fetched_twice(
    server: Files, http: httpx.Client, tmp_path: Path
) -> None:
    assert _get(_listed(server), tmp_path, http) == ("records/1.dat", "table.csv")
    assert (tmp_path / "records/1.dat").read_bytes() == SIGNAL
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [
        *("1.dat", "SHA256SUMS.txt", "table.csv"),
    ]

    assert _get(_listed(server), tmp_path, http) == ()


def test_a_dropped_connection_is_continued_where_it_broke(
    server: Files, http: httpx.Client, tmp_path: Path
) -> None:
    file = RemoteFile("records/1.dat", f"{server.url}records/1.dat", _sum(SIGNAL))
    server.breaks = [100_000, 70_000]
    pauses = Pauses()

    _get(Download(server.url, files=(file,)), tmp_path, http, pauses)

    assert (tmp_path / "records/1.dat").read_bytes() == SIGNAL
    starts = [int(wanted[6:-1]) for _, wanted in server.ranges if wanted]
    assert len(starts) == 2
    assert 0 < starts[0] <= 100_000 < starts[1] <= 170_000
    assert pauses == [1.0, 1.0]


def test_a_later_call_continues_the_part_of_an_earlier_one(
    server: Files, http: httpx.Client, tmp_path: Path
) -> None:
    part = tmp_path / "records/1.dat.part"
    part.parent.mkdir()
    part.write_bytes(SIGNAL[:5000])

    _get(_listed(server), tmp_path, http)

    assert ("records/1.dat", "bytes=5000-") in server.ranges
    assert (tmp_path / "records/1.dat").read_bytes() == SIGNAL
    assert not part.exists()


def test_a_server_without_ranges_makes_it_start_over(
    server: Files, http: httpx.Client, tmp_path: Path
) -> None:
    server.has_ranges = False
    server.breaks = [50]  # the list of hashes breaks, and then begins anew

    _get(_listed(server), tmp_path, http)

    assert (tmp_path / "records/1.dat").read_bytes() == SIGNAL


def test_a_file_that_changed_between_two_tries_is_not_glued_together(
    server: Files, http: httpx.Client, tmp_path: Path
) -> None:
    file = RemoteFile("table.csv", f"{server.url}table.csv")
    (tmp_path / "table.csv.part").write_bytes(b"id,OLD")
    (tmp_path / "table.csv.part.etag").write_text('"another version"', "utf-8")

    _get(Download(server.url, files=(file,)), tmp_path, http)

    assert (tmp_path / "table.csv").read_bytes() == TABLE


@pytest.mark.parametrize("part", [TABLE, TABLE + b"more than there is"])
def test_a_part_that_is_already_whole_or_too_long_ends_right(
    server: Files, http: httpx.Client, tmp_path: Path, part: bytes
) -> None:
    file = RemoteFile("table.csv", f"{server.url}table.csv", _sum(TABLE))
    (tmp_path / "table.csv.part").write_bytes(part)

    _get(Download(server.url, files=(file,)), tmp_path, http)

    assert (tmp_path / "table.csv").read_bytes() == TABLE


def test_a_wrong_hash_is_refused_and_nothing_keeps_its_name(
    server: Files, http: httpx.Client, tmp_path: Path
) -> None:
    server.content["table.csv"] = b"id,label\n1,tampered\n"

    with pytest.raises(InputRejected) as refused:
        _get(_listed(server), tmp_path, http)

    assert refused.value.code == "data.hash_wrong"
    assert refused.value.params["file"] == "table.csv"
    assert not list(tmp_path.glob("table.csv*"))


def test_a_file_damaged_on_disk_is_fetched_again(
    server: Files, http: httpx.Client, tmp_path: Path
) -> None:
    _get(_listed(server), tmp_path, http)
    (tmp_path / "table.csv").write_bytes(b"cut")

    assert _get(_listed(server), tmp_path, http) == ("table.csv",)
    assert (tmp_path / "table.csv").read_bytes() == TABLE


def test_without_a_published_hash_the_first_download_binds(
    server: Files, http: httpx.Client, tmp_path: Path
) -> None:
    download = Download(server.url, files=(RemoteFile("table.csv", f"{server.url}table.csv"),))
    _get(download, tmp_path, http)
    assert sums.recorded(tmp_path) == {"table.csv": _sum(TABLE)}

    (tmp_path / "table.csv").unlink()
    server.content["table.csv"] = b"something else"

    with pytest.raises(InputRejected, match=r"data\.hash_wrong"):
        _get(download, tmp_path, http)


def test_a_server_that_is_out_of_order_is_asked_again(
    server: Files, http: httpx.Client, tmp_path: Path
) -> None:
    server.states = [503, 503]
    pauses = Pauses()

    _get(_listed(server), tmp_path, http, pauses)

    assert pauses == [2.0, 4.0]


def test_a_missing_file_ends_at_once_and_names_the_address(
    server: Files, http: httpx.Client, tmp_path: Path
) -> None:
    del server.content["table.csv"]

    with pytest.raises(PeerFault) as refused:
        _get(_listed(server), tmp_path, http)

    assert refused.value.params == {"url": f"{server.url}table.csv", "status": 404}


def test_a_server_that_is_gone_ends_after_five_tries(http: httpx.Client, tmp_path: Path) -> None:
    with serve({}) as files:
        url = files.url
    pauses = Pauses()

    with pytest.raises(PeerFault, match=r"data\.connection"):
        _get(Download(url, files=(RemoteFile("a", f"{url}a"),)), tmp_path, http, pauses)

    assert len(pauses) == 4


@pytest.mark.parametrize(
    "line", ["0" * 64 + " ../outside.txt", "0" * 64 + " /etc/passwd", "no digest at all"]
)
def test_a_list_that_leads_out_of_the_folder_is_refused(
    server: Files, http: httpx.Client, tmp_path: Path, line: str
) -> None:
    server.content["SHA256SUMS.txt"] = line.encode()

    with pytest.raises(InputRejected):
        _get(_listed(server), tmp_path / "set", http)

    assert not (tmp_path / "outside.txt").exists()


def test_only_the_files_asked_for_are_fetched_and_a_lacking_one_is_named(
    server: Files, http: httpx.Client, tmp_path: Path
) -> None:
    wanted = replace(_listed(server), only=("table.csv",))
    assert _get(wanted, tmp_path, http) == ("table.csv",)

    with pytest.raises(InputRejected, match=r"data\.sums_lack.*gone\.zip"):
        _get(replace(wanted, only=("gone.zip",)), tmp_path, http)


def _zip(name: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, "inside")
    return stream.getvalue()


def _tar(name: str, kind: bytes = tarfile.REGTYPE) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "/etc/passwd"
        member.size = 6 if kind == tarfile.REGTYPE else 0
        archive.addfile(member, io.BytesIO(b"inside"))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("packed", "found"),
    [
        (("a.zip", _zip("set/x.txt")), "set/x.txt"),
        (("a.tar.gz", _tar("set/x.txt")), "set/x.txt"),
        (("x.txt.gz", gzip.compress(b"inside")), "x.txt"),
    ],
)
def test_archives_are_unpacked_once(
    server: Files, http: httpx.Client, tmp_path: Path, packed: tuple[str, bytes], found: str
) -> None:
    name, body = packed
    server.content[name] = body
    file = RemoteFile(name, server.url + name, _sum(body), unpack=True, into="in")
    download = Download(server.url, files=(file,))

    _get(download, tmp_path, http)

    inside = tmp_path / "in" / found
    assert inside.read_bytes() == b"inside"
    inside.write_bytes(b"changed since")
    assert _get(download, tmp_path, http) == ()
    assert inside.read_bytes() == b"changed since"


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("a.zip", _zip("../outside.txt")),
        ("a.tar.gz", _tar("../outside.txt")),
        ("a.tar.gz", _tar("link", tarfile.SYMTYPE)),
        ("a.zip", b"no archive"),
        ("a.tar.gz", b"no archive"),
        ("a.gz", b"no archive"),
        ("a.gz", gzip.compress(b"inside")[:-9]),
        ("a.7z", b"another kind"),
    ],
)
def test_archives_that_are_damaged_or_lead_outside_are_refused(
    server: Files, http: httpx.Client, tmp_path: Path, name: str, body: bytes
) -> None:
    server.content[name] = body
    file = RemoteFile(name, server.url + name, unpack=True)

    with pytest.raises(InputRejected):
        _get(Download(server.url, files=(file,)), tmp_path / "set", http)

    assert not (tmp_path / "outside.txt").exists()


def _wire(monkeypatch: pytest.MonkeyPatch, server: Files) -> None:
    """The command takes its address from the card; here a card of this server."""

    def found(name: str) -> Card:
        return replace(card(name), download=_listed(server))

    monkeypatch.setattr(cli, "card_of", found)


def test_the_command_asks_before_it_fetches(
    server: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _wire(monkeypatch, server)
    runner = CliRunner()

    declined = runner.invoke(cli.data, ["fetch", "ludb", "--to", str(tmp_path)], input="n\n")

    assert declined.exit_code == cli.EXIT_INCOMPLETE
    assert "ODC-By 1.0" in declined.output
    assert "45.0 MB" in declined.output
    assert list(tmp_path.iterdir()) == []

    accepted = runner.invoke(cli.data, ["fetch", "ludb", "--to", str(tmp_path)], input="y\n")
    assert accepted.exit_code == 0
    assert (tmp_path / "table.csv").read_bytes() == TABLE


def test_the_command_does_not_ask_when_told_yes(
    server: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _wire(monkeypatch, server)

    done = CliRunner().invoke(cli.data, ["fetch", "ludb", "--to", str(tmp_path), "--yes"])

    assert done.exit_code == 0
    assert "2 files downloaded" in done.output

"""``qiangji triage``: files and folders in, one JSON object a line out."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, TextIO

import typer

from qiangji_app.bootstrap import catalogue
from qiangji_app.command_texts import both
from qiangji_app.domain.case import Finding
from qiangji_app.services.doubt import doubt_of
from qiangji_app.services.triage import (
    Outcome,
    assess,
    failed_outcome,
    refused_outcome,
    urgency_level,
)
from qiangji_datasets.errors import InputRejected, QiangjiError
from qiangji_datasets.labels import labels
from qiangji_datasets.messages import Catalogue, Language
from qiangji_datasets.records import CELL_PIXEL_UM, Modality, Sex
from qiangji_inference.reading import Reading, ReadingStatus

#: Exit codes of the command.
ALL_READ: Final = 0
SOME_FAILED: Final = 1
SOME_REFUSED: Final = 3
#: Nothing could be said about the recording, because the disk did not give it.
_NOT_ON_DISK: Final = frozenset({"file.not_found"})

Json = dict[str, Any]  # Any: JSON


def triage(
    paths: Annotated[list[Path], typer.Argument(help=both("triage_paths"))],
    *,
    modality: Annotated[str, typer.Option(help=both("triage_modality"))] = "",
    age: Annotated[float | None, typer.Option(help=both("triage_age"))] = None,
    sex: Annotated[str, typer.Option(help="M | F")] = "",
    pixel_um: Annotated[
        float | None,
        typer.Option(
            min=CELL_PIXEL_UM[0],
            max=CELL_PIXEL_UM[1],
            help=both("triage_pixel_um"),
        ),
    ] = None,
    no_gate: Annotated[bool, typer.Option("--no-gate", help=both("triage_no_gate"))] = False,
    jsonl: Annotated[Path | None, typer.Option(help=both("triage_jsonl"))] = None,
    lang: Annotated[str, typer.Option(envvar="QIANGJI_LANG", help="zh | en")] = "zh",
) -> None:
    """Read films and ECGs as the server would and print what the AI sees; triage, not diagnosis."""
    if modality and modality not in set(Modality):
        raise typer.BadParameter(" | ".join(Modality), param_hint="--modality")
    if sex and sex not in set(Sex):
        raise typer.BadParameter("M | F", param_hint="--sex")
    if lang not in set(Language):
        raise typer.BadParameter("zh | en", param_hint="--lang")
    stated = {"modality": modality, "age_years": age, "sex": sex, "pixel_um": pixel_um}
    desk = _Desk(stated, gate=not no_gate, language=Language(lang))
    with _output(jsonl) as out:
        worst = _run(desk, paths, out)
    raise typer.Exit(worst)


def _run(desk: _Desk, paths: list[Path], out: TextIO) -> int:
    from rich.console import Console
    from rich.progress import track

    files = sorted(_files(paths))
    exit_code = ALL_READ
    console = Console(stderr=True)
    for path in track(files, "triage", console=console, disable=not console.is_terminal):
        row = desk.read(path)
        out.write(json.dumps(row, ensure_ascii=False) + "\n")
        out.flush()
        if row["status"] == "failed":
            exit_code = SOME_FAILED
        elif row["status"] == "refused" and exit_code == ALL_READ:
            exit_code = SOME_REFUSED
    return exit_code


class _Desk:
    """Reads one file after another in supervised workers, with every bundle loaded once."""

    def __init__(self, stated: Json, *, gate: bool, language: Language) -> None:
        from qiangji_app.reader import LocalReader
        from qiangji_datasets.formats.pool import ReaderPool
        from qiangji_inference.engine import Engine

        self._engine = Engine()
        self._reader = LocalReader(
            ReaderPool(workers=1, memory_mb=1024, timeout_s=30.0), self._engine
        )
        self._stated = stated
        self._gate = gate
        self._language = language
        self._catalogue: Catalogue = catalogue()

    def read(self, path: Path) -> Json:
        """The line of one file."""
        begun = time.perf_counter()
        try:
            record = self._reader.decode(path, stated=self._stated)
        except QiangjiError as error:
            is_refused = isinstance(error, InputRejected) and error.code not in _NOT_ON_DISK
            outcome = refused_outcome(error) if is_refused else failed_outcome(None, error.code)
            return self._line(path, outcome, None, begun)
        decoded_ms = (time.perf_counter() - begun) * 1e3
        reading = self._engine.read(
            record,
            gate=self._gate,
            age_years=self._stated["age_years"],
            sex=Sex(self._stated["sex"]) if self._stated["sex"] else None,
        )
        line = self._line(path, assess(record, reading), reading, begun)
        line["ms"]["read"] = round(decoded_ms, 1)
        return line

    def _line(self, path: Path, outcome: Outcome, reading: Reading | None, begun: float) -> Json:
        status, reason = self._status(outcome, reading)
        reading_json = outcome.reading
        bundles: list[Json] = list(reading_json.get("bundles", []))  # type: ignore[call-overload]  # JSON list
        # What a model finds unfamiliar says nothing about the quality of the file.
        doubts = frozenset[str]() if reading is None else {item.code for item in reading.cautions}
        notices = _rows(reading_json.get("quality"))
        return {
            "source": str(path),
            "status": status,
            "reason": reason,
            "modality": outcome.modality or None,
            "quality": [self._notice(row) for row in notices if row["code"] not in doubts],
            "cautions": [self._notice(row) for row in notices if row["code"] in doubts],
            "findings": [self._finding(item, reading_json) for item in outcome.findings],
            "declined": [self._notice(row) for row in _rows(reading_json.get("declined"))],
            "measurements": reading_json.get("measurements", {}),
            "contradictions": [
                self._notice(row) for row in _rows(reading_json.get("contradictions"))
            ],
            "urgency": {
                "level": urgency_level(outcome).name.lower(),
                "reasons": [self._reason(row) for row in _rows(reading_json.get("reasons"))],
            },
            "bundle": _bundle(bundles[0]) if bundles else None,
            "bundles": [_bundle(row) | {"novelty": row["novelty"]} for row in bundles],
            "ms": dict(outcome.ms) | {"total": round((time.perf_counter() - begun) * 1e3, 1)},
        }

    def _status(self, outcome: Outcome, reading: Reading | None) -> tuple[str, Json | None]:
        """Read when a reader and, if asked, the gate let it pass; a failing model is a failure.

        Without the gate a file that no bundle is meant for was still read.
        """
        refusal = outcome.facts.get("refusal")
        if isinstance(refusal, dict):
            return "refused", self._notice(refusal)
        if reading is None:
            return "failed", self._notice(_rows(outcome.reading.get("declined"))[0])
        if reading.status is ReadingStatus.FAILED:
            return "failed", self._first(reading)
        if self._gate and reading.status is not ReadingStatus.DONE:
            return "refused", self._first(reading)
        return "read", None

    def _first(self, reading: Reading) -> Json | None:
        ordered = sorted(reading.reasons, key=lambda notice: notice.severity != "refuse")
        if not ordered:
            return None
        first = ordered[0]
        return self._notice({"code": first.code, "params": first.params})

    def _notice(self, row: Json) -> Json:
        code, params = str(row["code"]), dict(row.get("params", {}))
        return {
            "code": code,
            **({"severity": row["severity"]} if "severity" in row else {}),
            **({"bundle": row["bundle"]} if row.get("bundle") else {}),
            "message": self._catalogue.text(code, self._language, **params),
            "advice": self._catalogue.advice(code, self._language, **params),
        }

    def _reason(self, row: Json) -> Json:
        params = dict(row["params"])
        if "label" in params:
            found = labels()[str(params["label"])]
            params["label"] = found.zh if self._language is Language.ZH else found.en
        text = self._catalogue.text(str(row["code"]), self._language, **params)
        return {"code": row["code"], "source": row["source"], "message": text}

    def _finding(self, item: Finding, reading: Json) -> Json:
        doubt = doubt_of(reading, item.bundle_name, item.label)
        return {
            "label": item.label,
            "code": {"system": item.code_system, "code": item.code} if item.code else None,
            "probability": item.probability,
            "flag": item.flag,
            "operating_point": item.operating_point,
            "bundle": item.bundle_name,
            "suppressed_by": item.suppressed_by or None,
            **doubt,
            "note": self._catalogue.text("ai.uncertain", self._language)
            if doubt["is_uncertain"]
            else None,
        }


def _bundle(row: Json) -> Json:
    return {key: row[key] for key in ("name", "version", "sha256")}


def _rows(value: object) -> list[Json]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _files(paths: list[Path]) -> Iterator[Path]:
    """Every file, folders walked; a WFDB header stands for its signal files."""
    for path in paths:
        if path.is_dir():
            yield from (
                item
                for item in path.rglob("*")
                if item.is_file() and not item.name.startswith(".") and not _has_header(item)
            )
        else:
            yield path


def _has_header(path: Path) -> bool:
    return path.suffix != ".hea" and path.with_suffix(".hea").exists()


@contextmanager
def _output(path: Path | None) -> Iterator[TextIO]:
    """Standard output, or a file that is closed at the end."""
    if path is None:
        yield sys.stdout
        return
    with path.open("w", encoding="utf-8") as file:
        yield file

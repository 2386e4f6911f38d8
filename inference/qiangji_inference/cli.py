"""Commands ``qiangji bundle`` and ``qiangji evaluate``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Annotated, Final

import typer

from qiangji_datasets.errors import InputRejected, NotFound, QiangjiError, UserError
from qiangji_datasets.labels import label
from qiangji_datasets.messages import Catalogue, Language
from qiangji_inference.evaluate import Evaluation, Rules, TargetResult, evaluate_bundle
from qiangji_inference.labelled import Columns, LabelledSet, Target, Where, read_labelled
from qiangji_inference.metrics import Estimate
from qiangji_inference.predict import GoldenResult
from qiangji_inference.predict import verify as verify_golden
from qiangji_models.bundle import METADATA, Bundle, load_bundle, shipped_bundles

#: Exit codes: the user can put it right; the installation is at fault.
EXIT_USER: Final = 2
EXIT_FAULT: Final = 1
_TABLE_WIDTH: Final = 150
_PACKAGES: Final = ("qiangji_datasets", "qiangji_models", "qiangji_inference")


@cache
def _catalogue() -> Catalogue:
    return Catalogue.of(*_PACKAGES)


def _language() -> Language:
    wanted = os.environ.get("QIANGJI_LANG", "").lower()
    return Language.EN if wanted.startswith("en") else Language.ZH


def _text(key: str, **params: object) -> str:
    return _catalogue().text(key, _language(), **params)


bundle = typer.Typer(help=_text("cli.bundle"), no_args_is_help=True)


@bundle.command("list", help=_text("cli.bundle_list"))
def list_bundles() -> None:
    """Print every shipped bundle with its labels; a damaged one with its reason."""
    has_failed = False
    with _edge():
        for name, folder in _wanted(None).items():
            try:
                _print_bundle(load_bundle(folder))
            except QiangjiError as error:
                typer.echo(f"{name}  ✗ {_message(error)}")
                has_failed = True
    if has_failed:
        raise typer.Exit(EXIT_FAULT)


@bundle.command("verify", help=_text("cli.bundle_verify"))
def verify(
    name: Annotated[str | None, typer.Argument(help=_text("cli.bundle_name"))] = None,
) -> None:
    """Check hashes and schema, and run the golden cases on this machine."""
    has_failed = False
    with _edge():
        for shown, folder in _wanted(name).items():
            has_failed |= not _verified(shown, folder)
    if has_failed:
        raise typer.Exit(EXIT_FAULT)


def evaluate(
    *,
    bundle_name: Annotated[str, typer.Option("--bundle", help=_text("cli.evaluate_bundle"))],
    labels: Annotated[Path, typer.Option(help=_text("cli.labels"))],
    target: Annotated[list[str], typer.Option(help=_text("cli.target"))],
    file_column: Annotated[str, typer.Option(help=_text("cli.file_column"))] = "",
    file_template: Annotated[str, typer.Option(help=_text("cli.file_template"))] = "",
    where: Annotated[list[str] | None, typer.Option(help=_text("cli.where"))] = None,
    root: Annotated[Path | None, typer.Option(help=_text("cli.root"))] = None,
    age_column: Annotated[str, typer.Option(help=_text("cli.age_column"))] = "",
    sex_column: Annotated[str, typer.Option(help=_text("cli.sex_column"))] = "",
    view_column: Annotated[str, typer.Option(help=_text("cli.view_column"))] = "",
    group_column: Annotated[str, typer.Option(help=_text("cli.group_column"))] = "",
    no_gate: Annotated[bool, typer.Option("--no-gate", help=_text("cli.no_gate"))] = False,
    allow_missing_age: Annotated[
        bool, typer.Option("--allow-missing-age", help=_text("cli.allow_missing_age"))
    ] = False,
    json_path: Annotated[Path | None, typer.Option("--json", help=_text("cli.json"))] = None,
) -> None:
    """Validate a bundle on a labelled folder of one's own, read as in production."""
    with _edge():
        if bool(file_column) == bool(file_template):
            raise InputRejected("evaluate.file_form")
        wanted = LabelledSet(
            table=labels,
            root=root or labels.parent,
            columns=Columns(
                file=file_column,
                template=file_template,
                age=age_column,
                sex=sex_column,
                view=view_column,
                group=group_column,
            ),
            targets=[Target.parse(text) for text in target],
            where=[Where.parse(text) for text in where or ()],
        )
        (folder,) = _wanted(bundle_name).values()
        found = _evaluated(folder, wanted, Rules(not no_gate, not allow_missing_age))
        _print_evaluation(found)
        if json_path is not None:
            content = json.dumps(found.as_json(), ensure_ascii=False, indent=2)
            json_path.write_text(content + "\n", "utf-8")


evaluate.__doc__ = _text("cli.evaluate")  # what --help shows, in the user's language


def _evaluated(folder: Path, wanted: LabelledSet, rules: Rules) -> Evaluation:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    rows = read_labelled(wanted, load_bundle(folder).modality)
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(_text("evaluate.reading"), total=len(rows))
        return evaluate_bundle(folder, rows, rules=rules, on_read=lambda: progress.advance(task))


@contextmanager
def _edge() -> Iterator[None]:
    """Show our errors as a message with its advice, without a traceback."""
    try:
        yield
    except QiangjiError as error:
        typer.echo(_message(error), err=True)
        advice = _catalogue().advice(error.code, _language(), **error.params)
        if advice:
            typer.echo(advice, err=True)
        raise typer.Exit(EXIT_USER if isinstance(error, UserError) else EXIT_FAULT) from error


def _message(error: QiangjiError) -> str:
    return _said(error.code, error.params)


def _said(code: str, params: Mapping[str, object]) -> str:
    return _text(code, **params) if code in _catalogue().entries else code


def _wanted(name: str | None) -> dict[str, Path]:
    """Folders to work on: all shipped ones, one by its name, or one by its path."""
    shipped = shipped_bundles()
    if name is None:
        if not shipped:
            raise NotFound("cli.no_bundles")
        return shipped
    if name in shipped:
        return {name: shipped[name]}
    if (Path(name) / METADATA).is_file():
        return {Path(name).resolve().name: Path(name)}
    raise NotFound("cli.bundle_unknown", name=name, known=", ".join(shipped) or "-")


def _print_bundle(found: Bundle) -> None:
    low, high = found.age_range_years
    typer.echo(
        f"{found.name}  {found.version}  {found.modality.value}  sha256 {found.sha256[:16]}…  "
        + _text("cli.ages", low=low, high=high)
    )
    for label_id in found.labels:
        known = label(label_id)
        points = found.points[label_id]
        typer.echo(
            f"  {label_id:<20} {known.zh if _language() is Language.ZH else known.en}  "
            f"≥{points.sensitive.threshold:.3f} / ≥{points.specific.threshold:.3f}"
        )


def _verified(name: str, folder: Path) -> bool:
    try:
        results = verify_golden(load_bundle(folder))
    except QiangjiError as error:
        typer.echo(f"✗ {name}  {_message(error)}")
        return False
    for result in results:
        typer.echo(_golden_line(name, result))
    return all(result.is_passed for result in results)


def _golden_line(name: str, result: GoldenResult) -> str:
    return f"{'✓' if result.is_passed else '✗'} {name}  " + _text(
        "cli.golden",
        precision=result.precision.value,
        n=result.cases,
        difference=result.difference,
        tolerance=result.tolerance,
    )


def _print_evaluation(found: Evaluation) -> None:
    from rich.console import Console
    from rich.table import Table

    ref = found.bundle
    typer.echo(f"{ref.name} {ref.version}  sha256 {ref.sha256[:16]}…  n = {found.n}")
    table = Table(box=None, pad_edge=False)
    for key in ("label", "counts", "auc", "spec90", "sensitive", "specific", "ece", "brier"):
        table.add_column(_text(f"evaluate.column_{key}"))
    for name, result in found.targets.items():
        table.add_row(*_cells(name, result))
    # A narrow terminal wraps lines; a narrower table would cut figures off.
    Console(width=max(Console().width, _TABLE_WIDTH)).print(table)
    typer.echo(f"{_text('evaluate.macro')} {_shown(found.macro_auc)}")
    for item in found.skipped:
        reason = _said(item.first.code, item.first.params)
        typer.echo(_text("evaluate.skipped", n=item.n, code=item.first.code, text=reason))


def _cells(name: str, result: TargetResult) -> list[str]:
    return [
        name,
        f"{result.n_pos}/{result.n_neg}",
        _shown(result.auc),
        _shown(result.specificity_at_90_sensitivity),
        *(
            f"{_shown(point.at.sensitivity)}\n{_shown(point.at.specificity)}"
            for point in (result.sensitive, result.specific)
        ),
        "–" if result.ece is None else f"{result.ece:.3f}",
        "–" if result.brier is None else f"{result.brier:.3f}",
    ]


def _shown(estimate: Estimate) -> str:
    if estimate.value is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} ({estimate.low:.3f}–{estimate.high:.3f})"

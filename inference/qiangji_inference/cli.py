"""Commands ``qiangji bundle``, ``qiangji evaluate`` and ``qiangji probe``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qiangji_datasets.errors import QiangjiError
from qiangji_datasets.labels import label
from qiangji_datasets.messages import Language, asked_language
from qiangji_inference.cli_edge import (
    EXIT_FAULT,
    edge,
    message,
    text,
    wanted_bundles,
)
from qiangji_inference.cli_evaluate import evaluate
from qiangji_inference.cli_probe import probe_command as probe
from qiangji_inference.predict import GoldenResult
from qiangji_inference.predict import verify as verify_golden
from qiangji_models.bundle import Bundle, load_bundle

__all__ = ["bundle", "evaluate", "probe"]

bundle = typer.Typer(help=text("cli.bundle"), no_args_is_help=True)


@bundle.command("list", help=text("cli.bundle_list"))
def list_bundles() -> None:
    """Print every shipped bundle with its labels; a damaged one with its reason."""
    has_failed = False
    with edge():
        for name, folder in wanted_bundles(None).items():
            try:
                _print_bundle(load_bundle(folder))
            except QiangjiError as error:
                typer.echo(f"{name}  ✗ {message(error)}")
                has_failed = True
    if has_failed:
        raise typer.Exit(EXIT_FAULT)


@bundle.command("verify", help=text("cli.bundle_verify"))
def verify(
    name: Annotated[str | None, typer.Argument(help=text("cli.bundle_name"))] = None,
) -> None:
    """Check hashes and schema, and run the golden cases on this machine."""
    has_failed = False
    with edge():
        for shown, folder in wanted_bundles(name).items():
            has_failed |= not _verified(shown, folder)
    if has_failed:
        raise typer.Exit(EXIT_FAULT)


def _print_bundle(found: Bundle) -> None:
    low, high = found.age_range_years
    typer.echo(
        f"{found.name}  {found.version}  {found.modality.value}  sha256 {found.sha256[:16]}…  "
        + text("cli.ages", low=low, high=high)
    )
    for label_id in found.labels:
        known = label(label_id)
        points = found.points[label_id]
        possible = f"≥{points.sensitive.threshold:.3f}" if points.has_hint else "–"
        typer.echo(
            f"  {label_id:<20} {known.zh if asked_language() is Language.ZH else known.en}  "
            f"{possible} / ≥{points.specific.threshold:.3f}"
        )


def _verified(name: str, folder: Path) -> bool:
    try:
        results = verify_golden(load_bundle(folder))
    except QiangjiError as error:
        typer.echo(f"✗ {name}  {message(error)}")
        return False
    for result in results:
        typer.echo(_golden_line(name, result))
    return all(result.is_passed for result in results)


def _golden_line(name: str, result: GoldenResult) -> str:
    return f"{'✓' if result.is_passed else '✗'} {name}  " + text(
        "cli.golden",
        precision=result.precision.value,
        n=result.cases,
        difference=result.difference,
        tolerance=result.tolerance,
    )

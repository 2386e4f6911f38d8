"""The command ``qiangji evaluate``: which recordings, what to do with them, what to show."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.records import CELL_PIXEL_UM
from qiangji_datasets.splits import held_out
from qiangji_inference.cli_edge import edge, progress, said, shown, text, wanted_bundles
from qiangji_inference.evaluate import Evaluation, Rules, conformal_results, evaluate_bundle
from qiangji_inference.label_results import TargetResult
from qiangji_inference.labelled import Columns, Labelled, LabelledSet, Target, Where, read_labelled
from qiangji_inference.robustness import SAMPLE, robustness
from qiangji_inference.sites import Site, read_sites
from qiangji_models.bundle import load_bundle

_TABLE_WIDTH: Final = 150
_SPLIT_SALT: Final = "conformal calibration"


@dataclass(frozen=True)
class _How:
    """How to read, and what to do beyond: prediction sets, readings of changed recordings.

    ``alpha`` None: no prediction sets. ``changed_sample`` None: nothing is changed.
    """

    rules: Rules
    alpha: float | None
    tables: tuple[str, ...]
    where: tuple[str, ...]
    fraction: float | None
    changed_sample: int | None


# Options of the command, one a type: its signature stays readable.
_BundleName = Annotated[str, typer.Option("--bundle", help=text("cli.evaluate_bundle"))]
_Labels = Annotated[list[str] | None, typer.Option(help=text("cli.labels"))]
_Target = Annotated[list[str] | None, typer.Option(help=text("cli.target"))]
_Sites = Annotated[Path | None, typer.Option(help=text("cli.sites"))]
_FileColumn = Annotated[str, typer.Option(help=text("cli.file_column"))]
_FileTemplate = Annotated[str, typer.Option(help=text("cli.file_template"))]
_Where = Annotated[list[str] | None, typer.Option(help=text("cli.where"))]
_Root = Annotated[Path | None, typer.Option(help=text("cli.root"))]
_AgeColumn = Annotated[str, typer.Option(help=text("cli.age_column"))]
_SexColumn = Annotated[str, typer.Option(help=text("cli.sex_column"))]
_ViewColumn = Annotated[str, typer.Option(help=text("cli.view_column"))]
_GroupColumn = Annotated[
    str, typer.Option("--group-column", "--patient-column", help=text("cli.group_column"))
]
_SiteColumn = Annotated[str, typer.Option(help=text("cli.site_column"))]
_Home = Annotated[list[str] | None, typer.Option(help=text("cli.home"))]
_Group = Annotated[list[str] | None, typer.Option(help=text("cli.group"))]
_PixelUm = Annotated[
    float | None,
    typer.Option(min=CELL_PIXEL_UM[0], max=CELL_PIXEL_UM[1], help=text("cli.pixel_um")),
]
_NoGate = Annotated[bool, typer.Option("--no-gate", help=text("cli.no_gate"))]
_AllowMissingAge = Annotated[
    bool, typer.Option("--allow-missing-age", help=text("cli.allow_missing_age"))
]
_Conformal = Annotated[float | None, typer.Option(help=text("cli.conformal"))]
_CalibrateOn = Annotated[list[str] | None, typer.Option(help=text("cli.calibrate_on"))]
_CalibrateWhere = Annotated[list[str] | None, typer.Option(help=text("cli.calibrate_where"))]
_CalibrateFraction = Annotated[float | None, typer.Option(help=text("cli.calibrate_fraction"))]
_Robust = Annotated[bool, typer.Option("--robustness", help=text("cli.robustness"))]
_RobustSample = Annotated[
    int, typer.Option("--robustness-sample", min=1, help=text("cli.robustness_sample"))
]
_JsonPath = Annotated[Path | None, typer.Option("--json", help=text("cli.json"))]
_HtmlPath = Annotated[Path | None, typer.Option("--html", help=text("cli.html"))]
_NoPictures = Annotated[bool, typer.Option("--no-pictures", help=text("cli.no_pictures"))]


def evaluate(
    *,
    bundle_name: _BundleName,
    labels: _Labels = None,
    target: _Target = None,
    sites: _Sites = None,
    file_column: _FileColumn = "",
    file_template: _FileTemplate = "",
    where: _Where = None,
    root: _Root = None,
    age_column: _AgeColumn = "",
    sex_column: _SexColumn = "",
    view_column: _ViewColumn = "",
    group_column: _GroupColumn = "",
    site_column: _SiteColumn = "",
    home: _Home = None,
    group: _Group = None,
    pixel_um: _PixelUm = None,
    no_gate: _NoGate = False,
    allow_missing_age: _AllowMissingAge = False,
    conformal: _Conformal = None,
    calibrate_on: _CalibrateOn = None,
    calibrate_where: _CalibrateWhere = None,
    calibrate_fraction: _CalibrateFraction = None,
    robust: _Robust = False,
    robust_sample: _RobustSample = SAMPLE,
    json_path: _JsonPath = None,
    html_path: _HtmlPath = None,
    no_pictures: _NoPictures = False,
) -> None:
    """Validate a bundle on a labelled folder of one's own, read as in production."""
    columns = Columns(
        file=file_column,
        template=file_template,
        age=age_column,
        sex=sex_column,
        view=view_column,
        group=group_column,
        site=site_column,
        kept=tuple(group or ()),
    )
    asked = _Asked(columns, tuple(target or ()), tuple(where or ()), root, pixel_um)
    how = _How(
        Rules(not no_gate, not allow_missing_age),
        alpha=conformal,
        tables=tuple(calibrate_on or ()),
        where=tuple(calibrate_where or ()),
        fraction=calibrate_fraction,
        changed_sample=robust_sample if robust else None,
    )
    with edge():
        (folder,) = wanted_bundles(bundle_name).values()
        sets = _sets(asked, tuple(labels or ()), sites)
        found = _found(folder, sets, how, asked, set(home or ()))
        _print_evaluation(found)
        if json_path is not None:
            _write_json(json_path, found)
        if html_path is not None:
            _write_html(html_path, folder, found, how.rules, has_pictures=not no_pictures)


evaluate.__doc__ = text("cli.evaluate")  # what --help shows, in the user's language


@dataclass(frozen=True)
class _Asked:
    """What the options say about every table."""

    columns: Columns
    targets: tuple[str, ...]
    where: tuple[str, ...]
    root: Path | None
    pixel_um: float | None

    def table(self, named: str, where: Sequence[str]) -> LabelledSet:
        """``PATH`` or ``NAME=PATH``."""
        name, equals, rest = named.partition("=")
        is_named = bool(equals) and not Path(named).exists()
        path = Path(rest if is_named else named)
        return LabelledSet(
            table=path,
            root=self.root or path.parent,
            columns=self.columns,
            targets=[Target.parse(item) for item in self.targets],
            where=[Where.parse(item) for item in where],
            site=name if is_named else "",
            pixel_um=self.pixel_um,
        )


def _sets(asked: _Asked, labels: tuple[str, ...], sites: Path | None) -> tuple[Site, ...]:
    if (sites is None) == (not labels):
        raise InputRejected("evaluate.labels_form")
    if sites is not None:
        return read_sites(sites)
    if not asked.targets:
        raise InputRejected("evaluate.no_target")
    if bool(asked.columns.file) == bool(asked.columns.template):
        raise InputRejected("evaluate.file_form")
    return tuple(Site(asked.table(named, asked.where), is_home=False) for named in labels)


def _found(
    folder: Path, sets: Sequence[Site], how: _How, asked: _Asked, home: set[str]
) -> Evaluation:
    """Everything that was asked for, in the order of the progress bars."""
    rows, calibration = _rows(folder, sets, how, asked)
    home_sites = home | {site.name for site in sets if site.is_home}
    found = _evaluated(folder, rows, how.rules, home_sites)
    if how.alpha is not None:
        found = _with_conformal(folder, found, calibration, how.alpha, how.rules)
    if how.changed_sample is not None:
        found = _with_robustness(folder, found, how.changed_sample)
    return found


def _rows(
    folder: Path, sets: Sequence[Site], how: _How, asked: _Asked
) -> tuple[list[Labelled], list[Labelled]]:
    """Rows to test on, and rows to calibrate prediction sets on (empty where none are wanted)."""
    modality = load_bundle(folder).modality
    rows = [row for site in sets for row in read_labelled(site.labelled, modality)]
    if how.alpha is None:
        return rows, []
    is_split = how.fraction is not None
    if is_split == bool(how.tables or how.where):
        raise InputRejected("evaluate.calibration_form")
    if how.fraction is not None:
        if not 0 < how.fraction < 1:
            raise InputRejected("evaluate.fraction_range", fraction=how.fraction)
        owners = np.array([row.patient or str(row.path) for row in rows], np.str_)
        is_held = held_out(owners, fraction=how.fraction, salt=_SPLIT_SALT)
        kept = [row for row, held in zip(rows, is_held, strict=True) if not held]
        return kept, [row for row, held in zip(rows, is_held, strict=True) if held]
    tables = [asked.table(named, how.where) for named in how.tables] or [
        replace(site.labelled, where=[Where.parse(item) for item in how.where]) for site in sets
    ]
    return rows, [row for table in tables for row in read_labelled(table, modality)]


def _evaluated(
    folder: Path, rows: list[Labelled], rules: Rules, home_sites: set[str]
) -> Evaluation:
    with progress("evaluate.reading", len(rows)) as advance:
        return evaluate_bundle(folder, rows, rules=rules, home_sites=home_sites, on_read=advance)


def _with_conformal(
    folder: Path, found: Evaluation, rows: list[Labelled], alpha: float, rules: Rules
) -> Evaluation:
    with progress("evaluate.reading_calibration", len(rows)) as advance:
        sets = conformal_results(
            folder, found.scored, rows, alpha=alpha, rules=rules, on_read=advance
        )
    return replace(found, conformal=sets)


def _with_robustness(folder: Path, found: Evaluation, sample: int) -> Evaluation:
    rows = found.scored.rows
    with progress("evaluate.reading_changed", min(sample, len(rows))) as advance:
        return replace(found, robustness=robustness(folder, rows, sample=sample, on_read=advance))


def _write_json(path: Path, found: Evaluation) -> None:
    content = json.dumps(found.as_json(), ensure_ascii=False, indent=2, allow_nan=False)
    path.write_text(content + "\n", "utf-8")


def _write_html(
    path: Path, folder: Path, found: Evaluation, rules: Rules, *, has_pictures: bool
) -> None:
    from qiangji_inference.gallery import gallery
    from qiangji_inference.report import report_html

    exhibits = gallery(folder, found.scored, rules=rules) if has_pictures else {}
    page = report_html(load_bundle(folder), found, exhibits, made_at=datetime.now(UTC))
    path.write_text(page, "utf-8")


def _print_evaluation(found: Evaluation) -> None:
    from rich.console import Console
    from rich.table import Table

    ref = found.bundle
    typer.echo(f"{ref.name} {ref.version}  sha256 {ref.sha256[:16]}…  n = {found.n}")
    table = Table(box=None, pad_edge=False)
    for key in ("label", "counts", "auc", "ap", "spec90", "sensitive", "specific", "ece", "brier"):
        table.add_column(text(f"evaluate.column_{key}"))
    for name, result in found.targets.items():
        table.add_row(*_cells(name, result))
    # A narrow terminal wraps lines; a narrower table would cut figures off.
    Console(width=max(Console().width, _TABLE_WIDTH)).print(table)
    typer.echo(f"{text('evaluate.macro')} {shown(found.macro_auc)}")
    if any(result.is_too_few for result in found.targets.values()):
        typer.echo(f"{text('evaluate.macro_enough')} {shown(found.macro_auc_enough)}")
        typer.echo(text("evaluate.too_few_note"))
    _print_parts(found)
    for item in found.skipped:
        reason = said(item.first.code, item.first.params)
        typer.echo(text("evaluate.skipped", n=item.n, code=item.first.code, text=reason))


def _print_parts(found: Evaluation) -> None:
    for site in found.sites:
        key = "evaluate.site_home" if site.is_home else "evaluate.site_other"
        typer.echo(text(key, name=site.name, n=site.n, auc=shown(site.macro_auc)))
    for name, item in found.conformal.items():
        goal = 1 - item.rule.alpha
        typer.echo(
            text(
                "evaluate.conformal_line",
                label=name,
                goal=f"{goal:.2f}",
                reached=shown(item.coverage),
                size="–" if item.mean_size is None else f"{item.mean_size:.2f}",
            )
        )
    for change in found.robustness:
        what = text(f"evaluate.change_{change.id}")
        typer.echo(text("evaluate.change_line", what=what, lost=shown(change.lost)))


def _cells(name: str, result: TargetResult) -> list[str]:
    return [
        f"{name} *" if result.is_too_few else name,
        f"{result.n_pos}/{result.n_neg}",
        shown(result.auc),
        shown(result.average_precision),
        shown(result.specificity_at_90_sensitivity),
        *(
            f"{shown(point.at.sensitivity)}\n{shown(point.at.specificity)}"
            for point in (result.sensitive, result.specific)
        ),
        "–" if result.ece is None else f"{result.ece:.3f}",
        "–" if result.brier is None else f"{result.brier:.3f}",
    ]

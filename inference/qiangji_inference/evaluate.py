"""How good a bundle is on a site's own labelled folder, read exactly as in production."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from qiangji_datasets.errors import InputRejected
from qiangji_inference import metrics
from qiangji_inference.conformal import ConformalResult, conformal_result, conformal_rule
from qiangji_inference.label_results import TargetResult, target_result
from qiangji_inference.labelled import Labelled
from qiangji_inference.metrics import Estimate
from qiangji_inference.results import BundleRef
from qiangji_inference.robustness import ChangeResult
from qiangji_inference.scored import AS_IN_USE, Reader, Rules, Scored, Skipped, read_set
from qiangji_inference.subgroups import SubgroupResult, subgroup_results
from qiangji_models.bundle import Bundle, load_bundle

__all__ = ["Evaluation", "Rules", "SiteResult", "conformal_results", "evaluate_bundle"]


@dataclass(frozen=True)
class SiteResult:
    """One site's recordings; ``is_home`` where recordings of that site trained the bundle."""

    name: str
    is_home: bool
    n: int
    targets: Mapping[str, TargetResult]
    macro_auc: Estimate

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "name": self.name,
            "is_home": self.is_home,
            "n": self.n,
            "targets": {name: result.as_dict() for name, result in self.targets.items()},
            "macro_auc": self.macro_auc.as_dict(),
        }


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A bundle on a labelled set; ``n`` recordings were read, the others are in ``skipped``.

    ``macro_auc`` is the mean over all labels, ``macro_auc_enough`` over those with enough cases.
    ``sites`` is empty where no site was named; other sites stand before home ones.
    """

    bundle: BundleRef
    targets: dict[str, TargetResult]
    macro_auc: Estimate
    macro_auc_enough: Estimate
    n: int
    n_patients: int | None
    skipped: tuple[Skipped, ...]
    scored: Scored
    sites: tuple[SiteResult, ...] = ()
    subgroups: Mapping[str, tuple[SubgroupResult, ...]] = field(default_factory=dict)
    conformal: Mapping[str, ConformalResult] = field(default_factory=dict)
    robustness: tuple[ChangeResult, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The form of ``--json``."""
        return {
            "bundle": {
                "name": self.bundle.name,
                "version": self.bundle.version,
                "sha256": self.bundle.sha256,
            },
            "targets": {name: result.as_dict() for name, result in self.targets.items()},
            "macro_auc": self.macro_auc.as_dict(),
            "macro_auc_enough_cases": self.macro_auc_enough.as_dict(),
            "n": self.n,
            "n_patients": self.n_patients,
            "skipped": [{"code": item.first.code, "n": item.n} for item in self.skipped],
            "sites": [site.as_dict() for site in self.sites],
            "subgroups": {
                name: [item.as_dict() for item in items] for name, items in self.subgroups.items()
            },
            "conformal": {name: item.as_dict() for name, item in self.conformal.items()},
            "robustness": [item.as_dict() for item in self.robustness],
        }


def evaluate_bundle(
    folder: Path,
    rows: Sequence[Labelled],
    *,
    rules: Rules = AS_IN_USE,
    home_sites: Collection[str] = (),
    seed: int = 0,
    on_read: Callable[[], None] = lambda: None,
) -> Evaluation:
    """Read every recording and compare with its truth.

    Parameters
    ----------
    folder
        The bundle.
    rows
        Recordings with truth; labels outside the bundle are refused.
    rules
        What may be relaxed against production.
    home_sites
        Sites whose recordings trained the bundle; they stand last.
    seed
        Of the bootstrap.
    on_read
        Called after each recording.

    Raises
    ------
    BundleError
        The bundle does not pass its checks.
    InputRejected
        There is no row, a label is not in the bundle, or not one recording could be read.
    """
    bundle = load_bundle(folder)
    read = read_set(Reader(folder), bundle, rows, rules=rules, on_read=on_read)
    scored = read.scored
    targets = _targets(bundle, scored, seed)
    enough = [name for name, result in targets.items() if not result.is_too_few]
    patients = scored.patients
    return Evaluation(
        bundle=read.reference,
        targets=targets,
        macro_auc=_macro(scored, scored.labels, seed),
        macro_auc_enough=_macro(scored, enough, seed),
        n=len(scored.rows),
        n_patients=None if patients is None else len(set(patients)),
        skipped=read.skipped,
        scored=scored,
        sites=_sites(bundle, scored, home_sites, seed),
        subgroups=subgroup_results(bundle, scored, seed=seed),
    )


def conformal_results(
    folder: Path,
    tested: Scored,
    rows: Sequence[Labelled],
    *,
    alpha: float,
    rules: Rules = AS_IN_USE,
    on_read: Callable[[], None] = lambda: None,
) -> dict[str, ConformalResult]:
    """Calibrate prediction sets on other recordings and count what they cover on the tested ones.

    Parameters
    ----------
    folder
        The bundle.
    tested
        What an evaluation read.
    rows
        Calibration recordings; no patient and no file of them may be among the tested ones.
    alpha
        Allowed share of sets that miss the truth.

    Raises
    ------
    InputRejected
        A patient or file stands on both sides, ``alpha`` is out of range, or nothing was read.
    """
    shared = _owners(rows) & _owners(tested.rows)
    if shared:
        raise InputRejected("evaluate.calibration_overlaps", n=len(shared))
    read = read_set(Reader(folder), load_bundle(folder), rows, rules=rules, on_read=on_read)
    found = {}
    for name in tested.labels:
        if name in read.scored.labels:
            seen, new = read.scored.column(name), tested.column(name)
            rule = conformal_rule(seen.truth, seen.score, alpha)
            found[name] = conformal_result(rule, new.truth, new.score)
    return found


def _owners(rows: Sequence[Labelled]) -> set[str]:
    """What two parts must not share: patients of a site, and files."""
    patients = {f"{row.site} {row.patient}" for row in rows if row.patient}
    return patients | {str(row.path.absolute()) for row in rows}


def _targets(bundle: Bundle, scored: Scored, seed: int) -> dict[str, TargetResult]:
    patients = scored.patients
    return {
        name: target_result(bundle.points[name], scored.column(name), patients, seed)
        for name in scored.labels
    }


def _macro(scored: Scored, names: Sequence[str], seed: int) -> Estimate:
    columns = [scored.labels.index(name) for name in names]
    if not columns:
        return Estimate(None)
    truth, score = scored.truth[:, columns], scored.score[:, columns]
    return metrics.macro_auc_interval(truth, score, groups=scored.patients, seed=seed)


def _sites(
    bundle: Bundle, scored: Scored, home_sites: Collection[str], seed: int
) -> tuple[SiteResult, ...]:
    of_row = np.array([row.site for row in scored.rows])
    found = []
    for name in sorted(set(of_row.tolist()) - {""}, key=lambda site: (site in home_sites, site)):
        part = scored.where(of_row == name)
        targets = _targets(bundle, part, seed)
        macro = _macro(part, part.labels, seed)
        found.append(SiteResult(name, name in home_sites, len(part.rows), targets, macro))
    return tuple(found)

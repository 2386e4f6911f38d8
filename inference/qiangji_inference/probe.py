"""Can a linear model on a bundle's features tell the hospital from normal recordings alone?

A network that carries its hospital's signature may use it in place of disease. An AUC near 0.5
says that a linear model finds none; a high AUC does not prove that the labels rest on it, but
cross-site figures then need a closer look. Choose sites of comparable patients: a difference
in age, sex or view between sites is found as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.records import Notice
from qiangji_inference import metrics
from qiangji_inference.labelled import Labelled
from qiangji_inference.linear import Floats, chosen_strength, fit_logistic, folds_of
from qiangji_inference.metrics import Estimate
from qiangji_inference.predict import Model, open_model, pooled_features
from qiangji_inference.scored import record_of
from qiangji_models.bundle import load_bundle

FOLDS: Final = 5
#: Recordings drawn from each site; more change the AUC by less than its interval.
SAMPLE: Final = 400


@dataclass(frozen=True)
class SiteProbe:
    """How well one site is told from the others: 1.0 always, 0.5 not at all."""

    site: str
    n: int
    auc: Estimate
    fold_aucs: tuple[float | None, ...]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "site": self.site,
            "n": self.n,
            "auc": self.auc.as_dict(),
            "fold_aucs": list(self.fold_aucs),
        }


@dataclass(frozen=True)
class Probe:
    """Result for a bundle; with two sites there is one row, for the first."""

    bundle: str
    version: str
    sha256: str
    features: int
    n: Mapping[str, int]
    sites: tuple[SiteProbe, ...]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "bundle": {"name": self.bundle, "version": self.version, "sha256": self.sha256},
            "features": self.features,
            "folds": FOLDS,
            "n": dict(self.n),
            "sites": [site.as_dict() for site in self.sites],
        }


def probe(
    folder: Path,
    rows: Sequence[Labelled],
    *,
    sample: int = SAMPLE,
    seed: int = 0,
    on_read: Callable[[], None] = lambda: None,
) -> Probe:
    """Fit a linear model for the site on pooled features, out of fold.

    Parameters
    ----------
    folder
        The bundle.
    rows
        Normal recordings, each with its ``site``; at least two sites.
    sample
        At most so many recordings of a site, drawn at random.
    seed
        Of the draw, of the folds and of the bootstrap.

    Raises
    ------
    InputRejected
        Fewer than two sites, a site with too few patients, or a recording the bundle cannot take.
    BundleError
        The bundle does not pass its checks, or is of a version that gives no features.
    """
    model = open_model(load_bundle(folder))
    kept, features = _read(model, _drawn(rows, sample, seed), on_read)
    site_of = np.array([row.site for row in kept])
    owners = [f"{row.site} {row.patient or row.path}" for row in kept]
    n = {site: int((site_of == site).sum()) for site in sorted(set(site_of.tolist()))}
    if len(n) < 2 or min(n.values()) < FOLDS:
        raise InputRejected("probe.too_few", n=len(n), folds=FOLDS)
    asked = list(n)[:1] if len(n) == 2 else list(n)
    found = tuple(
        _told_apart(site, features, (site_of == site).astype(np.float64), owners, seed)
        for site in asked
    )
    ref = model.reference
    return Probe(ref.name, ref.version, ref.sha256, features.shape[1], n, found)


def _drawn(rows: Sequence[Labelled], sample: int, seed: int) -> list[Labelled]:
    rng = np.random.default_rng(seed)
    kept = []
    for site in sorted({row.site for row in rows}):
        of_site = [row for row in rows if row.site == site]
        picks = rng.permutation(len(of_site))[:sample]
        kept += [of_site[int(pick)] for pick in sorted(picks)]
    return kept


def _read(
    model: Model, rows: Sequence[Labelled], on_read: Callable[[], None]
) -> tuple[list[Labelled], Floats]:
    kept, features = [], []
    for row in rows:
        record = record_of(row)
        if not isinstance(record, Notice):
            pooled = pooled_features(model, record)
            kept.append(row)
            features.append(pooled.astype(np.float64))
        on_read()
    if not kept:
        raise InputRejected("probe.nothing_read")
    return kept, np.stack(features)


def _told_apart(
    site: str, features: Floats, truth: Floats, owners: Sequence[str], seed: int
) -> SiteProbe:
    try:
        folds = folds_of(owners, truth, FOLDS, seed)
    except ValueError as error:
        raise InputRejected("probe.too_few", n=len(set(owners)), folds=FOLDS) from error
    scores = np.zeros(len(truth))
    for fold in range(FOLDS):
        # The strength is chosen inside the training folds: the tested fold stays unseen.
        is_out = folds == fold
        inner = folds[~is_out]
        strength = chosen_strength(features[~is_out], truth[~is_out], inner)
        model = fit_logistic(features[~is_out], truth[~is_out], strength)
        scores[is_out] = model.scores(features[is_out])
    return SiteProbe(
        site=site,
        n=int(truth.sum()),
        auc=metrics.auc_interval(truth, scores, groups=list(owners), seed=seed),
        fold_aucs=tuple(
            metrics.auc(truth[folds == fold], scores[folds == fold]) for fold in range(FOLDS)
        ),
    )

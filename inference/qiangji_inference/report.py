"""An evaluation as one self-contained page, Chinese first: no request leaves it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from importlib import resources
from typing import Any, Final

from qiangji_datasets.labels import label
from qiangji_datasets.messages import Catalogue, Language
from qiangji_inference import diagrams
from qiangji_inference.evaluate import Evaluation
from qiangji_inference.gallery import Exhibits
from qiangji_inference.label_results import MIN_CASES, TargetResult
from qiangji_inference.metrics import RESAMPLES
from qiangji_inference.subgroups import AGE, SEX, SITE, VIEW
from qiangji_models.bundle import Bundle

_TEMPLATE: Final = "evaluation.html"
_PACKAGES: Final = ("qiangji_datasets", "qiangji_models", "qiangji_inference")
_WORDED: Final = {SEX: {"M", "F", "O"}}
_DIVISIONS: Final = frozenset({AGE, SEX, SITE, VIEW})


def report_html(
    bundle: Bundle,
    found: Evaluation,
    shown: Mapping[str, Exhibits],
    *,
    made_at: datetime,
) -> str:
    """The page.

    Parameters
    ----------
    bundle
        What was evaluated.
    found
        Its results.
    shown
        By label, the recordings it got most wrong; empty leaves pictures out.
    made_at
        Stands in the page's head.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    words = _Words(Catalogue.of(*_PACKAGES))
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    folder = resources.files("qiangji_inference").joinpath("templates")
    template = environment.from_string(folder.joinpath(_TEMPLATE).read_text("utf-8"))
    return template.render(
        zh=partial(words.one, Language.ZH),
        en=partial(words.one, Language.EN),
        both=words.both,
        said=words.said,
        name=words.label,
        estimate=diagrams.shown,
        svg=Markup,  # our own diagrams; every word in them is escaped
        bundle=bundle,
        found=found,
        labels=[_section(found, name, shown.get(name), words) for name in found.scored.labels],
        changes=_changes(found, words),
        made_at=made_at.strftime("%Y-%m-%d %H:%M %Z"),
        min_cases=MIN_CASES,
        resamples=RESAMPLES,
        has_pictures=bool(shown),
    )


class _Words:
    """Texts of the page in both languages."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def one(self, language: Language, key: str, **params: object) -> str:
        """A text in one language."""
        return self._catalogue.text(key, language, **params)

    def both(self, key: str) -> str:
        """Chinese and English on one line."""
        return f"{self.one(Language.ZH, key)} · {self.one(Language.EN, key)}"

    def said(self, code: str, params: Mapping[str, object]) -> tuple[str, str]:
        """A notice in both languages; its code where it has no text."""
        if code not in self._catalogue.entries:
            return code, code
        return self.one(Language.ZH, code, **params), self.one(Language.EN, code, **params)

    def label(self, label_id: str) -> tuple[str, str]:
        """A label's names."""
        return label(label_id).zh, label(label_id).en

    def subgroup(self, by: str, value: str) -> str:
        """Words of a division (empty value) or of one of its values."""
        if not value:
            return self.both(f"report.by_{by}") if by in _DIVISIONS else by
        if value in _WORDED.get(by, ()):
            return self.both(f"report.sex_{value.lower()}")
        return value


def _section(
    found: Evaluation, name: str, exhibits: Exhibits | None, words: _Words
) -> dict[str, Any]:  # Any: what the template shows of a label
    result, column = found.targets[name], found.scored.column(name)
    parts = found.subgroups.get(name, ())
    return {
        "id": name,
        "result": result,
        "prevalence": _prevalence(result),
        "roc": diagrams.roc(column, result, words.both),
        "pr": diagrams.precision_recall(column, words.both),
        "calibration": diagrams.calibration(result, words.both),
        "decision": diagrams.decision(result, words.both),
        "forest": diagrams.subgroups(parts, result.auc.value, words.both, words.subgroup),
        "subgroups": [(words.subgroup(p.by, ""), words.subgroup(p.by, p.value), p) for p in parts],
        "exhibits": exhibits,
        "conformal": found.conformal.get(name),
        "sites": [(site, site.targets[name]) for site in found.sites],
    }


def _prevalence(result: TargetResult) -> float | None:
    n = result.n_pos + result.n_neg
    return result.n_pos / n if n else None


def _changes(found: Evaluation, words: _Words) -> str:
    if not found.robustness:
        return ""
    rows = [(words.both(f"evaluate.change_{c.id}"), c.lost) for c in found.robustness]
    return diagrams.changes(rows, words.both)

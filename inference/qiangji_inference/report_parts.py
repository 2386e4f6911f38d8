"""What report pages share: their templates, their words, and the section of one label."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

from qiangji_datasets.labels import label
from qiangji_datasets.messages import Catalogue, Language
from qiangji_inference import diagrams
from qiangji_inference.label_results import MIN_CASES, TargetResult
from qiangji_inference.metrics import RESAMPLES
from qiangji_inference.scored import Column
from qiangji_inference.subgroups import AGE, SEX, SITE, VIEW

_PACKAGES: Final = ("qiangji_datasets", "qiangji_models", "qiangji_inference")
_WORDED: Final = {SEX: {"M", "F", "O"}}
_DIVISIONS: Final = frozenset({AGE, SEX, SITE, VIEW})


class Words:
    """Texts of a page in both languages.

    Parameters
    ----------
    further
        Packages with texts besides this one and those below it.
    """

    def __init__(self, *further: str) -> None:
        self._catalogue = Catalogue.of(*_PACKAGES, *further)

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


def render(
    template: str, words: Words, *, made_at: datetime, package: str, **values: object
) -> str:
    """A page from a template of ``package``; it may include those of this package.

    Parameters
    ----------
    values
        What the template shows besides the words and rules that all pages know.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("qiangji_inference")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(
        zh=partial(words.one, Language.ZH),
        en=partial(words.one, Language.EN),
        both=words.both,
        said=words.said,
        name=words.label,
        estimate=diagrams.shown,
        svg=Markup,  # our own diagrams; every word in them is escaped
        made_at=made_at.strftime("%Y-%m-%d %H:%M %Z"),
        min_cases=MIN_CASES,
        resamples=RESAMPLES,
        **values,
    )


def figures(name: str, result: TargetResult, column: Column, words: Words) -> dict[str, Any]:
    """What ``overview.html`` and ``plots.html`` show of a label."""  # Any: as a template takes it
    return {
        "id": name,
        "result": result,
        "prevalence": _prevalence(result),
        "roc": diagrams.roc(column, result, words.both),
        "pr": diagrams.precision_recall(column, words.both),
        "calibration": diagrams.calibration(result, words.both),
        "decision": diagrams.decision(result, words.both),
    }


def _prevalence(result: TargetResult) -> float | None:
    n = result.n_pos + result.n_neg
    return result.n_pos / n if n else None

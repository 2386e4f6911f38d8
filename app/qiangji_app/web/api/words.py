"""Texts a person sees in JSON, in one language: messages, names of labels, notices, instants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from qiangji_datasets.labels import labels
from qiangji_datasets.messages import Catalogue, Language, MissingText

# JSON objects are open by nature; their shape is fixed by the OpenAPI description and tests.
Json = dict[str, Any]


#: Values of messages that are ids of ours: (first part of the key, name) to where their words are.
_NAMED: Final = {
    ("identity", "fields"): "ui.form",
    ("workflow", "state"): "state",
    ("workflow", "modality"): "ui.modality",
    ("referral", "state"): "referral.state",
    ("referral", "field"): "referral.field",
    ("referral", "fields"): "referral.field",
}


@dataclass(frozen=True)
class Words:
    """All texts, and the language of the caller."""

    catalogue: Catalogue
    language: Language

    def text(self, key: str, params: Mapping[str, object] | None = None) -> str:
        """A text; ids of labels, states and form fields among the values become their names."""
        values = {name: self._spoken(key, name, value) for name, value in (params or {}).items()}
        return self.catalogue.text(key, self.language, **values)

    def _spoken(self, key: str, name: str, value: object) -> object:
        """A value in words where it is an id of ours."""
        if name == "label":
            return self.label(str(value))
        if name == "labels":
            return self._joined(self.label(item) for item in str(value).split(",") if item)
        about = _NAMED.get((key.split(".", maxsplit=1)[0], name))
        if about is None:
            return value
        return self._joined(self.known(f"{about}.{item}") for item in str(value).split(","))

    def known(self, key: str) -> str:
        """A text, or the last part of its key where there is none."""
        try:
            return self.catalogue.text(key, self.language)
        except MissingText:
            return key.rsplit(".", 1)[-1]

    def label(self, label_id: str) -> str:
        """Name of a label."""
        found = labels().get(label_id)
        if found is None:
            return label_id
        return found.zh if self.language is Language.ZH else found.en

    def _joined(self, names: Iterable[str]) -> str:
        return ("、" if self.language is Language.ZH else ", ").join(names)

    def notice(self, stored: Mapping[str, Any]) -> Json:
        """A stored notice with text and advice."""
        params = stored.get("params", {})
        code = str(stored["code"])
        return {
            "code": code,
            "severity": stored.get("severity", "warn"),
            "text": self.text(code, params),
            "advice": self.catalogue.advice(code, self.language, **params),
        }


def iso(moment: datetime | None) -> str | None:
    """An instant as it travels; None stays None."""
    return None if moment is None else moment.isoformat()


def rows(value: object) -> list[Json]:
    """The objects of a stored list; empty where there is none."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []

"""Structured report templates, kept as data in ``templates/reports.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any

from qiangji_app.domain.report_words import opposites
from qiangji_datasets.messages import Language


@dataclass(frozen=True)
class TemplateField:
    """One section of a report: its name, the text offered, and phrases to choose from."""

    id: str
    zh: str
    en: str
    default_zh: str
    default_en: str
    phrases_zh: tuple[str, ...]

    def excludes(self) -> dict[str, list[str]]:
        """By phrase, the others of this section that cannot stand beside it."""
        return {
            phrase: [other for other in self.phrases_zh if opposites([phrase, other])]
            for phrase in self.phrases_zh
        }


@dataclass(frozen=True)
class ReportTemplate:
    """A structured report of one modality."""

    id: str
    modality: str
    zh: str
    en: str
    fields: tuple[TemplateField, ...]
    impressions_zh: tuple[str, ...]
    advice_zh: tuple[str, ...]

    def as_json(self, language: Language) -> dict[str, Any]:  # Any: JSON
        """The template for the browser; phrases are Chinese, as reports are."""
        is_zh = language is Language.ZH
        return {
            "id": self.id,
            "modality": self.modality,
            "name": self.zh if is_zh else self.en,
            "fields": [
                {
                    "id": field.id,
                    "name": field.zh if is_zh else field.en,
                    "default": field.default_zh,
                    "phrases": list(field.phrases_zh),
                    "excludes": field.excludes(),
                }
                for field in self.fields
            ],
            "impressions": list(self.impressions_zh),
            "advice": list(self.advice_zh),
        }


def load_templates() -> tuple[ReportTemplate, ...]:
    """All templates, in the order of the file."""
    file = resources.files("qiangji_app").joinpath("templates", "reports.toml")
    rows = tomllib.loads(file.read_text("utf-8"))
    return tuple(_template(key, row) for key, row in rows.items())


def _template(key: str, row: dict[str, Any]) -> ReportTemplate:
    return ReportTemplate(
        id=key,
        modality=row["modality"],
        zh=row["zh"],
        en=row["en"],
        fields=tuple(
            TemplateField(
                id=field["id"],
                zh=field["zh"],
                en=field["en"],
                default_zh=field.get("default_zh", ""),
                default_en=field.get("default_en", ""),
                phrases_zh=tuple(field.get("phrases_zh", ())),
            )
            for field in row["fields"]
        ),
        impressions_zh=tuple(row.get("impressions_zh", ())),
        advice_zh=tuple(row.get("advice_zh", ())),
    )

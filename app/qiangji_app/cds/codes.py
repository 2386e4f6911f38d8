"""Which fact a code of an electronic record states: the catalogue's codes and ``codes.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from qiangji_app.rules.fact_files import fact_catalogue

LOINC: Final = "http://loinc.org"
SNOMED: Final = "http://snomed.info/sct"
UCUM: Final = "http://unitsofmeasure.org"
ATC: Final = "http://www.whocc.no/atc"
#: Systems under which ICD-10 travels; the Chinese modification has no canonical one.
_ICD10: Final = frozenset(
    {
        "http://hl7.org/fhir/sid/icd-10",
        "http://hl7.org/fhir/sid/icd-10-cn",
        "http://hl7.org/fhir/sid/icd-10-cm",
    }
)


@dataclass(frozen=True)
class Meaning:
    """A fact, and the context that the code states."""

    fact: str
    context: Mapping[str, str]


@dataclass(frozen=True)
class CodeMap:
    """Codes of four systems; ICD-10 and ATC by the beginning of the code."""

    loinc: Mapping[str, Meaning]
    snomed: Mapping[str, str]
    icd10: Mapping[str, str]
    atc: Mapping[str, str]

    def condition(self, system: str, code: str) -> str:
        """The state that a diagnosis states; empty when rules know none."""
        if system == SNOMED:
            return self.snomed.get(code, "")
        return _by_beginning(self.icd10, code) if system in _ICD10 else ""

    def medicine(self, system: str, code: str) -> str:
        """The medicine that rules know; empty when they know none."""
        return _by_beginning(self.atc, code) if system == ATC else ""


def _by_beginning(table: Mapping[str, str], code: str) -> str:
    found = [start for start in table if code.upper().startswith(start)]
    return table[max(found, key=len)] if found else ""


@cache
def code_map() -> CodeMap:
    """The shipped map; read once."""
    file = resources.files("qiangji_app.cds").joinpath("codes.toml")
    body = tomllib.loads(file.read_text("utf-8"))
    known = {
        kind.loinc: Meaning(code, {}) for code, kind in fact_catalogue().types.items() if kind.loinc
    }
    stated = {
        code: Meaning(row["fact"], {key: word for key, word in row.items() if key != "fact"})
        for code, row in body["loinc"].items()
    }
    return CodeMap(known | stated, body["snomed"], body["icd10"], body["atc"])

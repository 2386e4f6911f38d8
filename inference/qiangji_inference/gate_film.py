"""May the AI read this film at all: what the file states, then what the picture shows.

A refusal never stops the clinic: the film can still be submitted and read by a person.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from qiangji_datasets.records import Notice, Radiograph, Severity, View
from qiangji_inference.gate_film_picture import PictureCode, judge_picture
from qiangji_inference.results import GateResult


class FilmCode(StrEnum):
    """Message keys of what the file's own statements can be faulted for."""

    MODALITY = "film.wrong_modality"
    BODY_PART = "film.body_part"
    LATERAL_STATED = "film.lateral_stated"
    VIEW_CONTRADICTION = "film.view_contradiction"
    VIEW_OTHER = "film.view_other"
    NEWBORN = "film.newborn"


#: Film, digital and digitised X-ray, secondary captures, and pictures that state nothing; PS3.3
#: C.7.3.1.1.1. In the last kinds the picture alone decides.
_MODALITIES: Final = frozenset({"CR", "DX", "DR", "RG", "OT", "SC", ""})
#: Body parts (PS3.16 annex L, and what devices write) that a chest film may name.
_CHEST_WORDS: Final = ("CHEST", "THORAX", "LUNG", "胸", "肺")
#: Values that name no part; the picture decides.
_NO_PART: Final = frozenset({"", "UNKNOWN", "OTHER", "BODY", "WHOLEBODY", "DEFAULT", "NONE"})
#: Newborn period: the first 28 days of life (WHO), in years.
_NEWBORN_YEARS: Final = 28 / 365.25
#: Probability of a frontal film from which a stated lateral view is called a contradiction.
_SURELY_FRONTAL: Final = 0.9
_VIEW_FAULTS: Final = frozenset({FilmCode.LATERAL_STATED, FilmCode.VIEW_CONTRADICTION})


def check_film(film: Radiograph, *, age_years: float | None = None) -> GateResult:
    """Check one film.

    Parameters
    ----------
    film
        The film as read; refusing notices of the reader (an animal) are carried over.
    age_years
        Age stated at the desk; None takes the file's.

    Returns
    -------
        Notices, those of the file's statements first; empty when there is nothing to say.
    """
    age = film.person.age_years if age_years is None else age_years
    notices = [notice for notice in film.notices if notice.severity is Severity.REFUSE]
    notices += _stated_notices(film, age)
    picture = judge_picture(film)
    view = _view_notice(film.view, picture.frontal)
    if view is not None:
        notices.append(view)
    is_named = view is not None and view.code in _VIEW_FAULTS
    notices += [
        notice
        for notice in picture.notices
        if not (is_named and notice.code == PictureCode.LATERAL)
    ]
    return GateResult(tuple(notices))


def _stated_notices(film: Radiograph, age_years: float | None) -> list[Notice]:
    found = []
    modality = film.modality_code.strip().upper()
    if modality not in _MODALITIES:
        params: dict[str, str | int | float] = {"modality": modality[:16]}
        found.append(Notice(FilmCode.MODALITY.value, Severity.REFUSE, params))
    part = film.body_part.strip().upper()
    if part not in _NO_PART and not any(word in part for word in _CHEST_WORDS):
        found.append(Notice(FilmCode.BODY_PART.value, Severity.REFUSE, {"part": part[:32]}))
    if age_years is not None and age_years < _NEWBORN_YEARS:
        found.append(Notice(FilmCode.NEWBORN.value, Severity.REFUSE))
    return found


def _view_notice(view: View, frontal: float | None) -> Notice | None:
    """What the stated view says, held against the picture; a contradiction refuses too."""
    if view is View.OTHER:
        return Notice(FilmCode.VIEW_OTHER.value, Severity.REFUSE)
    if view is not View.LATERAL:
        return None
    is_contradicted = frontal is not None and frontal >= _SURELY_FRONTAL
    code = FilmCode.VIEW_CONTRADICTION if is_contradicted else FilmCode.LATERAL_STATED
    return Notice(code.value, Severity.REFUSE)

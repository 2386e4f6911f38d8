"""Patient and study facts of a DICOM file, with a notice for everything doubtful."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime
from typing import Final

from qiangji_datasets.formats.charset import Decoded
from qiangji_datasets.formats.dicom_tags import Tag
from qiangji_datasets.formats.dicom_values import DataSet, moment
from qiangji_datasets.records import NameStatus, Notice, PersonIdentity, Severity, Sex, StudyIds

_AGE: Final = re.compile(r"(\d{1,3})\s*([DWMY])")
#: Years in one unit of Patient's Age; mean Gregorian year of 365.2425 days.
_YEARS: Final = {"D": 1 / 365.2425, "W": 7 / 365.2425, "M": 1 / 12, "Y": 1.0}
_DAYS_A_YEAR: Final = 365.2425
#: Age and birth date may differ by rounding and by an age taken at registration.
_AGE_TOLERANCE_YEARS: Final = 2.0
_OLDEST_YEARS: Final = 130
_MARKUP: Final = re.compile(r"<\s*[/!a-z]|javascript:|\bon\w+\s*=", re.IGNORECASE)
_SQL: Final = re.compile(
    r"('|;|--).*\b(drop|select|insert|delete|update|union|alter|exec)\b|;\s*--|'\s*or\s*'",
    re.IGNORECASE,
)
_FORMULA: Final = re.compile(r"^[=+\-@]\s*[A-Za-z_.]+\s*\(|^[=+\-@].*[|!]\w")
_PATH: Final = re.compile(r"\.\.[/\\]")
_HAN: Final = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
_WATCHED: Final = (
    Tag.PatientName, Tag.PatientID, Tag.AccessionNumber, Tag.StudyDescription,
    Tag.SeriesDescription, Tag.InstitutionName, Tag.Manufacturer, Tag.ManufacturerModelName,
    Tag.BodyPartExamined,
)  # fmt: skip
#: SNOMED CT 337915000 and SRT L-85B00 "homo sapiens" (PS3.16 CID 7454 lists the species).
_HUMAN_CODES: Final = ("337915000", "L-85B00")
_HUMAN_WORDS: Final = ("", "HUMAN", "HOMO SAPIENS", "人")


def read_person(data_set: DataSet) -> PersonIdentity:
    """Who the file says the patient is; doubtful parts are reported as notices."""
    alphabetic, ideographic, phonetic, status = _name(data_set)
    shown = ideographic or alphabetic
    _report_name(data_set, status, alphabetic + ideographic)
    _report_suspicious_text(data_set)
    return PersonIdentity(
        name=shown,
        name_status=status,
        name_alphabetic=alphabetic,
        name_phonetic=phonetic,
        patient_id=data_set.text(Tag.PatientID),
        issuer=data_set.text(Tag.IssuerOfPatientID),
        birth_date=_birth_date(data_set),
        sex=_sex(data_set),
        age_years=_age(data_set),
    )


def _name(data_set: DataSet) -> tuple[str, str, str, NameStatus]:
    """Alphabetic, ideographic and phonetic group, formatted, and the trust in what is shown."""
    whole = data_set.decoded(Tag.PatientName)
    if whole.status is not NameStatus.UNRECOGNISED:
        groups = [Decoded(part, whole.status) for part in whole.text.split("=", 2)]
    else:
        raw = data_set.raw(Tag.PatientName).split(b"=", 2)
        groups = [data_set.charset.decode(part) for part in raw]
    groups += [Decoded("", NameStatus.DECODED)] * (3 - len(groups))
    texts = [format_name(group.text) for group in groups]
    shown = groups[1] if texts[1] or groups[1].status is NameStatus.UNRECOGNISED else groups[0]
    status = shown.status
    if status is NameStatus.UNRECOGNISED:
        return "", "", "", status
    if not texts[0] and not texts[1]:
        return "", "", texts[2], NameStatus.ABSENT
    if not data_set.charset.is_standard and not "".join(texts).isascii():
        status = NameStatus.GUESSED
    return texts[0], texts[1], texts[2], status


def format_name(group: str) -> str:
    """One PN group as people write it: 张三 for ``张^三``, ``Zhang San`` for ``Zhang^San``."""
    parts = [part.strip(" \x00") for part in group.split("^")]
    family, given, middle, prefix, suffix = (parts + [""] * 5)[:5]
    if _HAN.search(group):
        return "".join((family, given, middle))
    return " ".join(part for part in (prefix, family, given, middle, suffix) if part)


def _report_name(data_set: DataSet, status: NameStatus, text: str) -> None:
    if status is NameStatus.UNRECOGNISED:
        data_set.notices.warn("dicom.name_unrecognised")
    elif status is NameStatus.GUESSED:
        data_set.notices.warn("dicom.name_guessed")
    if _has_full_width(text):
        data_set.notices.warn("dicom.full_width", element=Tag.PatientName.name)
    if _has_full_width(data_set.decoded(Tag.PatientID).text):
        data_set.notices.warn("dicom.full_width", element=Tag.PatientID.name)


def _has_full_width(text: str) -> bool:
    """True for letters, digits and spaces in their full-width form, easily mistaken in a search."""
    return "\u3000" in text or any(
        unicodedata.east_asian_width(letter) == "F"
        and unicodedata.normalize("NFKC", letter).isalnum()
        for letter in text
    )


def _report_suspicious_text(data_set: DataSet) -> None:
    for tag in _WATCHED:
        raw = data_set.raw(tag)
        if not raw:
            continue
        text = data_set.decoded(tag).text[:4096]
        if any(rule.search(text) for rule in (_MARKUP, _SQL, _FORMULA, _PATH)):
            data_set.notices.warn("dicom.text_suspicious", element=tag.name)


def _sex(data_set: DataSet) -> Sex | None:
    value = data_set.code(Tag.PatientSex)
    if value in ("", "U"):
        return None
    known = {"M": Sex.M, "F": Sex.F, "O": Sex.O, "MALE": Sex.M, "FEMALE": Sex.F}.get(value)
    if known is None:
        chinese = data_set.decoded(Tag.PatientSex).text
        known = {"男": Sex.M, "女": Sex.F}.get(chinese)
    if known is None or len(value) > 1:
        data_set.notices.warn("dicom.value_ignored" if known is None else "dicom.sex_form",
                              element=Tag.PatientSex.name)  # fmt: skip
    return known


def _birth_date(data_set: DataSet) -> date | None:
    return data_set.day(Tag.PatientBirthDate)


def study_day(data_set: DataSet) -> date | None:
    """Day of the examination: Study Date, else acquisition, content or series date."""
    for tag in (Tag.StudyDate, Tag.AcquisitionDate, Tag.ContentDate, Tag.SeriesDate):
        found = data_set.day(tag)
        if found is not None:
            return found
    return None


def _age(data_set: DataSet) -> float | None:
    """Age in years from Patient's Age, else from birth and study date; None when missing."""
    stated = _stated_age(data_set)
    born, examined = data_set.day(Tag.PatientBirthDate), study_day(data_set)
    reckoned = None
    if born is not None and examined is not None:
        reckoned = (examined - born).days / _DAYS_A_YEAR
        if not 0 <= reckoned <= _OLDEST_YEARS:
            data_set.notices.warn("dicom.birth_date_impossible")
            reckoned = None
    if stated is None:
        return reckoned
    if reckoned is not None and abs(stated - reckoned) > _AGE_TOLERANCE_YEARS:
        data_set.notices.warn("dicom.age_differs", stated=round(stated, 1), reckoned=int(reckoned))
    return stated


def _stated_age(data_set: DataSet) -> float | None:
    text = data_set.code(Tag.PatientAge)
    if not text:
        return None
    match = _AGE.fullmatch(text)
    if match is None:
        data_set.notices.warn("dicom.value_ignored", element=Tag.PatientAge.name)
        return None
    if match[2] == "Y" and int(match[1]) == 0:
        return None  # many devices write 000Y where nothing was typed
    return int(match[1]) * _YEARS[match[2]]


def read_ids(data_set: DataSet) -> StudyIds:
    """Identifiers and provenance; UIDs are checked, dates in the future reported.

    Raises
    ------
    InputRejected
        A UID is too long or holds anything but digits and dots.
    """
    return StudyIds(
        study_uid=data_set.uid(Tag.StudyInstanceUID),
        series_uid=data_set.uid(Tag.SeriesInstanceUID),
        instance_uid=data_set.uid(Tag.SOPInstanceUID),
        sop_class_uid=data_set.uid(Tag.SOPClassUID),
        accession_number=data_set.text(Tag.AccessionNumber),
        acquired_at=_acquired_at(data_set),
        study_date=data_set.day(Tag.StudyDate),
        institution=data_set.text(Tag.InstitutionName),
        manufacturer=data_set.text(Tag.Manufacturer),
        device_model=data_set.text(Tag.ManufacturerModelName),
    )


def _acquired_at(data_set: DataSet) -> datetime | None:
    zone = data_set.code(Tag.TimezoneOffsetFromUTC)
    stamp = data_set.code(Tag.AcquisitionDateTime)
    found: datetime | None = None
    if len(stamp) >= 8 and stamp[:8].isdigit():
        try:
            day = date(int(stamp[:4]), int(stamp[4:6]), int(stamp[6:8]))
        except ValueError:
            data_set.notices.warn("dicom.value_ignored", element=Tag.AcquisitionDateTime.name)
        else:
            offset = re.search(r"[+-]\d{4}$", stamp)
            found = moment(day, stamp[8:], offset[0] if offset else zone)
    for day_tag, time_tag in (
        (Tag.AcquisitionDate, Tag.AcquisitionTime),
        (Tag.ContentDate, Tag.ContentTime),
        (Tag.StudyDate, Tag.StudyTime),
    ):
        if found is None:
            found = moment(data_set.day(day_tag), data_set.code(time_tag), zone)
    return found


def report_species(data_set: DataSet) -> None:
    """Attach a refusing notice where the file says that the patient is an animal."""
    words = data_set.decoded(Tag.PatientSpeciesDescription).text.upper()
    codes = [item.code(Tag.CodeValue) for item in data_set.items(Tag.PatientSpeciesCodeSequence)]
    is_other = any(code and code not in _HUMAN_CODES for code in codes)
    if words not in _HUMAN_WORDS or is_other:
        data_set.notices.add(Notice("dicom.animal", Severity.REFUSE))

"""Facts: units per analyte, limits, contexts and origins; what cannot be is refused, with words."""

from __future__ import annotations

import math
from datetime import datetime

import pytest
from support.rules import NOW, fact

from qiangji_app.bootstrap import catalogue
from qiangji_app.rules.fact_files import fact_catalogue, hours, read_catalogue
from qiangji_app.rules.facts import Fact, FactKind, Origin, accept
from qiangji_datasets.errors import InputRejected
from qiangji_datasets.messages import Language


@pytest.mark.parametrize(
    ("code", "value", "unit", "canonical"),
    [
        ("glucose", 126, "mg/dL", 7.0),
        ("total_cholesterol", 193.35, "mg/dL", 5.0),
        ("ldl_c", 100, "mg/dL", 100 / 38.67),
        ("triglycerides", 177.2, "mg/dL", 2.0),
        ("creatinine", 1.0, "mg/dL", 88.4),
        ("creatinine", 88.4, "umol/L", 88.4),
        ("hba1c", 48, "mmol/mol", 0.09148 * 48 + 2.152),
        ("hba1c", 6.5, "%", 6.5),
        ("temperature", 98.6, "[degF]", 37.0),
        ("fev1_fvc", 69, "%", 0.69),
        ("systolic_bp", 24, "kPa", 180.01488),
    ],
)
def test_a_value_is_converted_by_its_own_analyte(
    code: str, value: float, unit: str, canonical: float
) -> None:
    assert fact(code, value, unit=unit).value == pytest.approx(canonical)


def test_hba1c_of_48_mmol_per_mol_is_6_5_percent() -> None:
    assert round(float(fact("hba1c", 48, unit="mmol/mol").value), 1) == 6.5


@pytest.mark.parametrize("entry", fact_catalogue().types.values(), ids=lambda item: item.code)
def test_every_unit_goes_to_the_canonical_one_and_back(entry) -> None:
    for unit in entry.units:
        assert unit.from_canonical(unit.to_canonical(3.0)) == pytest.approx(3.0)
    assert (entry.kind is FactKind.NUMBER) == bool(entry.units) == bool(entry.bands)


@pytest.mark.parametrize(
    ("code", "value", "unit", "reason"),
    [
        ("glucose", 7.0, "g/L", "fact.unit"),
        ("creatinine", 7.0, "mmol/L", "fact.unit"),
        ("ldl_c", 7.0, "mmol/mol", "fact.unit"),
        ("systolic_bp", 1860, "mm[Hg]", "fact.implausible"),
        ("glucose", 126, "mmol/L", "fact.implausible"),
        ("temperature", 98.6, "Cel", "fact.implausible"),
        ("spo2", 101, "%", "fact.implausible"),
        ("systolic_bp", math.nan, "mm[Hg]", "fact.kind"),
        ("systolic_bp", True, "mm[Hg]", "fact.kind"),
        ("systolic_bp", "high", "mm[Hg]", "fact.kind"),
        ("cough", 1.0, "", "fact.kind"),
        ("ecg_rules_level", "red", "", "fact.kind"),
        ("no_such_fact", True, "", "fact.unknown"),
    ],
)
def test_what_cannot_be_is_refused(
    code: str, value: float | bool | str, unit: str, reason: str
) -> None:
    origin = Origin.MEASURED if code.startswith("ecg") else Origin.TYPED

    with pytest.raises(InputRejected) as refused:
        fact(code, value, unit=unit, origin=origin)

    assert refused.value.code == reason


def test_a_refusal_names_fact_value_and_limits_in_both_languages() -> None:
    with pytest.raises(InputRejected) as refused:
        fact("systolic_bp", 1860, unit="mm[Hg]")

    error = refused.value
    told = [catalogue().text(error.code, language, **error.params) for language in Language]
    assert "收缩压 1860 mm[Hg]" in told[0]
    assert "Systolic blood pressure of 1860 mm[Hg]" in told[1]
    assert all("300" in text for text in told)


def test_limits_depend_on_age() -> None:
    weight = Fact(code="weight", value=4.0, unit="kg", at=NOW)

    assert accept(weight, fact_catalogue(), 0.1).value == 4.0
    assert accept(weight, fact_catalogue(), None).value == 4.0
    with pytest.raises(InputRejected):
        accept(weight, fact_catalogue(), 40.0)


@pytest.mark.parametrize("low_side", [True, False])
def test_the_limit_itself_is_accepted_and_beyond_it_is_not(low_side: bool) -> None:
    low, high = fact_catalogue()["systolic_bp"].limits(50.0)
    limit, beyond = (low, low - 1) if low_side else (high, high + 1)

    assert fact("systolic_bp", limit).value == limit
    with pytest.raises(InputRejected):
        fact("systolic_bp", beyond)


def test_a_signed_finding_comes_from_a_signature_only() -> None:
    for origin in set(Origin) - {Origin.SIGNED}:
        with pytest.raises(InputRejected) as refused:
            fact("signed_tb_suspected", True, origin=origin)
        assert refused.value.code == "fact.origin"


def test_a_model_states_hints_and_nothing_else() -> None:
    by_model = {
        code for code, kind in fact_catalogue().types.items() if Origin.MODEL in kind.origins
    }

    assert by_model
    assert all(code.startswith("hint_") for code in by_model)


def test_an_unknown_condition_of_measurement_is_refused() -> None:
    with pytest.raises(InputRejected) as refused:
        fact("glucose", 5.0, specimen="serum")
    assert refused.value.code == "fact.context"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(InputRejected):
        Fact(code="cough", value=True, at=datetime(2026, 3, 2))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("text", "expected"), [("30min", 0.5), ("2h", 2), ("28d", 672), ("always", math.inf)]
)
def test_durations_are_read(text: str, expected: float) -> None:
    assert hours(text) == expected


@pytest.mark.parametrize("text", ["", "3", "3 d", "3w", "-3d"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(InputRejected):
        hours(text)


@pytest.mark.parametrize(
    "row",
    [
        "{group: vital, zh: 甲}",
        "{group: vital, zh: 甲, en: A, colour: red}",
        "{group: vital, zh: 甲, en: A, kind: thing}",
    ],
)
def test_a_wrong_entry_of_the_catalogue_is_refused_by_name(tmp_path, row: str) -> None:
    path = tmp_path / "catalogue.yaml"
    path.write_text(f"facts:\n  fact_a: {row}\n", "utf-8")

    with pytest.raises(InputRejected) as refused:
        read_catalogue(path)

    assert refused.value.params["fact"] == "fact_a"

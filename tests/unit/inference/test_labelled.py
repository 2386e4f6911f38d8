"""Tables of labels: targets, conditions, paths and what a person wrote in the cells."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.records import Modality, Sex, View
from qiangji_inference.labelled import Columns, LabelledSet, Target, Where, read_labelled


def _table(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    table = folder / "labels.csv"
    table.write_bytes(text.encode(encoding))
    return table


@pytest.mark.parametrize(
    ("cell", "truth"),
    [("1", 1.0), ("1.0", 1.0), ("True", 1.0), ("是", 1.0), ("0", 0.0), (" no ", 0.0)],
)
def test_truth_is_one_or_zero(cell: str, truth: float) -> None:
    assert Target.parse("tb=label").truth({"label": cell}) == truth


@pytest.mark.parametrize("cell", ["", "nan", "-1", "-1.0", " "])
def test_an_empty_or_uncertain_cell_is_not_stated(cell: str) -> None:
    assert math.isnan(Target.parse("tb=label").truth({"label": cell}))


def test_a_cell_that_is_neither_is_refused_by_name() -> None:
    with pytest.raises(InputRejected) as caught:
        Target.parse("tb=label").truth({"label": "maybe"})

    assert caught.value.params == {"column": "label", "value": "maybe"}


@pytest.mark.parametrize(
    ("cell", "truth"), [("HYP|STTC", 1.0), ("STTC", 1.0), ("HYP | STTC", 1.0), ("STTCX", 0.0)]
)
def test_a_code_is_looked_up_in_a_list_of_codes(cell: str, truth: float) -> None:
    assert Target.parse("sttc=super_class~STTC").truth({"super_class": cell}) == truth


def test_one_of_several_codes_is_enough_and_no_codes_is_not_stated() -> None:
    target = Target.parse("af_flutter=codes~AFIB|AFL")

    assert target.truth({"codes": "SR|AFL"}) == 1.0
    assert target.truth({"codes": "SR"}) == 0.0
    assert math.isnan(target.truth({"codes": ""}))


@pytest.mark.parametrize("text", ["tb", "=label", "tb=", "tb=label~", "tb=~x"])
def test_a_target_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(InputRejected, match=r"evaluate\.target_form"):
        Target.parse(text)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("split=test", True),
        ("split=train", False),
        ("split!=train", True),
        ("age>=18", True),
        ("age>18", False),
        ("age<=18", True),
        ("age<18", False),
        ("age=18", True),
        ("age=18.0", False),  # compared as text
        ("empty>=0", False),
        ("empty=", True),
    ],
)
def test_conditions(text: str, holds: bool) -> None:
    assert Where.parse(text).holds({"split": "test", "age": "18", "empty": ""}) is holds


@pytest.mark.parametrize("text", ["", "split", "age>=old", "=5"])
def test_a_condition_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(InputRejected, match=r"evaluate\.where_form"):
        Where.parse(text)


def test_a_row_carries_its_path_truth_patient_and_stated_facts(tmp_path: Path) -> None:
    text = (
        "f,p,a,s,v,tb,split\n"
        "x/1.png,P1,45,男,PA,1,test\n"
        "x/2.png,P2,,F,?,,test\n"
        "y.png,P3,1,F,PA,0,train\n"
    )
    columns = Columns(file="f", age="a", sex="s", view="v", group="p")
    wanted = LabelledSet(
        _table(tmp_path, text),
        tmp_path / "root",
        columns,
        [Target.parse("tb=tb")],
        [Where.parse("split=test")],
    )

    first, second = read_labelled(wanted, Modality.CXR)

    assert first.path == tmp_path / "root" / "x" / "1.png"
    assert (first.patient, first.truth["tb"]) == ("P1", 1.0)
    assert first.stated.modality is Modality.CXR
    assert (first.stated.age_years, first.stated.sex, first.stated.view) == (45, Sex.M, View.PA)
    assert (second.stated.age_years, second.stated.view) == (None, View.UNKNOWN)
    assert math.isnan(second.truth["tb"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_chinese_table_is_read_in_the_encodings_that_are_used(
    tmp_path: Path, encoding: str
) -> None:
    table = _table(tmp_path, "文件,结核\n影像/一.png,1\n", encoding)
    wanted = LabelledSet(table, tmp_path, Columns(file="文件"), [Target.parse("tb=结核")])

    (row,) = read_labelled(wanted, Modality.CXR)

    assert row.path.name == "一.png"


def test_a_path_can_be_built_from_columns(tmp_path: Path) -> None:
    table = _table(tmp_path, "record_id,mi\n17,0\n")
    wanted = LabelledSet(
        table, tmp_path, Columns(template="data/{record_id}"), [Target.parse("mi=mi")]
    )

    assert read_labelled(wanted, Modality.ECG)[0].path == tmp_path / "data" / "17"


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        (Columns(file="path"), r"evaluate\.column_missing"),
        (Columns(file="f", age="age"), r"evaluate\.column_missing"),
        (Columns(template="{nothing}"), r"evaluate\.template_form"),
        (Columns(template="{"), r"evaluate\.template_form"),
    ],
)
def test_a_column_that_the_table_lacks_is_named(
    tmp_path: Path, columns: Columns, code: str
) -> None:
    table = _table(tmp_path, "f,mi\na,0\n")

    with pytest.raises(InputRejected, match=code):
        read_labelled(LabelledSet(table, tmp_path, columns, [Target.parse("mi=mi")]), Modality.ECG)


def test_a_missing_table_is_refused(tmp_path: Path) -> None:
    wanted = LabelledSet(tmp_path / "none.csv", tmp_path, Columns(file="f"), [])

    with pytest.raises(InputRejected, match=r"evaluate\.table_unreadable"):
        read_labelled(wanted, Modality.ECG)

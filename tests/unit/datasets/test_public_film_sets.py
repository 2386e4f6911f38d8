"""Readers of film sets on tiny trees in the publishers' layouts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support import public_trees as trees

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public import (
    chexpert,
    kermany,
    montgomery,
    nih,
    rsna,
    shenzhen,
    tbx11k,
    vindr,
)
from qiangji_datasets.public.chexpert import Meaning, Policy
from qiangji_datasets.records import Sex, View
from qiangji_datasets.splits import check_disjoint

_NIH_HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],\n"
)


def _nih(folder: Path, *, finding: str = "Cardiomegaly|Effusion", test_list: str = "") -> Path:
    rows = [f"00000001_000.png,{finding},0,1,58,M,PA,2682,2749,0.143,0.143,\n"]
    rows += ["00000002_000.png,No Finding,0,2,81,F,AP,2500,2048,0.168,0.168,\n"]
    (folder / "Data_Entry_2017_v2020.csv").write_text(_NIH_HEADER + "".join(rows), "utf-8")
    (folder / "train_val_list.txt").write_text("00000001_000.png\n", "utf-8")
    (folder / "test_list.txt").write_text(test_list or "00000002_000.png\n", "utf-8")
    trees.grey_picture(folder / "images_001/images/00000001_000.png")
    trees.grey_picture(folder / "images_012/images/00000002_000.png")
    return folder


def test_nih_findings_split_and_facts_come_from_the_publishers_tables(tmp_path: Path) -> None:
    found = nih.index(_nih(tmp_path))

    assert [row.present for row in found.rows] == [{"Cardiomegaly", "Effusion"}, {"No Finding"}]
    assert found.fact("split").tolist()[1] == "test"
    assert found.fact("split").tolist()[0] in ("train", "val")
    film = found.record(0)
    assert film.view is View.PA
    assert (film.person.sex, film.person.age_years) == (Sex.M, 58)
    assert film.pixels.shape == (30, 40)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"finding": "Cardiomegly"}, "dataset.label_unknown"),
        ({"test_list": "00000099_000.png"}, "dataset.not_in_split"),
        ({"test_list": "00000001_000.png 00000002_000.png"}, "dataset.not_in_split"),
    ],
)
def test_nih_rows_that_do_not_fit_are_refused_by_name(
    tmp_path: Path, change: dict[str, str], code: str
) -> None:
    with pytest.raises(InputRejected) as refused:
        nih.index(_nih(tmp_path, **change))

    assert refused.value.code == code


@pytest.mark.parametrize("gone", ["test_list.txt", "images_012/images/00000002_000.png"])
def test_a_missing_list_or_image_of_nih_is_named(tmp_path: Path, gone: str) -> None:
    (_nih(tmp_path) / gone).unlink()

    with pytest.raises(InputRejected) as refused:
        nih.index(tmp_path)

    assert refused.value.params["file"] == Path(gone).name


def _chexpert(folder: Path, **cells: str) -> Path:
    def row(person: int, view: str, **labels: str) -> dict[str, str]:
        path = f"CheXpert-v1.0-small/train/patient0000{person}/study1/view1_{view.lower()}.jpg"
        facts = {"Path": path, "Sex": "Female", "Age": "68", "Frontal/Lateral": view}
        facts["AP/PA"] = "AP" if view == "Frontal" else ""
        return {**facts, **dict.fromkeys(chexpert.LABELS, ""), **labels}

    unclear = {"Edema": "-1.0", "Pneumonia": "0.0", "Pleural Effusion": "1.0", **cells}
    trees.table(folder / "train.csv", [row(1, "Frontal", **unclear), row(2, "Lateral")])
    valid = row(3, "Frontal", **dict.fromkeys(chexpert.LABELS, "0.0"))
    trees.table(folder / "valid.csv", [valid])
    trees.grey_picture(folder / "train/patient00001/study1/view1_frontal.jpg")
    return folder


def test_chexpert_keeps_uncertain_and_unmentioned_apart_from_absent(tmp_path: Path) -> None:
    found = chexpert.index(_chexpert(tmp_path))

    first = dict(zip(found.labels, found.targets[0].tolist(), strict=True))
    assert first["Pleural Effusion"] == 1
    assert first["Pneumonia"] == 0
    assert np.isnan([first["Edema"], first["Fracture"]]).all()
    assert found.rows[0].facts["uncertain"] == "Edema"
    assert "Fracture" in found.rows[0].facts["blank"].split("|")
    assert found.fact("split").tolist() == ["train", "train", "val"]
    assert found.fact("view").tolist() == ["AP", "LL", "AP"]
    assert found.record(0).view is View.AP


def test_a_policy_decides_what_unclear_cells_of_chexpert_mean(tmp_path: Path) -> None:
    policy = Policy(uncertain=Meaning.PRESENT, blank=Meaning.ABSENT)

    found = chexpert.index(_chexpert(tmp_path), policy=policy)

    assert found.rows[0].present == {"Edema", "Pleural Effusion"}
    assert not np.isnan(found.targets).any()


def test_a_chexpert_cell_that_is_no_answer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRejected) as refused:
        chexpert.index(_chexpert(tmp_path, Edema="0.5"))

    assert refused.value.params == {"file": "train.csv", "column": "Edema", "value": "0.5"}


def test_a_chexpert_path_that_leaves_the_set_is_refused(tmp_path: Path) -> None:
    table = _chexpert(tmp_path) / "train.csv"
    table.write_text(table.read_text("utf-8").replace("/study1/", "/../"), "utf-8")

    with pytest.raises(InputRejected, match=r"dataset\.name_unknown"):
        chexpert.index(tmp_path)


def _vindr(folder: Path, *, without: str = "", **seen: str) -> Path:
    empty = dict.fromkeys(vindr.LABELS, "0")
    empty.pop(without, None)
    readers = [{"image_id": "a1", "rad_id": f"R{number}", **empty} for number in (1, 2, 3)]
    for reader in readers[:2]:
        reader.update({"Cardiomegaly": "1"} | seen)
    readers[2]["Nodule/Mass"] = "1"
    trees.table(folder / "annotations/image_labels_train.csv", readers)
    consensus = {"image_id": "b1", **empty, "Tuberculosis": "1.0"}
    consensus["Other disease"] = consensus.pop("Other diseases")
    trees.table(folder / "annotations/image_labels_test.csv", [consensus])
    trees.dicom(folder / "train/a1.dicom")
    return folder


def test_vindr_takes_what_most_readers_saw_and_keeps_their_share(tmp_path: Path) -> None:
    found = vindr.index(_vindr(tmp_path))

    assert [row.present for row in found.rows] == [{"Cardiomegaly"}, {"Tuberculosis"}]
    assert found.rows[0].likelihood["Nodule/Mass"] == pytest.approx(100 / 3)
    assert found.fact("split").tolist() == ["train", "test"]
    assert found.record(0).pixels.shape == (64, 48)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Pneumonia": "yes"}, "dataset.cell_invalid"),
        ({"without": "ILD"}, "dataset.column_missing"),
    ],
)
def test_vindr_tables_of_another_form_are_refused(
    tmp_path: Path, change: dict[str, str], code: str
) -> None:
    with pytest.raises(InputRejected) as refused:
        vindr.index(_vindr(tmp_path, **change))

    assert refused.value.code == code


def _rsna(folder: Path, kind: str = "Lung Opacity") -> Path:
    box = {"patientId": "p1", "x": "264.0", "y": "152.0", "width": "213.0", "height": "379.0"}
    trees.table(
        folder / "stage_2_train_labels.csv",
        [
            {**box, "Target": "1"},
            {**box, "x": "562.0", "Target": "1"},
            {"patientId": "p2", "x": "", "y": "", "width": "", "height": "", "Target": "0"},
        ],
    )
    classes = [{"patientId": "p1", "class": kind}, {"patientId": "p1", "class": kind}]
    classes += [{"patientId": "p2", "class": "No Lung Opacity / Not Normal"}]
    trees.table(folder / "stage_2_detailed_class_info.csv", classes)
    trees.dicom(folder / "stage_2_train_images/p1.dcm")
    return folder


def test_rsna_counts_a_film_once_however_many_boxes_it_has(tmp_path: Path) -> None:
    found = rsna.index(_rsna(tmp_path))

    assert found.ids.tolist() == ["p1", "p2"]
    assert found.fact("boxes").tolist() == ["2", "0"]
    assert found.rows[1].present == {"No Lung Opacity / Not Normal"}
    assert found.record(0).pixels.shape == (64, 48)


@pytest.mark.parametrize(
    ("kind", "code"),
    [("Normal", "dataset.mismatch"), ("Opacity of lung", "dataset.mismatch")],
)
def test_rsna_tables_that_contradict_each_other_are_refused(
    tmp_path: Path, kind: str, code: str
) -> None:
    with pytest.raises(InputRejected) as refused:
        rsna.index(_rsna(tmp_path, kind))

    assert refused.value.code == code


def _nlm(folder: Path, name: str, reading: str) -> Path:
    trees.grey_picture(folder / "CXR_png" / f"{name}.png")
    path = folder / "ClinicalReadings" / f"{name}.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text(reading, "utf-8")
    return folder


def test_shenzhen_readings_give_age_sex_and_finding(tmp_path: Path) -> None:
    _nlm(tmp_path, "CHNCXR_0001_0", "male 45yrs\nnormal\n")
    _nlm(tmp_path, "CHNCXR_0327_1", "female, 30 yrs\nbilateral\n PTB \n")

    found = shenzhen.index(tmp_path)

    assert [row.present for row in found.rows] == [{"normal"}, {"tb"}]
    assert found.fact("age").tolist() == ["45", "30"]
    assert found.fact("reading").tolist() == ["normal", "bilateral PTB"]
    assert found.record(1).person.sex is Sex.F


@pytest.mark.parametrize(
    ("text", "age", "sex"),
    [
        ("Male 28yrs\nnormal", "28", "M"),
        ("female 24yr\nx", "24", "F"),
        ("male 3month\nx", "", "M"),
        ("male\nx", "", "M"),
        ("", "", ""),
    ],
)
def test_readings_of_shenzhen_in_their_many_spellings(text: str, age: str, sex: str) -> None:
    found = shenzhen.reading_of(text)

    assert (found.age, found.sex) == (age, sex)


def test_montgomery_readings_give_age_sex_and_finding(tmp_path: Path) -> None:
    _nlm(tmp_path, "MCUCXR_0001_0", "Patient's Sex: F\nPatient's Age: 027Y\nnormal\n")

    found = montgomery.index(tmp_path)

    assert found.rows[0].facts["reading"] == "normal"
    assert found.record(0).person.age_years == 27


@pytest.mark.parametrize("name", ["CHNCXR_0001_2", "MCUCXR_0001_0"])
def test_a_film_of_another_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputRejected, match=r"dataset\.name_unknown"):
        shenzhen.index(_nlm(tmp_path, name, "male 45yrs"))


def test_a_film_without_its_reading_is_refused(tmp_path: Path) -> None:
    trees.grey_picture(tmp_path / "CXR_png/CHNCXR_0001_0.png")

    with pytest.raises(InputRejected, match=r"dataset\.missing.*CHNCXR_0001_0\.txt"):
        shenzhen.index(tmp_path)


def _tbx11k(folder: Path, train: str = "health/h0001.png\nsick/s0001.png\ntb/tb0003.png\n") -> Path:
    lists = {"TBX11K_train": train, "TBX11K_val": "tb/tb0001.png\n"}
    lists["all_test"] = "test/0001.png\nextra/da+db/a001.png\n"
    (folder / "lists").mkdir()
    for name, text in lists.items():
        (folder / "lists" / f"{name}.txt").write_text(text, "utf-8")
    trees.grey_picture(folder / "imgs/tb/tb0003.png")
    return folder


def test_tbx11k_states_nothing_about_its_test_films(tmp_path: Path) -> None:
    found = tbx11k.index(_tbx11k(tmp_path))

    assert np.isnan(found.part("test").targets).all()
    assert found.part("train").targets.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert found.left_out == ("extra/da+db/a001.png",)
    assert found.record(2).pixels.shape == (30, 40)


@pytest.mark.parametrize("line", ["latent/l0001.png", "tb/../../secret.png", "test/0002.png"])
def test_lines_of_tbx11k_that_name_no_training_film_are_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(InputRejected, match=r"dataset\.name_unknown"):
        tbx11k.index(_tbx11k(tmp_path, line))


def _kermany(folder: Path, *names: str) -> Path:
    for name in names:
        trees.grey_picture(folder / name)
    return folder


def test_kermany_persons_stay_apart_in_both_namings(tmp_path: Path) -> None:
    found = kermany.index(
        _kermany(
            tmp_path,
            "train/NORMAL/IM-0115-0001.jpeg",
            "train/PNEUMONIA/person1_bacteria_1.jpeg",
            "train/PNEUMONIA/person1_virus_6.jpeg",
            "test/PNEUMONIA/BACTERIA-1008087-0001.jpeg",
            "val/NORMAL/NORMAL2-IM-1427-0001.jpeg",
        )
    )

    kinds = {row.id.split("/")[1]: row.present for row in found.rows}
    assert kinds["IM-0115-0001.jpeg"] == {"normal"}
    assert kinds["person1_virus_6.jpeg"] == {"virus"}
    assert kinds["BACTERIA-1008087-0001.jpeg"] == {"bacteria"}
    assert found.part("test").ids.tolist() == ["test/BACTERIA-1008087-0001.jpeg"]
    check_disjoint({name: found.part(name).groups for name in ("train", "val", "test")})
    assert found.record(0).view is View.AP


@pytest.mark.parametrize(
    "name",
    [
        "train/NORMAL/person1_bacteria_1.jpeg",
        "train/PNEUMONIA/IM-0115-0001.jpeg",
        "train/COVID/IM-0115-0001.jpeg",
        "more/NORMAL/IM-0115-0001.jpeg",
        "train/NORMAL/scan7.jpeg",
    ],
)
def test_films_of_kermany_in_the_wrong_place_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputRejected, match=r"dataset\.name_unknown"):
        kermany.index(_kermany(tmp_path, name))

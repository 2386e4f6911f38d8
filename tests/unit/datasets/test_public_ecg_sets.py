"""Readers of ECG sets on tiny trees in the publishers' layouts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support import public_trees as trees

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public import chapman, cinc, cinc2017, cpsc2018, ludb, mitbih, ptbxl
from qiangji_datasets.records import Sex
from qiangji_datasets.splits import check_disjoint

#: wfdb calls pandas in a way that pandas is about to drop; not ours to fix.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")


def _ptbxl(
    folder: Path, *, codes: str = "{'IMI': 80.0, 'LVOLT': 0.0, 'AFIB': 0.0}", rate_hz: int = 0
) -> Path:
    """Tables for two recordings; ``rate_hz`` adds the first one's signal at that rate."""
    empty = {"diagnostic": "", "form": "", "rhythm": ""}
    classes = {"diagnostic_class": "", "diagnostic_subclass": ""}
    imi = {"diagnostic": "1.0", "diagnostic_class": "MI", "diagnostic_subclass": "IMI"}
    norm = {"diagnostic": "1.0", "diagnostic_class": "NORM", "diagnostic_subclass": "NORM"}
    trees.table(
        folder / "scp_statements.csv",
        [
            {"": "IMI", **empty, **classes, **imi},
            {"": "NORM", **empty, **classes, **norm},
            {"": "LVOLT", **empty, **classes, "form": "1.0"},
            {"": "AFIB", **empty, **classes, "rhythm": "1.0"},
        ],
    )
    rows = []
    for number, (code, fold) in enumerate([(codes, 10), ("{'NORM': 100.0}", 9)], start=1):
        name = f"{number:05d}"
        rows.append(
            {
                "ecg_id": number,
                "patient_id": f"{15700 + number}.0",
                "age": "300.0" if number == 1 else "56.0",
                "sex": 1,
                "scp_codes": code,
                "strat_fold": fold,
                "filename_lr": f"records100/00000/{name}_lr",
                "filename_hr": f"records500/00000/{name}_hr",
            }
        )
    trees.table(folder / "ptbxl_database.csv", rows)
    if rate_hz:
        name = {100: "00001_lr", 500: "00001_hr"}[rate_hz]
        trees.wfdb_record(folder / f"records{rate_hz}" / "00000", name, rate_hz=rate_hz)
    return folder


def test_ptbxl_statements_become_classes_as_the_publisher_maps_them(tmp_path: Path) -> None:
    found = ptbxl.index(_ptbxl(tmp_path))

    first = found.rows[0]
    assert first.present == {
        *("scp:IMI", "super:MI", "sub:IMI", "scp:LVOLT", "form:LVOLT", "scp:AFIB", "rhythm:AFIB"),
    }
    assert first.likelihood == {"scp:IMI": 80.0, "scp:LVOLT": 0.0, "scp:AFIB": 0.0}
    assert found.targets[1, found.labels.index("super:MI")] == 0
    assert found.fact("split").tolist() == ["test", "val"]
    assert found.groups.tolist() == ["15701", "15702"]


@pytest.mark.parametrize("rate_hz", [100, 500])
def test_ptbxl_is_read_at_either_rate_with_hidden_ages_as_ninety(
    tmp_path: Path, rate_hz: int
) -> None:
    found = ptbxl.index(_ptbxl(tmp_path, rate_hz=rate_hz), rate_hz=rate_hz)

    record = found.record(0)

    assert record.rate_hz == rate_hz
    assert record.signal_mv.shape == (12, rate_hz)
    assert np.allclose(record.signal_mv.T, trees.twelve_leads(rate_hz), atol=1e-3)
    assert (record.person.age_years, record.person.sex) == (90.0, Sex.F)


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ("{'XYZ': 100.0}", "dataset.label_unknown"),
        ("not a dictionary", "dataset.cell_invalid"),
        ("{'NORM': 'high'}", "dataset.cell_invalid"),
        ("['NORM']", "dataset.cell_invalid"),
    ],
)
def test_ptbxl_statements_that_are_not_understood_are_refused(
    tmp_path: Path, codes: str, code: str
) -> None:
    with pytest.raises(InputRejected) as refused:
        ptbxl.index(_ptbxl(tmp_path, codes=codes))

    assert refused.value.code == code


def test_a_missing_column_is_refused_by_its_name(tmp_path: Path) -> None:
    folder = _ptbxl(tmp_path)
    database = folder / "ptbxl_database.csv"
    database.write_text(database.read_text("utf-8").replace("strat_fold", "fold"), "utf-8")

    with pytest.raises(InputRejected) as refused:
        ptbxl.index(folder)

    assert refused.value.code == "dataset.column_missing"
    assert refused.value.params["column"] == "strat_fold"


def test_a_missing_signal_is_refused_when_it_is_read(tmp_path: Path) -> None:
    found = ptbxl.index(_ptbxl(tmp_path, rate_hz=500))
    (tmp_path / "records500/00000/00001_hr.dat").unlink()

    with pytest.raises(InputRejected, match=r"dataset\.missing.*00001_hr\.dat"):
        found.record(0)


def _challenge(folder: Path) -> Path:
    training = folder / "training"
    trees.challenge_record(training / "georgia/g1/E00001.hea", codes="426783006,164889003")
    trees.challenge_record(
        training / "cpsc_2018/g1/A0001.hea",
        codes="59118001",
        date="05-Feb-2020 11:39:16",
        sex="Male",
        age="NaN",
    )
    for number in (1, 2):
        name = f"st_petersburg_incart/g1/I000{number}.hea"
        trees.challenge_record(training / name, codes="10370003", rate_hz=257)
    return folder


def test_challenge_headers_give_codes_age_and_sex(tmp_path: Path) -> None:
    found = cinc.index_2021(_challenge(tmp_path))

    rows = {row.id: row for row in found.rows}
    assert rows["georgia/E00001"].present == {"426783006", "164889003"}
    assert rows["georgia/E00001"].facts["age"] == "63"
    assert rows["cpsc_2018/A0001"].facts["age"] == ""
    assert found.targets.sum() == 5
    assert not np.isnan(found.targets).any()


def test_challenge_signals_are_read_in_millivolts_whatever_date_the_header_has(
    tmp_path: Path,
) -> None:
    found = cinc.index_2020(_challenge(tmp_path))
    place = found.ids.tolist().index("cpsc_2018/A0001")

    record = found.record(place)

    assert np.allclose(record.signal_mv.T, trees.twelve_leads(), atol=6e-4)
    assert record.person.sex is Sex.M
    assert record.person.age_years is None
    assert record.ids.acquired_at is None
    assert record.notices == ()


def test_sources_with_repeated_persons_stay_whole_on_the_training_side(tmp_path: Path) -> None:
    found = cinc.index_2021(_challenge(tmp_path))

    incart = found.where(found.fact("source") == "st_petersburg_incart")
    assert set(incart.groups.tolist()) == {"st_petersburg_incart"}
    assert set(incart.fact("split").tolist()) == {"train"}
    check_disjoint({name: found.part(name).groups for name in ("train", "val", "test")})


def test_a_challenge_code_outside_the_list_is_refused_by_name(tmp_path: Path) -> None:
    trees.challenge_record(tmp_path / "training/georgia/g1/E00001.hea", codes="999999")

    with pytest.raises(InputRejected) as refused:
        cinc.index_2021(tmp_path)

    assert refused.value.params == {"dataset": "cinc2021", "label": "999999"}


def test_a_folder_that_is_no_source_of_the_challenge_is_refused(tmp_path: Path) -> None:
    trees.challenge_record(tmp_path / "training/ningbo/g1/JS1.hea", codes="426783006")

    with pytest.raises(InputRejected, match=r"dataset\.name_unknown.*ningbo"):
        cinc.index_2020(tmp_path)


def test_a_header_without_diagnoses_is_refused(tmp_path: Path) -> None:
    header = tmp_path / "training/georgia/g1/E00001.hea"
    trees.challenge_record(header, codes="426783006")
    header.write_text(header.read_text("utf-8").replace("# Dx", "# Du"), "utf-8")

    with pytest.raises(InputRejected, match=r"dataset\.recording_damaged.*E00001"):
        cinc.index_2021(tmp_path)


def _chapman(folder: Path) -> Path:
    trees.table(
        folder / "ConditionNames_SNOMED-CT.csv",
        [
            {"Acronym Name": "SB", "Full Name ": "Sinus Bradycardia", "Snomed_CT": "426177001"},
            {"Acronym Name": "X", "Full Name ": "A code of its own", "Snomed_CT": "0777"},
        ],
    )
    records = folder / "WFDBRecords/01/010"
    trees.challenge_record(records / "JS00001.hea", codes="426177001,164934002,777")
    damaged = folder / "WFDBRecords/01/019/JS01052.hea"
    damaged.parent.mkdir(parents=True)
    damaged.write_text("JS01052 12 500 500000/mV 16 0 15 31255 0 I\n", "utf-8")
    return folder


def test_chapman_takes_codes_of_both_lists_and_names_what_it_leaves_out(tmp_path: Path) -> None:
    found = chapman.index(_chapman(tmp_path))

    assert [row.present for row in found.rows] == [{"426177001", "164934002", "777"}]
    assert found.left_out == ("JS01052",)
    assert found.record(0).rate_hz == 500


def _cpsc(folder: Path, *, second: str = "5") -> Path:
    from scipy.io import savemat

    row = {"Recording": "A0001", "First_label": "1", "Second_label": second, "Third_label": ""}
    trees.table(folder / "REFERENCE.csv", [row])
    (folder / "TrainingSet1").mkdir()
    content = {"sex": "Male", "age": 74.0, "data": trees.twelve_leads().T}
    savemat(folder / "TrainingSet1/A0001.mat", {"ECG": content})
    return folder


def test_cpsc_is_read_from_matlab_structs(tmp_path: Path) -> None:
    found = cpsc2018.index(_cpsc(tmp_path))

    record = found.record(0)

    assert found.rows[0].present == {"Normal", "RBBB"}
    assert (record.person.sex, record.person.age_years) == (Sex.M, 74.0)
    assert np.allclose(record.signal_mv.T, trees.twelve_leads(), atol=1e-6)


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0 MAT-file, cut short", bytes(300)])
def test_a_damaged_matlab_file_is_refused(tmp_path: Path, content: bytes) -> None:
    found = cpsc2018.index(_cpsc(tmp_path))
    (tmp_path / "TrainingSet1/A0001.mat").write_bytes(content)

    with pytest.raises(InputRejected, match=r"dataset\.recording_damaged.*A0001\.mat"):
        found.record(0)


def test_a_cpsc_label_beyond_nine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRejected) as refused:
        cpsc2018.index(_cpsc(tmp_path, second="12"))

    assert refused.value.params["label"] == "12"


def test_a_recording_listed_but_not_there_is_refused(tmp_path: Path) -> None:
    (_cpsc(tmp_path) / "TrainingSet1/A0001.mat").unlink()

    with pytest.raises(InputRejected, match=r"dataset\.missing.*A0001\.mat"):
        cpsc2018.index(tmp_path)


def _mitbih(folder: Path, names: tuple[str, ...], *, symbols: str = "NVA+") -> Path:
    import wfdb

    signal = trees.twelve_leads(360)[:, :2]
    for name in names:
        wfdb.wrsamp(
            name,
            fs=360,
            units=["mV", "mV"],
            sig_name=["MLII", "V5"],
            p_signal=signal,
            fmt=["212", "212"],
            write_dir=str(folder),
        )
        places = np.arange(1, len(symbols) + 1) * 50
        wfdb.wrann(name, "atr", places, symbol=list(symbols), write_dir=str(folder))
    (folder / "RECORDS").write_text("\n".join(names) + "\n", "ascii")
    return folder


def test_mitbih_beats_are_read_with_the_strip(tmp_path: Path) -> None:
    found = mitbih.index(_mitbih(tmp_path, ("100",)))

    record = found.record(0)

    assert found.rows[0].present == {"beat:N", "beat:V", "beat:S"}
    assert record.leads == ("MLII", "V5")
    assert record.rate_hz == 360
    assert record.beats is not None
    assert record.beats.symbols.tolist() == ["N", "V", "A", "+"]
    assert record.beats.samples.tolist() == [50, 100, 150, 200]


def test_the_man_on_two_tapes_stays_on_one_side(tmp_path: Path) -> None:
    found = mitbih.index(_mitbih(tmp_path, ("100", "102", "201", "202")))

    assert found.fact("ds").tolist() == ["DS2", "paced", "DS1", "DS2"]
    assert found.fact("split").tolist() == ["test", "train", "train", "train"]
    check_disjoint({name: found.part(name).groups for name in ("train", "test")})


def test_de_chazals_split_has_22_tapes_a_side() -> None:
    assert len(mitbih.DS1) == len(mitbih.DS2) == 22
    assert not mitbih.DS1 & mitbih.DS2
    assert not (mitbih.DS1 | mitbih.DS2) & mitbih.PACED


def test_a_tape_without_annotations_is_refused(tmp_path: Path) -> None:
    (_mitbih(tmp_path, ("100",)) / "100.atr").unlink()

    with pytest.raises(InputRejected, match=r"dataset\.missing.*100\.atr"):
        mitbih.index(tmp_path)


def _cinc2017(folder: Path, label: str = "A") -> Path:
    header = folder / "training2017/A00001.hea"
    trees.challenge_record(header, codes="-", leads=("ECG",), rate_hz=300)
    (folder / "REFERENCE-v3.csv").write_text(f"A00001,{label}\n", "utf-8")
    return folder


def test_hand_held_strips_are_read(tmp_path: Path) -> None:
    found = cinc2017.index(_cinc2017(tmp_path))

    record = found.record(0)

    assert found.rows[0].present == {"af"}
    assert record.signal_mv.shape == (1, 300)
    assert np.allclose(record.signal_mv[0], trees.twelve_leads(300)[:, 0], atol=6e-4)


def test_an_unknown_letter_for_a_rhythm_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRejected, match=r"dataset\.label_unknown.*A00001,Z"):
        cinc2017.index(_cinc2017(tmp_path, "Z"))


def test_a_damaged_strip_is_refused(tmp_path: Path) -> None:
    found = cinc2017.index(_cinc2017(tmp_path))
    (tmp_path / "training2017/A00001.mat").write_bytes(b"\0" * 30)

    with pytest.raises(InputRejected):
        found.record(0)


def _ludb(folder: Path, rhythm: str = "Atrial fibrillation") -> Path:
    row = {"ID": "1", "Sex": "F\n", "Age": ">89\n", "Rhythms": rhythm}
    others = {
        "Electric axis of the heart": "Electric axis of the heart: normal",
        "Conduction abnormalities": (
            "Complete left bundle branch block\nSinoatrial blockade, undefined"
        ),
    }
    empty = dict.fromkeys(ludb.COLUMNS[3:], "")
    trees.table(folder / "ludb.csv", [{**empty, **row, **others}])
    trees.wfdb_record(folder / "data", "1")
    return folder


def test_ludb_words_are_labels_one_a_line(tmp_path: Path) -> None:
    found = ludb.index(_ludb(tmp_path))

    assert found.rows[0].present == {
        "Atrial fibrillation",
        "Electric axis of the heart: normal",
        "Complete left bundle branch block",
        "Sinoatrial blockade, undefined",
    }
    assert found.record(0).person.age_years == 90
    assert found.fact("split").tolist() == ["test"]


def test_a_word_that_ludb_does_not_use_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRejected) as refused:
        ludb.index(_ludb(tmp_path, "Ventricular tachycardia"))

    assert refused.value.params["label"] == "Ventricular tachycardia"

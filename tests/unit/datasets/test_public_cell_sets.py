"""Readers of cell and tissue sets on tiny trees in the publishers' layouts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support import public_trees as trees

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public import cric, herlev, pcam, sipakmed
from qiangji_datasets.records import Stain

_CELL = {
    "image_id": "1",
    "image_filename": "field.png",
    "image_doi": "10.6084/m9.figshare.1",
    "cell_id": "17",
    "bethesda_system": "Negative for intraepithelial lesion",
    "nucleus_x": "300",
    "nucleus_y": "100",
}


def _cric(folder: Path, **changed: str) -> Path:
    trees.table(folder / "classifications.csv", [{**_CELL, **changed}])
    return folder


def test_a_cell_of_cric_is_what_surrounds_its_nucleus(tmp_path: Path) -> None:
    field = trees.colour_picture(tmp_path / "images/field.png", (400, 200))

    found = cric.index(_cric(tmp_path))

    record = found.record(0)
    assert found.rows[0].present == {"NILM"}
    assert (found.ids[0], found.groups[0]) == ("17", "1")
    assert np.array_equal(record.pixels, field[50:150, 250:350])
    assert record.stain is Stain.PAPANICOLAOU


def test_a_cell_at_the_edge_is_completed_by_mirroring(tmp_path: Path) -> None:
    field = trees.colour_picture(tmp_path / "field.png", (400, 200))

    record = cric.index(_cric(tmp_path, nucleus_x="0", nucleus_y="200")).record(0)

    assert record.pixels.shape == (100, 100, 3)
    assert np.array_equal(record.pixels[:50, 50:], field[150:, :50])
    assert np.array_equal(record.pixels[:50, :50], field[150:, :50][:, ::-1])


def test_the_json_of_cric_says_the_same_as_the_table(tmp_path: Path) -> None:
    trees.colour_picture(tmp_path / "field.png", (400, 200))
    cell = {key: _CELL[key] for key in ("cell_id", "bethesda_system", "nucleus_x", "nucleus_y")}
    entry = {"image_id": 1, "image_name": "field.png", "classifications": [{**cell, "cell_id": 17}]}
    from_table = cric.index(_cric(tmp_path))
    (tmp_path / "classifications.csv").unlink()
    (tmp_path / "classifications.json").write_text(json.dumps([entry]), "utf-8")

    assert cric.index(tmp_path).rows == from_table.rows


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"bethesda_system": "AGC"}, "dataset.label_unknown"),
        ({"nucleus_x": "-3"}, "dataset.cell_invalid"),
        ({"image_filename": "gone.png"}, "dataset.missing"),
    ],
)
def test_rows_of_cric_that_do_not_fit_are_refused(
    tmp_path: Path, change: dict[str, str], code: str
) -> None:
    trees.colour_picture(tmp_path / "field.png")

    with pytest.raises(InputRejected) as refused:
        cric.index(_cric(tmp_path, **change))

    assert refused.value.code == code


def test_a_nucleus_outside_its_field_is_refused(tmp_path: Path) -> None:
    trees.colour_picture(tmp_path / "field.png", (60, 50))

    with pytest.raises(InputRejected, match=r"dataset\.recording_damaged.*field\.png"):
        cric.index(_cric(tmp_path)).record(0)


@pytest.mark.parametrize("text", ["{", "[{}]", '[{"image_id": 1}]', "3"])
def test_a_json_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "classifications.json").write_text(text, "utf-8")

    with pytest.raises(InputRejected, match=r"dataset\.table_damaged"):
        cric.index(tmp_path)


def test_a_set_without_any_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRejected, match=r"dataset\.missing.*classifications\.csv"):
        cric.index(tmp_path)


def test_outlines_of_herlev_are_not_taken_for_cells(tmp_path: Path) -> None:
    name = "carcinoma_in_situ/149056300-149056321-001"
    pixels = trees.colour_picture(tmp_path / f"{name}.BMP")
    trees.colour_picture(tmp_path / f"{name}-d.bmp")

    found = herlev.index(tmp_path)

    assert found.ids.tolist() == [name]
    assert found.groups.tolist() == ["149056300"]
    assert np.array_equal(found.record(0).pixels, pixels)


def test_a_folder_that_herlev_does_not_have_is_refused(tmp_path: Path) -> None:
    trees.colour_picture(tmp_path / "glandular/1-1-001.BMP")

    with pytest.raises(InputRejected) as refused:
        herlev.index(tmp_path)

    assert refused.value.params["label"] == "glandular"


@pytest.mark.parametrize("inner", ["im_Parabasal/im_Parabasal", "im_Parabasal"])
def test_cells_of_one_field_of_sipakmed_stay_together(tmp_path: Path, inner: str) -> None:
    for name in ("001_01", "001_02", "002_01"):
        trees.colour_picture(tmp_path / inner / f"CROPPED/{name}.bmp")
    trees.colour_picture(tmp_path / inner / "001.bmp")

    found = sipakmed.index(tmp_path)

    assert found.groups.tolist() == ["Parabasal/001", "Parabasal/001", "Parabasal/002"]
    assert found.fact("split")[0] == found.fact("split")[1]
    assert found.record(0).pixels.shape == (50, 60, 3)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("im_Glandular/CROPPED/001_01.bmp", "dataset.label_unknown"),
        ("im_Parabasal/CROPPED/cell.bmp", "dataset.name_unknown"),
    ],
)
def test_cells_of_sipakmed_of_another_name_are_refused(
    tmp_path: Path, name: str, code: str
) -> None:
    trees.colour_picture(tmp_path / name)

    with pytest.raises(InputRejected) as refused:
        sipakmed.index(tmp_path)

    assert refused.value.code == code


def _pcam(folder: Path, *, slides: int = 2) -> Path:
    h5py = pytest.importorskip("h5py")
    for part in ("train", "valid", "test"):
        stem = folder / f"camelyonpatch_level_2_split_{part}"
        with h5py.File(f"{stem}_x.h5", "w") as file:
            file["x"] = np.arange(2 * 96 * 96 * 3, dtype=np.uint8).reshape(2, 96, 96, 3)
        with h5py.File(f"{stem}_y.h5", "w") as file:
            file["y"] = np.array([0, 1], np.uint8).reshape(2, 1, 1, 1)
        rows = [{"": n, "tumor_patch": "True", "wsi": f"{part}_{n}"} for n in range(slides)]
        trees.table(Path(f"{stem}_meta.csv"), rows)
    return folder


def test_patches_of_pcam_are_read_one_at_a_time(tmp_path: Path) -> None:
    found = pcam.index(_pcam(tmp_path))

    assert found.targets[:, 0].tolist() == [0, 1] * 3
    assert found.fact("split").tolist() == ["train"] * 2 + ["val"] * 2 + ["test"] * 2
    assert found.groups[2] == "valid_0"
    assert found.record(1).pixels[0, 0].tolist() == [0, 1, 2]
    assert found.record(1).stain is Stain.HAEMATOXYLIN_EOSIN


def test_parts_of_pcam_of_different_length_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRejected, match=r"dataset\.mismatch"):
        pcam.index(_pcam(tmp_path, slides=3))


def test_a_missing_file_of_pcam_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputRejected, match=r"dataset\.missing.*split_train_x\.h5"):
        pcam.index(tmp_path)

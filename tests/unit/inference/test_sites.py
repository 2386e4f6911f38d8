"""Sites of a TOML file."""

from __future__ import annotations

from pathlib import Path

import pytest

from qiangji_datasets.errors import InputRejected
from qiangji_inference.sites import read_sites

GOOD = """
[[site]]
name = "甲"
labels = "a/labels.csv"
file_column = "file"
targets = ["tb=TB"]
where = ["split=test"]
age_column = "age"

[[site]]
name = "B"
labels = "b.csv"
file_template = "data/{id}"
root = "films"
is_home = true
"""


def test_sites_keep_their_own_columns_and_folders(tmp_path: Path) -> None:
    path = tmp_path / "sites.toml"
    path.write_text(GOOD, "utf-8")

    first, second = read_sites(path)

    assert (first.name, second.name) == ("甲", "B")
    assert (first.is_home, second.is_home) == (False, True)
    assert first.labelled.root == tmp_path / "a"
    assert second.labelled.root == tmp_path / "films"
    assert first.labelled.targets[0].column == "TB"
    assert second.labelled.columns.template == "data/{id}"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "evaluate.sites_unreadable"),
        ("not toml", "evaluate.sites_unreadable"),
        ("x = 1\n" + GOOD, "evaluate.sites_unreadable"),
        (GOOD.replace("age_column", "ages"), "evaluate.sites_key"),
        (GOOD.replace('"a/labels.csv"', "1"), "evaluate.sites_key"),
        (GOOD.replace('["tb=TB"]', '"tb=TB"'), "evaluate.sites_key"),
        (GOOD.replace("is_home = true", 'is_home = "yes"'), "evaluate.sites_key"),
        (GOOD.replace('name = "B"', 'name = ""'), "evaluate.sites_key"),
        (GOOD.replace('name = "B"', 'name = "甲"'), "evaluate.site_twice"),
        (GOOD.replace('file_column = "file"', ""), "evaluate.file_form"),
    ],
)
def test_what_is_wrong_with_the_file_is_named(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "sites.toml"
    path.write_text(text, "utf-8")

    with pytest.raises(InputRejected) as caught:
        read_sites(path)

    assert caught.value.code == code

"""A configuration is complete, frozen, and has no key that nobody reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from qiangji_datasets.errors import InputRejected
from qiangji_models.preprocess.specs import EcgSpec, FilmSpec, Fit
from qiangji_training.about import read_about
from qiangji_training.config import as_table, read_config

CONFIGS = Path(__file__).parents[3] / "training" / "configs"
NAMES = sorted(path.stem for path in CONFIGS.glob("*.toml"))


def _edited(tmp_path: Path, old: str, new: str, name: str = "ecg-12lead") -> Path:
    text = (CONFIGS / f"{name}.toml").read_text("utf-8")
    assert old in text
    path = tmp_path / "config.toml"
    path.write_text(text.replace(old, new, 1), "utf-8")
    return path


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_configuration_and_its_texts_are_read(name: str) -> None:
    config = read_config(CONFIGS / f"{name}.toml")

    assert config.name == name
    assert as_table(config)["seed"] == config.seed
    assert read_about(CONFIGS / "about" / f"{name}.toml").limits


def test_an_ecg_configuration_carries_its_preprocessing() -> None:
    assert isinstance(read_config(CONFIGS / "ecg-12lead.toml").spec, EcgSpec)


def test_a_film_configuration_carries_its_preprocessing() -> None:
    spec = read_config(CONFIGS / "cxr-adult.toml").spec

    assert isinstance(spec, FilmSpec)
    assert spec.fit is Fit.STRETCH


@pytest.mark.parametrize(
    ("old", "new", "code", "key"),
    [
        ("epochs =", "epoch =", "train.config_unknown_key", "fit.epoch"),
        ("seed = 7\n", "", "train.config_missing_key", "seed"),
        ("seed = 7", 'seed = "7"', "train.config_type", "seed"),
        ("seed = 7", "seed = true", "train.config_type", "seed"),
        ("members = ", "members = 2.5 # ", "train.config_type", "fit.members"),
        ("members = ", "members = 0 # ", "train.config_type", "fit.members"),
        (
            "auxiliary_members = ",
            "auxiliary_members = 9 # ",
            "train.config_type",
            "fit.auxiliary_members",
        ),
        ('precision = "bf16"', 'precision = "16"', "train.config_type", "fit.precision"),
        ("ema = ", "ema = 1.0 # ", "train.config_type", "fit.ema"),
        ("[net]\n", "[[net]]\n", "train.config_type", "net"),
        ('labels = ["norm"', 'labels = [1, "norm"', "train.config_type", "labels"),
    ],
)
def test_a_wrong_key_or_value_is_refused_by_name(
    tmp_path: Path, old: str, new: str, code: str, key: str
) -> None:
    with pytest.raises(InputRejected) as refused:
        read_config(_edited(tmp_path, old, new))

    assert (refused.value.code, refused.value.params["key"]) == (code, key)


def test_an_unknown_fit_is_refused(tmp_path: Path) -> None:
    path = _edited(tmp_path, 'fit = "stretch"', 'fit = "twist"', "cxr-adult")

    with pytest.raises(InputRejected, match=r"train\.config_type"):
        read_config(path)


def test_text_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("name = ", "utf-8")

    with pytest.raises(InputRejected, match=r"train\.config_unreadable"):
        read_config(path)


def test_a_configuration_without_preprocessing_is_refused(tmp_path: Path) -> None:
    text = (CONFIGS / "ecg-12lead.toml").read_text("utf-8")
    path = tmp_path / "config.toml"
    path.write_text(text.split("[ecg]")[0], "utf-8")

    with pytest.raises(InputRejected, match=r"train\.config_kind"):
        read_config(path)

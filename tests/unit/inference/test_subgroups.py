"""Parts of a set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.tiny_bundle import TinyBundle, write_bundle

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats import Stated
from qiangji_datasets.records import Modality, Sex, View
from qiangji_inference.labelled import Labelled
from qiangji_inference.scored import Scored
from qiangji_inference.subgroups import age_band, subgroup_results
from qiangji_models.bundle import Bundle, load_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    want = TinyBundle(Modality.CXR, "cxr-tiny")
    return load_bundle(write_bundle(tmp_path_factory.mktemp("bundles"), want))


def _scored(n: int = 80, **kept: str) -> Scored:
    """Women above 0.5 when positive, men at random; half of each is positive."""
    rng = np.random.default_rng(4)
    truth = (np.arange(n) % 4 < 2).astype(float)
    sexes = [Sex.F if number % 2 else Sex.M for number in range(n)]
    score = np.where([s is Sex.F for s in sexes], 0.3 + 0.4 * truth, rng.random(n))
    rows = tuple(
        Labelled(
            path=Path(f"{number}.png"),
            truth={"effusion": truth[number]},
            stated=Stated(
                modality=Modality.CXR,
                age_years=20.0 + number,
                sex=sexes[number],
                view=View.PA,
            ),
            kept={key: value.format(number=number) for key, value in kept.items()},
        )
        for number in range(n)
    )
    return Scored(("effusion",), rows, truth[:, None], score[:, None], np.zeros((n, 1), np.bool_))


@pytest.mark.parametrize(
    ("age", "band"),
    [(None, ""), (0.5, "0–1"), (17.99, "12–17"), (18, "18–39"), (74.9, "60–74"), (75, "75+")],
)
def test_age_bands_take_the_lower_end_in(age: float | None, band: str) -> None:
    assert age_band(age) == band


def test_a_label_is_shown_by_sex_and_age_and_not_by_a_view_that_never_changes(
    bundle: Bundle,
) -> None:
    found = subgroup_results(bundle, _scored(), seed=0)["effusion"]

    by = {item.by for item in found}
    assert by == {"sex", "age_band"}
    women = next(item for item in found if item.value == "F")
    assert women.auc.value == 1.0
    assert (women.n_pos, women.n_neg, women.is_too_few) == (20, 20, True)
    ages = [item.value for item in found if item.by == "age_band"]
    assert ages == ["18–39", "40–59", "60–74", "75+"]


def test_columns_of_the_table_divide_too_and_identifiers_are_refused(bundle: Bundle) -> None:
    found = subgroup_results(bundle, _scored(ward="W{number}"[:1]), seed=0)["effusion"]
    assert "ward" not in {item.by for item in found}

    with pytest.raises(InputRejected) as caught:
        subgroup_results(bundle, _scored(ward="{number}"), seed=0)

    assert caught.value.code == "evaluate.too_many_values"

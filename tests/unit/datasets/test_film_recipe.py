"""Recipes of demo films hold what the model knows."""

from __future__ import annotations

import pytest

from qiangji_datasets.records import View
from qiangji_datasets.synthetic.film import FilmRecipe


@pytest.mark.parametrize(
    "wrong",
    [{"rows": 100}, {"columns": 9000}, {"age_years": 6}, {"view": View.LATERAL}, {"side": "left"}],
)
def test_what_the_model_does_not_know_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        FilmRecipe(**wrong)  # type: ignore[arg-type]  # one wrong field of any kind

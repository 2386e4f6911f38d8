"""The cards of shipped bundles say what the product does with them."""

from __future__ import annotations

import pytest

from qiangji_models.bundle import load_bundle, shipped_bundles

_UNUSED = "不用 not used"


@pytest.mark.parametrize("name", sorted(shipped_bundles()))
def test_a_card_gives_figures_of_the_points_that_the_product_uses_and_of_no_others(
    name: str,
) -> None:
    folder = shipped_bundles()[name]
    points = load_bundle(folder).points
    card = (folder / "docs" / "README.md").read_text("utf-8")

    rows = [line.split(" | ") for line in card.splitlines() if line.startswith("|")]
    found = {
        (label, row[4] == _UNUSED)
        for row in rows
        for label in points
        if f"`{label}`" in row[0] and len(row) == 6
    }

    assert found == {(label, not pair.has_hint) for label, pair in points.items()}

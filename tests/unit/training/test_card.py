"""The model card, written from what a run measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qiangji_training.about import read_about
from qiangji_training.card import model_card

ROOT = Path(__file__).parents[3]


def _card(**run: object) -> str:
    """The card of the shipped ECG bundle, of a run that says these things too."""
    bundle = ROOT / "models/qiangji_models/bundles/ecg-12lead/configs/metadata.json"
    metadata: dict[str, Any] = json.loads(bundle.read_text("utf-8"))  # Any: JSON
    metadata["qiangji"]["run"] |= run
    return model_card(read_about(ROOT / "training/configs/about/ecg-12lead.toml"), metadata)


def test_the_card_counts_what_training_left_out_by_reason() -> None:
    card = _card(left_out={"dataset.einthoven": 12, "ecg.too_short": 2})

    assert "Left out, by reason: `dataset.einthoven` 12, `ecg.too_short` 2." in card
    assert "Left out" not in _card(left_out={})

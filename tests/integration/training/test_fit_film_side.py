"""The network that tells a film from its mirror image, fitted on a few drawn chests."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("torch")
pytestmark = pytest.mark.train

from qiangji_inference.gate_film_net import net_of  # noqa: E402 - after the skip

FILM = 128
FEW = 96


def _chests(seed: int, count: int) -> np.ndarray:
    """Films (count, FILM, FILM) with two lungs and a heart to the right of the picture."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:FILM, 0:FILM] / FILM
    films = []
    for _ in range(count):
        lungs = sum(np.exp(-(((x - at) / 0.13) ** 2 + ((y - 0.5) / 0.3) ** 2)) for at in (0.3, 0.7))
        middle, low = rng.normal(0.6, 0.02), rng.normal(0.65, 0.02)
        heart = np.exp(-(((x - middle) / 0.15) ** 2 + ((y - low) / 0.14) ** 2))
        grey = 180 - 120 * lungs + 90 * heart + rng.normal(0, 4, lungs.shape)
        films.append(np.clip(grey, 0, 255).astype(np.uint8))
    return np.stack(films)


def test_the_side_of_the_heart_is_learned_from_films_and_their_mirror_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import torch

    from qiangji_training import fit_film_side
    from qiangji_training.fit_film_gate import Films

    monkeypatch.setattr(fit_film_side, "EPOCHS", 6)
    monkeypatch.setattr(fit_film_side, "_BATCH", 16)
    parts = {
        part: Films({"nih": _chests(seed, FEW), "children": _chests(seed + 9, 16)})
        for seed, part in enumerate(("train", "val", "test"))
    }
    torch.manual_seed(0)
    net = fit_film_side.build()

    fit_film_side.train(net, fit_film_side.train_pictures(parts["train"]))
    arrays = fit_film_side.finished(net, parts)

    card = json.loads(arrays["card"].tobytes())
    assert set(card) == {"nih", "children", "all"}
    assert card["all"]["auc"] > 0.95
    assert card["all"]["n"] == FEW + 16
    assert net_of(arrays).thresholds == {"mirrored": pytest.approx(arrays["threshold_mirrored"])}

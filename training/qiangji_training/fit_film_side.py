"""Fit the film gate's network that tells a frontal film from its mirror image.

Every right film gives itself and its mirror image; the network learns that the difference of its
outputs is positive, whatever else the film shows. Films and their split are those of
``fit_film_gate``. The limit comes from validation films of adults, the card from test films.

Run as ``python -m qiangji_training.fit_film_side SHARED_DATA OUT.npz``.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from qiangji_inference.gate_film_net import Floats, GateNet, channels, net_of, thumbnail
from qiangji_inference.gate_film_side import SIDE, mirrored_odds
from qiangji_inference.metrics import auc_interval, wilson
from qiangji_training.fit_film_gate import Films, arrays_of, read_films

log = logging.getLogger(__name__)

EPOCHS: Final = 12
CHILDREN: Final = 2000  # at most: adults are what the gate is for
_BATCH: Final = 128
_WIDE: Final = 72  # side of the films from which SIDE is drawn
_WARNED_SHARE: Final = 0.005  # of right validation films of adults

Pictures = NDArray[np.uint8]
Arrays = dict[str, NDArray[np.generic]]


def build() -> nn.Sequential:
    """Four strided convolutions and two dense layers, one output."""
    return nn.Sequential(
        nn.Conv2d(2, 12, 3, 2, 1), nn.ReLU(), nn.Conv2d(12, 24, 3, 2, 1), nn.ReLU(),
        nn.Conv2d(24, 40, 3, 2, 1), nn.ReLU(), nn.Conv2d(40, 64, 3, 2, 1), nn.ReLU(),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * (SIDE // 16) ** 2, 48), nn.ReLU(),
        nn.Linear(48, 1),
    )  # fmt: skip


def train_pictures(films: Films) -> Pictures:
    """Thumbnails (n, _WIDE, _WIDE) of the training films, of children some."""
    rng = np.random.default_rng(0)
    chosen = dict(films.sets)
    if "children" in chosen:
        order = rng.permutation(len(chosen["children"]))[:CHILDREN]
        chosen["children"] = chosen["children"][order]
    return np.stack([thumbnail(film, _WIDE) for part in chosen.values() for film in part])


def shots(grey: torch.Tensor, equalised: torch.Tensor) -> torch.Tensor:
    """(n, 2, SIDE, SIDE) as other rooms would have taken them: turns, sizes, shifts, tones, noise.

    ``grey`` (n, _WIDE, _WIDE) lies in 0-1, ``equalised`` is the second of ``channels``.
    """
    count = len(grey)
    toned = grey ** torch.empty(count, 1, 1).uniform_(0.6, 1.6)
    angle, high = torch.randn(count) * 0.06, torch.empty(count).uniform_(0.85, 1.0)
    wide = high * torch.empty(count).uniform_(0.95, 1.05)
    first = torch.stack([wide * angle.cos(), -high * angle.sin(), torch.randn(count) * 0.05], 1)
    second = torch.stack([wide * angle.sin(), high * angle.cos(), torch.randn(count) * 0.05], 1)
    grid = nn.functional.affine_grid(
        torch.stack([first, second], 1), [count, 2, SIDE, SIDE], align_corners=False
    )
    both = torch.stack([toned, equalised], 1)
    seen = nn.functional.grid_sample(both, grid, padding_mode="border", align_corners=False)
    middle, spread = seen[:, :1].mean((2, 3), keepdim=True), seen[:, :1].std((2, 3), keepdim=True)
    seen = torch.cat([(seen[:, :1] - middle) / spread.clamp(min=2 / 255), seen[:, 1:]], 1)
    return seen + torch.randn_like(seen) * 0.1 * torch.rand(count, 1, 1, 1)


def train(net: nn.Sequential, pictures: Pictures) -> None:
    """Fit in place: logistic loss on the difference to the mirror image, AdamW with one cycle."""
    rng = np.random.default_rng(0)
    grey = torch.from_numpy(pictures)
    equalised = torch.from_numpy(
        np.concatenate([channels(part[None])[:, 1].astype(np.float16) for part in pictures])
    )
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
    batch = min(_BATCH, len(pictures))
    steps = EPOCHS * (len(pictures) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps + 1)
    for epoch in range(EPOCHS):
        order = rng.permutation(len(pictures))
        total = 0.0
        for start in range(0, len(order) - batch + 1, batch):
            chosen = order[start : start + batch]
            seen = shots(grey[chosen].float() / 255, equalised[chosen].float())
            fit = net(torch.cat([seen, seen.flip(3)]))[:, 0]
            loss = nn.functional.softplus(fit[batch:] - fit[:batch]).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
        log.info("epoch %d, loss %.4f", epoch, total / (len(order) // batch))
    net.eval()


def odds_by_set(net: GateNet, films: Films) -> dict[str, Floats]:
    """Log odds (n,) of a mirrored film for the right films of each set."""
    return {
        name: np.concatenate(
            [
                mirrored_odds(net, np.stack([thumbnail(film, SIDE) for film in part]))
                for part in np.array_split(pictures, len(pictures) // 200 + 1)
            ]
        )
        for name, pictures in films.sets.items()
    }


def card(odds: dict[str, Floats], limit: float) -> dict[str, object]:
    """AUC against their mirror images, shares warned of; a film mirrored twice is right."""
    found: dict[str, object] = {}
    for name, right in (odds | {"all": np.concatenate(list(odds.values()))}).items():
        truth = np.repeat([0.0, 1.0], len(right))
        area = auc_interval(truth, np.concatenate([right, -right]))
        warned = wilson(int((right > limit).sum()), len(right))
        found[name] = {
            "auc": round(area.value or 0.0, 4),
            "interval": [round(area.low or 0.0, 4), round(area.high or 0.0, 4)],
            "found": round(float((-right > limit).mean()), 4),
            "called_mirrored": round(warned.value or 0.0, 4),
            "called_mirrored_high": round(warned.high or 0.0, 4),
            "n": len(right),
        }
    return found


def finished(net: nn.Sequential, films: dict[str, Films]) -> Arrays:
    """The file's arrays: half precision, limit, card."""
    arrays = arrays_of(net)
    known = odds_by_set(net_of(arrays), films["val"])
    adults = np.concatenate([known[name] for name in known if name != "children"])
    limit = np.float32(np.quantile(adults, 1 - _WARNED_SHARE))
    arrays["threshold_mirrored"] = np.asarray(limit)
    measured = card(odds_by_set(net_of(arrays), films["test"]), float(limit))
    log.info("card %s", json.dumps(measured, indent=1))
    arrays["card"] = np.frombuffer(json.dumps(measured).encode(), dtype=np.uint8)
    return arrays


def main(arguments: list[str]) -> None:
    """Fit and write the network's file."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    data, out = (Path(argument) for argument in arguments)
    films = read_films(data)
    torch.manual_seed(0)
    net = build()
    train(net, train_pictures(films["train"]))
    np.savez_compressed(out, allow_pickle=False, **finished(net, films))
    log.info("wrote %s, %d bytes", out, out.stat().st_size)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Fit the film gate's tiny network on public frontal films and on what they are not.

Right films: NIH ChestX-ray14 (all ages, PA and AP), Shenzhen, Kermany's children. Faults are made
from them (inverted, turned, mirrored, cut off, one-lung pictures standing in for laterals, which
the public sets lack); pictures of other things come from ``fit_film_gate_negatives``. Patients,
and sources of other pictures, are on one side of the split only. Thresholds come from validation
films, the card's figures from test films.

Run as ``python -m qiangji_training.fit_film_gate SHARED_DATA OUT.npz [PHOTO …]``.
"""

from __future__ import annotations

import csv
import json
import logging
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from qiangji_inference.gate_film_net import SIDE, PictureClass, channels, net_of, thumbnail
from qiangji_inference.metrics import auc_interval, wilson
from qiangji_training.fit_film_gate_negatives import (
    made_up,
    other_dicom,
    photographs,
    scrambled,
)

log = logging.getLogger(__name__)

FILM: Final = 128
EPOCHS: Final = 12
EVERY: Final = 5  # of the training films: enough for 60,000 weights, minutes on two cores
CLASSES: Final = tuple(PictureClass)
#: Copies of each film per class in one fit; right films are seen most.
_COPIES: Final = {
    PictureClass.FRONTAL: 4, PictureClass.INVERTED: 1, PictureClass.SIDEWAYS: 1,
    PictureClass.UPSIDE_DOWN: 1, PictureClass.LATERAL: 1, PictureClass.CUT_OFF: 1,
    PictureClass.MIRRORED: 2, PictureClass.NOT_CHEST: 1,
}  # fmt: skip
_REFUSED_SHARE: Final = 0.008  # of all right validation films, at the refusing threshold
_WARNED_SHARE: Final = 0.02

Picture = NDArray[np.uint8]
Rng = np.random.Generator


@dataclass(frozen=True, eq=False)
class Films:
    """Right films of one part of the split, by set name (n, FILM, FILM)."""

    sets: dict[str, NDArray[np.uint8]]

    def all(self) -> NDArray[np.uint8]:
        """All films of the part, in the order of the sets."""
        return np.concatenate(list(self.sets.values()))


def read_films(data: Path) -> dict[str, Films]:
    """Films by part: train, val, test."""
    parts: dict[str, dict[str, list[Picture]]] = {"train": {}, "val": {}, "test": {}}
    sources = (
        ("nih", "nih_chestxray14", "file"),
        ("shenzhen", "shenzhen", "file128"),
        ("children", "kermany_paediatric", "file"),
    )
    for name, folder, column in sources:
        with (data / "cxr" / folder / "labels.csv").open(encoding="utf-8") as handle:
            for row in csv.DictReader(handle):
                path = data / "cxr" / folder / row[column]
                if row[column] and path.is_file():
                    part = parts[_part(name, row)]
                    part.setdefault(name, []).append(_open(path))
    return {
        part: Films({name: np.stack(films) for name, films in sets.items()})
        for part, sets in parts.items()
    }


def _part(name: str, row: dict[str, str]) -> str:
    """NIH and Kermany keep their official test split; the rest goes by patient."""
    if row.get("split") in {"test", "val"} and name in {"nih", "children"}:
        return row["split"]
    if name == "nih":
        return "train"
    share = zlib.crc32(row["patient_id"].encode()) % 100
    if name == "children":
        return "val" if share < 10 else "train"
    return "test" if share < 35 else "val" if share < 45 else "train"


def _open(path: Path) -> Picture:
    with Image.open(path) as image:
        return np.asarray(image.convert("L").resize((FILM, FILM), Image.Resampling.BOX))


# --- faults -------------------------------------------------------------------------------


def shot(rng: Rng, film: Picture) -> Picture:
    """The film as another room would have taken it: small turns and shifts, other tones."""
    angle, scale = np.deg2rad(rng.normal(0, 3)), rng.uniform(0.92, 1.1)
    move = rng.normal(0, 3, 2)
    cosine, sine = np.cos(angle) / scale, np.sin(angle) / scale
    middle = FILM / 2
    matrix = (
        cosine, -sine, middle - cosine * middle + sine * middle + move[0],
        sine, cosine, middle - sine * middle - cosine * middle + move[1],
    )  # fmt: skip
    fill = int(rng.choice([0, 0, int(film.min()), int(film.mean())]))
    image = Image.fromarray(film)
    image = image.transform(
        image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=fill
    )
    grey = np.asarray(image, dtype=np.float32) / 255
    grey = grey ** rng.uniform(0.6, 1.6) * rng.uniform(0.6, 1.0) + rng.uniform(0, 0.15)
    grey = grey + rng.normal(0, rng.uniform(0, 0.03), grey.shape)
    shown = np.asarray(np.clip(grey, 0, 1) * 255, dtype=np.uint8)
    if rng.random() < 0.25:
        edge = rng.integers(0, 9, 4)
        white = 255 * int(rng.random() < 0.3)
        shown = np.pad(shown, ((edge[0], edge[1]), (edge[2], edge[3])), constant_values=white)
    return shown


def fault(rng: Rng, film: Picture, kind: PictureClass) -> Picture:
    """A film with one fault, in the film's own tones."""
    return np.ascontiguousarray(_FAULTS[kind](rng, film))


def _cut(rng: Rng, film: Picture) -> Picture:
    """Keep 45–68 % of the height or width, from one edge."""
    keep = int(rng.uniform(0.45, 0.68) * FILM)
    parts = (film[:keep], film[FILM - keep :], film[:, :keep], film[:, FILM - keep :])
    part = Image.fromarray(np.ascontiguousarray(parts[int(rng.integers(4))]))
    return np.asarray(part if rng.random() < 0.5 else part.resize((FILM, FILM)))


def _one_lung(rng: Rng, film: Picture) -> Picture:
    """One lung between spine and chest wall, the heart in front: stands in for a lateral."""
    spine = int(rng.uniform(0.44, 0.52) * FILM)
    half = film[:, :spine] if rng.random() < 0.5 else film[:, FILM - spine :][:, ::-1]
    wide = np.asarray(Image.fromarray(np.ascontiguousarray(half)).resize((FILM, FILM)), float)
    y, x = np.mgrid[0:FILM, 0:FILM] / FILM
    heart = np.exp(-(((x - rng.uniform(0.2, 0.45)) / 0.2) ** 2 + ((y - 0.68) / 0.2) ** 2))
    wide = wide + heart * rng.uniform(0, 0.7) * (float(film.max()) - wide)
    made = np.asarray(np.clip(wide, 0, 255), dtype=np.uint8)
    return np.ascontiguousarray(made if rng.random() < 0.5 else made[:, ::-1])


_FAULTS: Final[dict[PictureClass, Callable[[Rng, Picture], Picture]]] = {
    PictureClass.FRONTAL: lambda _, film: film,
    PictureClass.INVERTED: lambda _, film: 255 - film,
    PictureClass.SIDEWAYS: lambda rng, film: np.rot90(film, int(rng.choice([1, 3]))),
    PictureClass.UPSIDE_DOWN: lambda rng, film: film[::-1, :: -1 if rng.random() < 0.6 else 1],
    PictureClass.MIRRORED: lambda _, film: film[:, ::-1],
    PictureClass.CUT_OFF: _cut,
    PictureClass.LATERAL: _one_lung,
    PictureClass.NOT_CHEST: lambda rng, film: (
        scrambled(rng, film) if rng.random() < 0.5 else made_up(rng)
    ),
}


# --- fitting ------------------------------------------------------------------------------


def examples(
    rng: Rng, films: NDArray[np.uint8], others: list[Picture]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Thumbnails (n, SIDE, SIDE) and class indices (n,)."""
    thumbnails, truth = [], []
    for index, kind in enumerate(CLASSES):
        for film in films:
            for _ in range(_COPIES[kind]):
                thumbnails.append(thumbnail(shot(rng, fault(rng, film, kind))))
                truth.append(index)
    not_chest = CLASSES.index(PictureClass.NOT_CHEST)
    for picture in others:
        turned = np.ascontiguousarray(np.rot90(picture, int(rng.integers(4))))
        thumbnails.append(thumbnail(shot(rng, turned)))
        truth.append(not_chest)
    return np.stack(thumbnails), np.array(truth)


def build() -> nn.Sequential:
    """The network of ``gate_film_net.GateNet``."""
    return nn.Sequential(
        nn.Conv2d(2, 12, 3, 2, 1), nn.ReLU(), nn.Conv2d(12, 24, 3, 2, 1), nn.ReLU(),
        nn.Conv2d(24, 32, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Dropout(0.3),
        nn.Linear(32 * (SIDE // 8) ** 2, 48), nn.ReLU(), nn.Linear(48, len(CLASSES)),
    )  # fmt: skip


def train(net: nn.Sequential, thumbnails: NDArray[np.uint8], truth: NDArray[np.int64]) -> None:
    """Fit in place: cross entropy, AdamW with one cycle."""
    batch = 256
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
    steps = EPOCHS * (len(truth) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps + 1)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.01)
    rng = np.random.default_rng(1)
    for epoch in range(EPOCHS):
        order = rng.permutation(len(truth))
        total = 0.0
        for start in range(0, len(order) - batch + 1, batch):
            chosen = order[start : start + batch]
            inputs = torch.from_numpy(channels(thumbnails[chosen]))
            optimiser.zero_grad()
            loss = loss_of(net(inputs), torch.from_numpy(truth[chosen]))
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
        log.info("epoch %d, loss %.4f", epoch, total / (len(order) // batch))
    net.eval()


def arrays_of(net: nn.Sequential) -> dict[str, NDArray[np.generic]]:
    """Weights in the names of ``gate_film_net.net_of``."""
    arrays: dict[str, NDArray[np.generic]] = {}
    layers = [layer for layer in net if isinstance(layer, nn.Conv2d | nn.Linear)]
    for index, layer in enumerate(layers):
        weight = layer.weight.detach().numpy().astype(np.float16)
        kind = "kernel" if isinstance(layer, nn.Conv2d) else "dense"
        arrays[f"{kind}_{index}"] = weight if kind == "kernel" else weight.T
        bias = layer.bias
        if bias is None:
            raise ValueError("every layer of the gate has a bias")
        arrays[f"bias_{index}"] = bias.detach().numpy().astype(np.float16)
    return arrays


# --- thresholds and card ------------------------------------------------------------------


def _probabilities(
    arrays: dict[str, NDArray[np.generic]], pictures: NDArray[np.uint8] | list[Picture]
) -> NDArray[np.float32]:
    return net_of(arrays).probabilities(np.stack([thumbnail(picture) for picture in pictures]))


def right(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probability of an upright frontal film, mirrored or not."""
    frontal, mirrored = (
        CLASSES.index(kind) for kind in (PictureClass.FRONTAL, PictureClass.MIRRORED)
    )
    return np.asarray(probabilities[:, frontal] + probabilities[:, mirrored])


def thresholds(arrays: dict[str, NDArray[np.generic]], films: Films) -> dict[str, np.float32]:
    """Quantiles: refusing over all sets, warning on the worst set."""
    found = {name: _probabilities(arrays, pictures) for name, pictures in films.sets.items()}
    pooled = np.concatenate(list(found.values()))
    return {
        "threshold_refuse": np.float32(np.quantile(right(pooled), _REFUSED_SHARE)),
        "threshold_warn": np.float32(
            min(np.quantile(right(p), _WARNED_SHARE) for p in found.values())
        ),
    }


def card(
    arrays: dict[str, NDArray[np.generic]], films: Films, others: dict[str, list[Picture]]
) -> dict[str, object]:
    """What was measured on test films and held-out pictures; mirrored films are no fault here."""
    rng = np.random.default_rng(2)
    refuse = float(arrays["threshold_refuse"])
    good = {name: _probabilities(arrays, part) for name, part in films.sets.items()}
    pooled = np.concatenate(list(good.values()))
    faults: dict[str, object] = {}
    for kind in CLASSES[1:-1]:
        made = [fault(rng, film, kind) for film in films.all()[::9]]
        faults[kind.value] = _against(pooled, _probabilities(arrays, made), refuse, kind)
    for name, pictures in others.items():
        kind = PictureClass.NOT_CHEST
        faults[name] = _against(pooled, _probabilities(arrays, pictures), refuse, kind)
    return {
        "refused_right_films": {
            name: _share(right(p) < refuse) for name, p in (good | {"all": pooled}).items()
        },
        "faults": faults,
        "right_films": "NIH ChestX-ray14, Shenzhen, Kermany; patient-disjoint test films",
        "laterals": "no real laterals in the public sets: measured on one-lung stand-ins",
    }


def _share(holds: NDArray[np.bool_]) -> dict[str, float | int]:
    """Share of films with the upper end of its 95 % interval."""
    high = wilson(int(holds.sum()), len(holds)).high
    return {"share": round(float(holds.mean()), 4), "high": round(high or 0.0, 4), "n": len(holds)}


def _against(
    good: NDArray[np.float32],
    found: NDArray[np.float32],
    refuse: float,
    kind: PictureClass,
) -> dict[str, object]:
    """AUC against right films; share refused; share named."""
    scores = [1 - right(p) for p in (good, found)]
    truth = np.repeat([0.0, 1.0], [len(good), len(found)])
    area = auc_interval(truth, np.concatenate(scores))
    return {
        "auc": round(area.value or 0.0, 4),
        "interval": [round(area.low or 0.0, 4), round(area.high or 0.0, 4)],
        "refused": round(float((scores[1] > 1 - refuse).mean()), 4),
        "named": round(float((found.argmax(1) == CLASSES.index(kind)).mean()), 4),
        "n": len(found),
    }


def fit(data: Path, photos: list[Path]) -> dict[str, NDArray[np.generic]]:
    """All arrays of the network's file."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    films = read_films(data)
    groups = other_dicom(data / "interop")
    cells = [_open(p) for p in sorted((data / "pathology" / "cric_cells").rglob("*.jpg"))[::40]]
    known = [picture for group in groups[::2] for picture in group[:2]]
    half = len(photos) // 2
    others = known * 25 + cells[::2] * 2 + photographs(photos[:half], rng, 700)
    thumbnails, truth = examples(rng, films["train"].all()[::EVERY], others)
    log.info("examples %s", np.bincount(truth).tolist())
    net = build()
    train(net, thumbnails, truth)
    arrays = arrays_of(net)
    arrays |= {name: np.asarray(value) for name, value in thresholds(arrays, films["val"]).items()}
    unseen = {
        "other_dicom": [group[0] for group in groups[1::2]],
        "cells": cells[1::2],
        "photographs": photographs(photos[half:], rng, 300),
    }
    measured = card(arrays, films["test"], unseen)
    log.info("card %s", json.dumps(measured, indent=1))
    arrays["card"] = np.frombuffer(json.dumps(measured).encode(), dtype=np.uint8)
    return arrays


def main(arguments: list[str]) -> None:
    """Fit and write the network's file."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    data, out, *photos = (Path(argument) for argument in arguments)
    np.savez_compressed(out, allow_pickle=False, **fit(data, photos))
    log.info("wrote %s, %d bytes", out, out.stat().st_size)


if __name__ == "__main__":
    main(sys.argv[1:])

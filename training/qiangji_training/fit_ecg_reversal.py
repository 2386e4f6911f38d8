"""Fit the network that recognises exchanged electrodes, on rightly wired public recordings.

Every recording gives one right beat and its eight permutations; a network scores beats one by one
and learns to put the right one first. Training: PTB-XL folds 1-8. Limits come from fold 9 and
the odd records of LUDB; fold 10, the even ones and the PTB-XL sample in mV are for the card only.

Run as ``python -m qiangji_training.fit_ecg_reversal SHARED_DATA OUT.npz``.
"""

from __future__ import annotations

import csv
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
import wfdb
from numpy.typing import NDArray
from torch import nn

from qiangji_datasets.records import EcgRecord, PersonIdentity, StudyIds
from qiangji_inference.ecg_reversal import WIRINGS, ReversalNet, arranged_features
from qiangji_inference.ecg_values import take_values
from qiangji_inference.metrics import auc_interval, wilson

log = logging.getLogger(__name__)

Floats = NDArray[np.float32]
Arrays = dict[str, NDArray[np.generic]]

NETS: Final = 3
EPOCHS: Final = 60
_HIDDEN: Final = 32
_BATCH: Final = 64
_FALSE_ALARMS: Final = 0.01  # of rightly wired validation recordings, all wirings together
_LEAST_ODDS: Final = 2.2  # an exchange is at least nine times as likely as right wiring
_FOR_LIMITS: Final = ("fold_9", "ludb_odd")
_PLAUSIBLE_MV: Final = 0.2  # PTB-XL part lost its amplitudes; any plausible one does
_FAILS_EINTHOVEN: Final = 10565
_LUDB_COUNTS_PER_MV: Final = 1000.0


@dataclass(frozen=True, eq=False)
class Parts:
    """Features (n, wirings, f) for training, and by name of those held out."""

    train: Floats
    held_out: dict[str, Floats]


def read_parts(shared: Path) -> Parts:
    """Features of all recordings with a usual beat."""
    train: list[Floats] = []
    held: dict[str, list[Floats]] = {"fold_9": [], "fold_10": []}
    for fold, ecg in _ptbxl(shared / "ecg/ptbxl_part"):
        found = arranged_features(take_values(ecg))
        if found is not None and fold <= 8:
            train.append(found)
        elif found is not None:
            held[f"fold_{fold}"].append(found)
    for name, path in _in_mv(shared):
        found = arranged_features(take_values(_recording(name, path)))
        if found is not None:
            held.setdefault(name, []).append(found)
    return Parts(np.stack(train), {name: np.stack(rows) for name, rows in held.items()})


def _in_mv(shared: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted((shared / "ecg/ludb/data").glob("*.hea")):
        yield ("ludb_odd" if int(path.stem) % 2 else "ludb_even"), path
    for path in sorted((shared / "ecg/ptbxl_raw_sample/wfdb").glob("*.hea")):
        yield "ptbxl_mv", path


def _recording(name: str, path: Path) -> EcgRecord:
    """LUDB's headers scale every lead by itself; its counts have one scale."""
    stem = str(path.with_suffix(""))
    if name.startswith("ludb"):
        read = wfdb.rdrecord(stem, physical=False)
        mv = read.d_signal.T / _LUDB_COUNTS_PER_MV
    else:
        read = wfdb.rdrecord(stem)
        mv = read.p_signal.T
    return EcgRecord(
        np.ascontiguousarray(mv, np.float32), float(read.fs), PersonIdentity(), StudyIds()
    )


def _ptbxl(folder: Path) -> Iterator[tuple[int, EcgRecord]]:
    """(fold, recording); limb leads to scale among themselves, chest leads each to its own."""
    with (folder / "labels.csv").open(encoding="utf-8") as handle:
        folds = {int(row["ecg_id"]): int(row["strat_fold"]) for row in csv.DictReader(handle)}
    stored = np.load(folder / "signals.npz")
    rows = zip(stored["ecg_id"], stored["z100"], stored["rel_scale_limb"], strict=True)
    for ecg_id, z100, scale in rows:
        if ecg_id != _FAILS_EINTHOVEN:
            mv = z100.astype(np.float32) / 100.0 * _PLAUSIBLE_MV
            mv[:6] *= scale[:, None]
            yield folds[int(ecg_id)], EcgRecord(mv, 100.0, PersonIdentity(), StudyIds())


def train_net(normal: Floats, seed: int) -> tuple[Floats, ...]:
    """Weights of one network from normalised features (n, wirings, f)."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = nn.Sequential(
        nn.Dropout(0.1), nn.Linear(normal.shape[-1], _HIDDEN), nn.ReLU(),
        nn.Dropout(0.3), nn.Linear(_HIDDEN, 1),
    )  # fmt: skip
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=3e-2)
    steps = EPOCHS * (len(normal) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps + 1)
    for _ in range(EPOCHS):
        order = rng.permutation(len(normal))
        for start in range(0, len(normal) - _BATCH + 1, _BATCH):
            chosen = order[start : start + _BATCH]
            optimiser.zero_grad()
            scores = net(torch.from_numpy(normal[chosen]))[..., 0]  # (batch, wirings)
            loss = -torch.log_softmax(scores, dim=1)[:, 0].mean()
            loss.backward()
            optimiser.step()
            schedule.step()
    return tuple(part.detach().numpy() for part in net.parameters())


def odds(net: ReversalNet, features: Floats) -> tuple[Floats, Floats]:
    """Log odds (n, wirings - 1) of each exchange: as wired, and after that exchange was made.

    An exchange made twice is none, so the second is the first with its sign changed.
    """
    score = net.scores(features.reshape(-1, features.shape[-1])).reshape(features.shape[:2])
    right = score[:, 1:] - score[:, :1]
    return right, -right


def limits(right: Floats) -> Floats:
    """Least log odds (wirings - 1,) that count.

    First beyond every rightly wired recording (n, wirings - 1); then false alarms are spent, one
    after the other, on the wiring of which most more is found for one, until none is left.
    """
    ranked = np.sort(right, axis=0)[::-1]
    columns = np.arange(right.shape[1])

    def at(passed: NDArray[np.intp]) -> Floats:
        return np.asarray(np.maximum(ranked[passed, columns] + 1e-3, _LEAST_ODDS), np.float32)

    passed = np.zeros(right.shape[1], dtype=np.intp)
    while True:
        steps = [passed + (columns == column) for column in columns]
        kept = [s for s in steps if (right > at(s)).any(axis=1).mean() <= _FALSE_ALARMS]
        gains = [float((-right > at(step)).mean(axis=0).sum()) for step in kept]
        if not gains or max(gains) <= float((-right > at(passed)).mean(axis=0).sum()):
            return at(passed)
        passed = kept[int(np.argmax(gains))]


def card(net: ReversalNet, held_out: dict[str, Floats]) -> dict[str, object]:
    """AUC with its interval, share found, and false alarms of each wiring on each set."""
    found: dict[str, object] = {}
    least = np.asarray(list(net.limits.values()), dtype=np.float32)
    for name, features in held_out.items():
        right, wrong = odds(net, features)
        truth = np.repeat([0.0, 1.0], len(right))
        rows: dict[str, object] = {}
        for index, wiring in enumerate(WIRINGS[1:]):
            area = auc_interval(truth, np.concatenate([right[:, index], wrong[:, index]]))
            rows[wiring] = {
                "auc": _rounded(area.value),
                "interval": [_rounded(area.low), _rounded(area.high)],
                "found": _rounded(float((wrong[:, index] > least[index]).mean())),
            }
        alarms = int(np.count_nonzero(np.any(right > least, axis=1)))
        share = wilson(alarms, len(right))
        rows["false_alarms"] = {"share": _rounded(share.value), "high": _rounded(share.high)}
        found[name] = rows | {"n": len(right)}
    return found


def _rounded(value: float | None) -> float:
    return round(value or 0.0, 4)


def fit(parts: Parts) -> Arrays:
    """All arrays of the file; ``limits`` never see the test sets."""
    flat = parts.train.reshape(-1, parts.train.shape[-1])
    mean, scale = flat.mean(axis=0), flat.std(axis=0) + 1e-4
    normal = np.clip((parts.train - mean) / scale, -4.0, 4.0).astype(np.float32)
    return finished(mean, scale, [train_net(normal, seed) for seed in range(NETS)], parts.held_out)


def finished(
    mean: Floats, scale: Floats, nets: list[tuple[Floats, ...]], held_out: dict[str, Floats]
) -> Arrays:
    """The file's arrays from trained networks: half precision, limits, card."""
    halves = [tuple(part.astype(np.float16).astype(np.float32) for part in net) for net in nets]
    open_net = ReversalNet(mean, scale, tuple(halves), dict.fromkeys(WIRINGS[1:], 0.0))
    known = np.concatenate([held_out[name] for name in _FOR_LIMITS])
    least = limits(odds(open_net, known)[0])
    net = ReversalNet(
        mean, scale, tuple(halves), dict(zip(WIRINGS[1:], least.tolist(), strict=True))
    )
    measured = card(net, held_out)
    log.info("card %s", json.dumps(measured, indent=1))
    arrays: Arrays = {"mean": mean, "scale": scale, "limits": least}
    for number, parts in enumerate(halves):
        arrays |= {
            f"net{number}_{part}": value.astype(np.float16) for part, value in enumerate(parts)
        }
    arrays["card"] = np.frombuffer(json.dumps(measured).encode(), dtype=np.uint8)
    return arrays


def main(arguments: list[str]) -> None:
    """Fit and write the network's file."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    shared, out = (Path(argument) for argument in arguments)
    np.savez_compressed(out, allow_pickle=False, **fit(read_parts(shared)))
    log.info("wrote %s, %d bytes", out, out.stat().st_size)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Fit the network that recognises exchanged electrodes, on rightly wired public recordings.

Every recording gives one right wiring and its eight permutations; a network has one output for
each exchange and learns that it grows when the exchange is made. Recordings are also mixed with
one another, which keeps the wiring, and some get noise that is alike at all electrodes. Training:
PTB-XL folds 1-8. Limits come from fold 9 and the odd records of LUDB; fold 10, the even ones and
the PTB-XL sample in mV are for the card only.

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
from qiangji_inference.ecg_reversal import ReversalNet
from qiangji_inference.ecg_values import take_values
from qiangji_inference.ecg_wiring import WIRINGS, Wired, arranged_features, wired
from qiangji_inference.metrics import auc_interval, wilson

log = logging.getLogger(__name__)

Floats = NDArray[np.float32]
Arrays = dict[str, NDArray[np.generic]]

NETS: Final = 5
EPOCHS: Final = 40
_HIDDEN: Final = 32
_BATCH: Final = 64
_MIXTURES: Final = 3  # of the training set, beside itself
_MOST_MIXED: Final = 0.4  # of another recording
_NOISY_SHARE: Final = 0.2  # of the mixtures
#: Of rightly wired validation recordings, all wirings together: half of what is allowed of others.
_FALSE_ALARMS: Final = 0.005
_LEAST_ODDS: Final = 2.2  # an exchange is at least nine times as likely as right wiring
_FOR_LIMITS: Final = ("fold_9", "ludb_odd")
_PLAUSIBLE_MV: Final = 0.2  # PTB-XL part lost its amplitudes; any plausible one does
_FAILS_EINTHOVEN: Final = 10565
_LUDB_COUNTS_PER_MV: Final = 1000.0


@dataclass(frozen=True, eq=False)
class Parts:
    """Recordings (n, …) for training, and by name those held out."""

    train: Wired
    held_out: dict[str, Wired]


def read_parts(shared: Path) -> Parts:
    """All recordings with a usual beat."""
    train: list[Wired] = []
    held: dict[str, list[Wired]] = {"fold_9": [], "fold_10": []}
    for fold, ecg in _ptbxl(shared / "ecg/ptbxl_part"):
        found = wired(take_values(ecg))
        if found is not None:
            (train if fold <= 8 else held[f"fold_{fold}"]).append(found)
    for name, path in _in_mv(shared):
        found = wired(take_values(_recording(name, path)))
        if found is not None:
            held.setdefault(name, []).append(found)
    return Parts(_stacked(train), {name: _stacked(rows) for name, rows in held.items()})


def _stacked(rows: list[Wired]) -> Wired:
    return Wired(
        np.stack([row.beat for row in rows]),
        np.stack([row.rest for row in rows]),
        np.stack([row.has_p for row in rows]),
    )


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


def mixed(rng: np.random.Generator, right: Wired) -> Wired:
    """Each recording with up to ``_MOST_MIXED`` of another, with P where it has P.

    Potentials add up, so a mixture of rightly wired recordings is rightly wired; what is between
    the beats is independent, so its covariances add up with squared weights.
    """
    even = _of_even_size(right)
    partner = np.empty(len(even.beat), dtype=np.intp)
    for has_p in (0, 1):
        chosen = np.flatnonzero(even.has_p == has_p)
        partner[chosen] = rng.permutation(chosen)
    share = rng.uniform(0, _MOST_MIXED, (len(partner), 1, 1)).astype(np.float32)
    beat = (1 - share) * even.beat + share * even.beat[partner]
    share = share[..., None]
    rest = (1 - share) ** 2 * even.rest + share**2 * even.rest[partner]
    return Wired(beat, rest + _alike_noise(rng, rest), even.has_p)


def _of_even_size(right: Wired) -> Wired:
    """Limbs together, and each chest electrode by itself, at a mean square of 1 over the beat."""
    square = np.mean(right.beat**2, axis=-1)
    square[:, :3] = square[:, :3].mean(axis=1, keepdims=True)
    size = np.sqrt(square) + 1e-6
    products = size[:, None, :, None] * size[:, None, None, :]
    return Wired(right.beat / size[..., None], right.rest / products, right.has_p)


def _alike_noise(rng: np.random.Generator, rest: Floats) -> Floats:
    """Covariances (n, 2, 9, 9) of noise that is alike at all electrodes, in some recordings.

    The devices of other sites may add more of it than trembling muscles do.
    """
    count = len(rest)
    power = np.trace(rest, axis1=-2, axis2=-1)[..., None, None] / rest.shape[-1]
    power = power * rng.uniform(0, 4, (count, 1, 1, 1))
    power = power * (rng.random((count, 1, 1, 1)) < _NOISY_SHARE)
    limbs = np.eye(9)
    limbs[:3, :3] -= 1 / 3  # potentials are taken against the mean of the limbs
    limbs[3:, 3:] += 1 / 3
    limbs[:3, 3:] = limbs[3:, :3] = 0
    return np.asarray(power * limbs, dtype=np.float32)


def train_net(sets: list[Floats], seed: int) -> tuple[Floats, ...]:
    """Weights of one network; an epoch goes through one of the sets (n, wirings, f)."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    count, _, width = sets[0].shape
    net = nn.Sequential(
        nn.Dropout(0.1), nn.Linear(width, _HIDDEN), nn.ReLU(),
        nn.Dropout(0.3), nn.Linear(_HIDDEN, len(WIRINGS) - 1, bias=False),
    )  # fmt: skip
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=3e-2)
    steps = EPOCHS * (count // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps + 1)
    own = torch.arange(len(WIRINGS) - 1)
    for epoch in range(EPOCHS):
        order = rng.permutation(count)
        for start in range(0, count - _BATCH + 1, _BATCH):
            chosen = sets[epoch % len(sets)][order[start : start + _BATCH]]
            optimiser.zero_grad()
            fit = net(torch.from_numpy(chosen))  # (batch, wirings, exchanges)
            odds = fit[:, own + 1, own] - fit[:, :1, own][:, 0]
            loss = nn.functional.softplus(odds).mean(dim=0).sum()
            loss.backward()
            optimiser.step()
            schedule.step()
    return tuple(part.detach().numpy() for part in net.parameters())


def odds(net: ReversalNet, features: Floats) -> tuple[Floats, Floats]:
    """Log odds (n, wirings - 1) of each exchange: as wired, and after that exchange was made.

    An exchange made twice is none, so the second is the first with its sign changed.
    """
    right = net.odds(features)
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
    rng = np.random.default_rng(0)
    plain = arranged_features(parts.train)
    sets = [plain, *(arranged_features(mixed(rng, parts.train)) for _ in range(_MIXTURES))]
    flat = plain.reshape(-1, plain.shape[-1])
    mean, scale = flat.mean(axis=0), flat.std(axis=0) + 1e-4
    sets = [np.clip((part - mean) / scale, -4.0, 4.0).astype(np.float32) for part in sets]
    nets = [train_net(sets, seed) for seed in range(NETS)]
    held_out = {name: arranged_features(part) for name, part in parts.held_out.items()}
    return finished(mean, scale, nets, held_out)


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

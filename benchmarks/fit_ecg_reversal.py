"""Fit the weights of ``ecg_reversal.json`` on public recordings with electrodes exchanged by sums.

Usage: ``python benchmarks/fit_ecg_reversal.py SHARED_DATA OUT.json``. Needs scikit-learn.
Training: PTB-XL part (1,800 recordings with a usual beat) and the odd records of LUDB, each in the
four wirings. Test: the even records of LUDB.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import wfdb
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from qiangji_datasets.records import EcgRecord, PersonIdentity, StudyIds
from qiangji_datasets.synthetic.ecg_faults import Reversal, electrodes_of, leads_of, reverse
from qiangji_inference.ecg_reversal import WIRINGS, beat_features
from qiangji_inference.ecg_values import take_values

_RECORDED = [0, 1, 6, 7, 8, 9, 10, 11]
_PLAUSIBLE_MV = 0.2  # PTB-XL part lost its amplitudes; any plausible one does
_FAILS_EINTHOVEN = 10565
_STRENGTH = 0.1  # inverse regularisation, chosen on the even records of LUDB among .003 to .1
_THRESHOLD = {"ra_la": 0.7, "ra_ll": 0.7, "la_ll": 0.92}  # no false alarm on any recording used
_NONE_WEIGHT = 6.0


def _ptbxl(folder: Path) -> Iterator[tuple[int, EcgRecord]]:
    stored = np.load(folder / "signals.npz")
    for ecg_id, z100, scale in zip(
        stored["ecg_id"], stored["z100"], stored["rel_scale_limb"], strict=True
    ):
        if ecg_id != _FAILS_EINTHOVEN:
            mv = z100.astype(np.float32) / 100.0
            mv[:6] *= scale[:, None]
            yield int(ecg_id), _record((mv * _PLAUSIBLE_MV).astype(np.float32), 100.0)


def _ludb(folder: Path) -> Iterator[tuple[int, EcgRecord]]:
    for number in range(1, 201):
        mv = wfdb.rdrecord(str(folder / "data" / str(number))).p_signal.T
        yield number, _record(np.ascontiguousarray(mv, dtype=np.float32), 500.0)


def _record(mv: NDArray[np.float32], rate_hz: float) -> EcgRecord:
    return EcgRecord(mv, rate_hz, PersonIdentity(), StudyIds())


def _wired(ecg: EcgRecord) -> NDArray[np.float64] | None:
    """(4, features), one row a wiring; None where there is no usual beat."""
    values = take_values(ecg)
    if values.usual is None or values.level_mv is None:
        return None
    electrodes = electrodes_of((values.usual - values.level_mv[:, None])[_RECORDED])
    rows = [beat_features(leads_of(reverse(electrodes, Reversal(w))), values) for w in WIRINGS]
    return None if rows[0] is None else np.asarray(rows)


def main(shared: Path, out: Path) -> None:
    """Fit, report on the even records of LUDB, write the weights."""
    ptbxl = [
        found for _, ecg in _ptbxl(shared / "ecg/ptbxl_part") if (found := _wired(ecg)) is not None
    ]
    ludb = [
        (k, found) for k, ecg in _ludb(shared / "ecg/ludb") if (found := _wired(ecg)) is not None
    ]
    train = np.concatenate(ptbxl + [found for k, found in ludb if k % 2])
    test = np.concatenate([found for k, found in ludb if k % 2 == 0])
    classes = np.arange(len(WIRINGS))
    target = np.tile(classes, len(train) // len(classes))
    mean, scale = train.mean(axis=0), train.std(axis=0) + 1e-6
    weight = np.where(target == 0, _NONE_WEIGHT, 1.0)
    model = LogisticRegression(C=_STRENGTH, max_iter=2000)
    model.fit((train - mean) / scale, target, sample_weight=weight)
    stored = {
        "made_by": "benchmarks/fit_ecg_reversal.py",
        "fitted_on": f"PTB-XL part ({len(ptbxl)}, CC BY 4.0), LUDB odd records (ODC-By)",
        "threshold": _THRESHOLD,
        "mean": np.round(mean, 5).tolist(),
        "scale": np.round(scale, 5).tolist(),
        "weight": np.round(model.coef_, 5).tolist(),
        "bias": np.round(model.intercept_, 5).tolist(),
    }
    out.write_text(json.dumps(stored, separators=(",", ":")) + "\n", encoding="utf-8")
    _report(model.predict_proba((test - mean) / scale), np.tile(classes, len(test) // len(classes)))


def _report(chance: NDArray[np.float64], target: NDArray[np.intp]) -> None:
    limits = np.array([_THRESHOLD.get(wiring, 0.0) for wiring in WIRINGS])
    best = chance.argmax(axis=1)
    said = np.where(chance.max(axis=1) >= limits[best], best, 0)
    for index, wiring in enumerate(WIRINGS):
        print(
            f"{wiring}: n={int((target == index).sum())} "
            f"any exchange suspected {float((said[target == index] > 0).mean()):.3f}, "
            f"the right one {float((said[target == index] == index).mean()):.3f}"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

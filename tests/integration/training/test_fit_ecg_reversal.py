"""The network that recognises exchanged electrodes, fitted from end to end on a few recordings."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytestmark = [
    pytest.mark.train,
    pytest.mark.shared,
    pytest.mark.filterwarnings("ignore:The inplace keyword"),  # wfdb's use of pandas
]

from qiangji_inference.ecg_reversal import WIRINGS  # noqa: E402 - after the skip

#: Recordings of each fold of the reduced PTB-XL, and records of LUDB.
A_FOLD, LUDB = 12, 6
#: Guessing ranks an exchange above right wiring in half of the pairs.
GUESSING = 0.5


@pytest.fixture(scope="module")
def few(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three sets in their layout, cut down to a few recordings."""
    root = tmp_path_factory.mktemp("reversal")
    source, target = shared_data / "ecg/ptbxl_part", root / "ecg/ptbxl_part"
    target.mkdir(parents=True)
    with (source / "labels.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    folds = np.array([int(row["strat_fold"]) for row in rows])
    kept = np.concatenate([np.flatnonzero(folds == fold)[:A_FOLD] for fold in range(1, 11)])
    with np.load(source / "signals.npz") as stored:
        ids = stored["ecg_id"][kept]
        cut = {key: stored[key][kept] for key in ("z100", "ecg_id", "rel_scale_limb")}
    np.savez(target / "signals.npz", **cut)
    shutil.copy(source / "labels.csv", target)
    assert len(set(ids.tolist())) == 10 * A_FOLD
    for folder, count in (("ecg/ludb/data", LUDB), ("ecg/ptbxl_raw_sample/wfdb", 3)):
        (root / folder).mkdir(parents=True)
        for header in sorted((shared_data / folder).glob("*.hea"))[:count]:
            for part in (shared_data / folder).glob(f"{header.stem}.*"):
                shutil.copy(part, root / folder)
    return root


def test_a_few_recordings_are_enough_to_tell_exchanged_arms(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qiangji_training import fit_ecg_reversal  # wfdb warns while it is imported

    monkeypatch.setattr(fit_ecg_reversal, "EPOCHS", 20)

    fit_ecg_reversal.main([str(few), str(tmp_path / "net.npz")])

    with np.load(tmp_path / "net.npz", allow_pickle=False) as stored:
        arrays = {key: stored[key] for key in stored.files}
    card = json.loads(arrays["card"].tobytes())
    assert arrays["limits"].shape == (len(WIRINGS) - 1,)
    assert (arrays["limits"] > 0).all()
    assert set(card) == {"fold_9", "fold_10", "ludb_odd", "ludb_even", "ptbxl_mv"}
    assert card["fold_10"]["n"] <= A_FOLD
    found = [card["fold_10"][wiring]["auc"] for wiring in WIRINGS[1:]]
    assert np.mean(found) > GUESSING + 0.2
    assert card["fold_10"]["false_alarms"]["share"] <= 1
    nets = {key.split("_")[0] for key in arrays if key.startswith("net")}
    assert len(nets) == fit_ecg_reversal.NETS

"""Lead names in all their spellings, leads derived from others, and labels that must be wrong.

References
----------
DICOM PS3.16 CID 3001; ISO/IEEE 11073-10101 (MDC codes 2:1 …); EN 1064 table 5 (SCP lead numbers);
Einthoven: I + III = II; Goldberger: aVR = -(I + II)/2, aVL = I - II/2, aVF = II - I/2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats.dicom_values import Notices
from qiangji_datasets.records import LEADS

LIMB: Final = LEADS[:6]
PRECORDIAL: Final = LEADS[6:]
#: Lead number of EN 1064 and of MDC block 2.
_NUMBERS: Final = {
    1: "I", 2: "II", 3: "V1", 4: "V2", 5: "V3", 6: "V4", 7: "V5", 8: "V6",
    61: "III", 62: "aVR", 63: "aVL", 64: "aVF", 65: "-aVR",
}  # fmt: skip
_MDC_BLOCK: Final = 2 << 16
_NAMES: Final = {name.upper(): name for name in (*LEADS, "-aVR")}
_DECORATION: Final = re.compile(
    r"MDC_ECG_LEAD_|(?<![A-Z])(LEAD|ECG|CHANNEL)(?![A-Z])|导联|\(.*?\)|[\s_:]+", re.IGNORECASE
)

#: Residual over signal (standard deviations) up to which the limb leads fit; rounding and
#: filtering lead by lead stay below .2 in PTB-XL and LUDB.
_FITS: Final = 0.25
#: A relabelling is proved when it makes a misfit vanish to this residual.
_PROVED: Final = 0.05
_QUIET_MV: Final = 0.02
#: Einthoven and the three laws of Goldberger as weights on I II III aVR aVL aVF; each sums to 0.
_LAWS: Final = np.array(
    [
        [1.0, -1.0, 1.0, 0.0, 0.0, 0.0],
        [0.5, 0.5, 0.0, 1.0, 0.0, 0.0],
        [-1.0, 0.5, 0.0, 0.0, 1.0, 0.0],
        [0.5, -1.0, 0.0, 0.0, 0.0, 1.0],
    ]
)


def lead_of_label(label: str) -> str:
    """Our name of a lead written as "Lead I", "I", "i", "MDC_ECG_LEAD_I"; empty if unknown."""
    plain = _DECORATION.sub("", label).upper()
    plain = plain.removesuffix("EINTHOVEN")
    return _NAMES.get(plain, "")


def lead_of_code(value: str, scheme: str) -> str:
    """Our name of a lead coded in MDC, SCPECG or DICOM's older form of it; empty if unknown."""
    if scheme.upper() not in ("MDC", "SCPECG", "MDC-ECG", "ISO/IEEE 11073", ""):
        return ""
    if value.upper().startswith("MDC_"):
        return lead_of_label(value)
    match = re.fullmatch(r"(?:2:|5\.6\.3-9-)(\d{1,5})", value)
    if match:
        return _NUMBERS.get(int(match[1]), "")
    if value.isdecimal() and len(value) <= 6:
        return _NUMBERS.get(int(value) - _MDC_BLOCK, "")
    return ""


@dataclass(frozen=True)
class TwelveLeads:
    """(12, n) float32 in mV in the order of ``LEADS``, and the leads that were reckoned."""

    signal_mv: NDArray[np.float32]
    derived: tuple[str, ...]


def assemble(recorded: dict[str, NDArray[np.float64]], notices: Notices) -> TwelveLeads:
    """Put leads in order, derive the limb leads that were not recorded, mark absent ones NaN.

    Parameters
    ----------
    recorded
        Lead name to signal (n,) in mV, all of one length; ``-aVR`` is turned over.

    Raises
    ------
    InputRejected
        Fewer than two of I, II, III, or no chest lead, or labels that the signals disprove.
    """
    known = {name: signal for name, signal in recorded.items() if name in LEADS}
    if "-aVR" in recorded and "aVR" not in known:
        known["aVR"] = -recorded["-aVR"]
    before = set(known)
    derive_limb(known)
    missing = [name for name in LEADS if name not in known]
    if any(name in LIMB for name in missing) or len(missing) == len(PRECORDIAL):
        raise InputRejected("ecg.too_few_leads", missing=" ".join(missing))
    check_limb_leads(known, before, notices)
    if missing:
        notices.warn("ecg.leads_missing", missing=" ".join(missing))
    length = len(next(iter(known.values())))
    off = np.full(length, np.nan)
    signal = np.stack([known.get(name, off) for name in LEADS]).astype(np.float32)
    return TwelveLeads(signal, tuple(name for name in LEADS if name in known.keys() - before))


def derive_limb(known: dict[str, NDArray[np.float64]]) -> None:
    """Add what two limb leads determine; nothing when fewer than two of I, II, III are there."""
    if "I" not in known and {"II", "III"} <= known.keys():
        known["I"] = known["II"] - known["III"]
    if "II" not in known and {"I", "III"} <= known.keys():
        known["II"] = known["I"] + known["III"]
    if not {"I", "II"} <= known.keys():
        return
    one, two = known["I"], known["II"]
    known.setdefault("III", two - one)
    known.setdefault("aVR", -(one + two) / 2)
    known.setdefault("aVL", one - two / 2)
    known.setdefault("aVF", two - one / 2)


def limb_residual(covariance: NDArray[np.float64]) -> float:
    """Largest misfit of Einthoven and Goldberger over the largest limb lead, as SD ratio.

    Parameters
    ----------
    covariance
        (6, 6) of the limb leads in the order of ``LIMB``, mV².
    """
    scale = float(np.sqrt(max(covariance.diagonal().max(), 0.0)))
    if scale < _QUIET_MV:
        return 0.0
    misfits = np.einsum("ki,ij,kj->k", _LAWS, covariance, _LAWS)
    return float(np.sqrt(max(misfits.max(), 0.0))) / scale


def check_limb_leads(
    leads: dict[str, NDArray[np.float64]], recorded: set[str], notices: Notices
) -> None:
    """Refuse labels that a swap or a sign explains; report limb leads that fit in no way.

    Raises
    ------
    InputRejected
        Two limb leads carry each other's label, or one is upside down: with that put right the
        laws of Einthoven and Goldberger hold, as labelled they do not.
    """
    limb = np.stack([leads[name] for name in LIMB])
    limb = limb[:, np.isfinite(limb).all(axis=0)]
    if limb.shape[1] < 2:
        return
    covariance = np.cov(limb)
    residual = limb_residual(covariance)
    if residual <= _FITS:
        return
    if recorded >= set(LIMB):
        for found, change in _relabelled():
            if limb_residual(change @ covariance @ change.T) < _PROVED:
                raise InputRejected("ecg.leads_contradict", found=found)
    notices.inform("ecg.limb_leads_do_not_fit", residual=round(residual, 2))


def _relabelled() -> list[tuple[str, NDArray[np.float64]]]:
    """Every swap of two limb leads and every lead turned over, as matrices on the leads."""
    changes = []
    for one, other in combinations(range(len(LIMB)), 2):
        order = list(range(len(LIMB)))
        order[one], order[other] = other, one
        changes.append((f"{LIMB[one]} ↔ {LIMB[other]}", np.eye(len(LIMB))[order]))
    for index, name in enumerate(LIMB):
        signs = np.ones(len(LIMB))
        signs[index] = -1
        changes.append((f"-{name}", np.diag(signs)))
    return changes

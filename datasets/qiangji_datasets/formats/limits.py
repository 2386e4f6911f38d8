"""Bounds on hostile input, all checked before anything is decoded, and facts a person states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from qiangji_datasets.records import Modality, Sex, View


@dataclass(frozen=True)
class Limits:
    """Largest input that is decoded; anything beyond is refused with its reason.

    Parameters
    ----------
    file_bytes
        Size of one file.
    inflated_bytes
        Size of a deflated data set once inflated.
    pixels
        Rows times columns of a film.
    side
        Rows or columns of a film.
    depth
        Sequences inside each other.
    elements
        Data elements, sequence items and fragments in one file.
    waveform_channels
        Channels of one multiplex group or WFDB record.
    waveform_samples
        Samples of one channel.
    """

    file_bytes: int = 256 * 2**20
    inflated_bytes: int = 256 * 2**20
    pixels: int = 50_000_000
    side: int = 20_000
    depth: int = 64
    elements: int = 200_000
    waveform_channels: int = 64
    waveform_samples: int = 2_400_000


DEFAULT: Final = Limits()


@dataclass(frozen=True)
class Stated:
    """Facts that a person stated about a file which does not carry them.

    ``modality`` is required for a picture (PNG, JPEG, BMP); ``rate_hz`` and ``unit`` (``uV``,
    ``mV``, ``V``, ``nV``) for a CSV without its own header comments. ``leads`` names the columns
    of a CSV without a header row. ``pixel_um`` is the side of a pixel in the object plane of a
    microscope. None and empty mean not stated.
    """

    modality: Modality | None = None
    age_years: float | None = None
    sex: Sex | None = None
    view: View | None = None
    rate_hz: float | None = None
    unit: str = ""
    leads: tuple[str, ...] = ()
    patient_id: str = ""
    pixel_um: float | None = None

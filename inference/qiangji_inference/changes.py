"""Changed copies of a recording, as another site's devices and exports would deliver it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from qiangji_datasets.records import EcgRecord, Radiograph
from qiangji_models.preprocess import ecg as ecgs
from qiangji_models.preprocess import film as films
from qiangji_models.preprocess.specs import EcgSpec, FilmSpec

#: Size, relative to the network's input, to which a film is first resized by another kernel.
KERNEL_SCALE: Final = 1.5
_FILTER_ORDER: Final = 2


@dataclass(frozen=True)
class FilmChange:
    """A change of films; ``id`` is the end of its message key, ``kind`` groups rows."""

    id: str
    kind: str
    apply: Callable[[NDArray[np.uint8], FilmSpec], NDArray[np.uint8]]


@dataclass(frozen=True)
class WindowChange:
    """Another display range when the film was exported, in percentiles of its values."""

    id: str
    kind: str
    percentiles: tuple[float, float]


@dataclass(frozen=True)
class EcgChange:
    """A change of ECGs; may draw from the generator."""

    id: str
    kind: str
    apply: Callable[[EcgRecord, np.random.Generator], EcgRecord]


def changed_film(film: Radiograph, change: FilmChange | WindowChange, spec: FilmSpec) -> Radiograph:
    """The film as an 8-bit export after the change, to go through production preprocessing."""
    if isinstance(change, WindowChange):
        shown = _stretched(films.values(film), change.percentiles)
        pixels = np.uint8(255) - shown if film.is_monochrome1 else shown
    else:
        ends = (spec.low_percentile, spec.high_percentile)
        pixels = change.apply(films.display(film, percentiles=ends), spec)
    return replace(
        film,
        pixels=pixels,
        bits_stored=8,
        slope=1.0,
        intercept=0.0,
        is_monochrome1=False,
        windows=(),
        voi_lut=None,
        modality_lut=None,
    )


def _stretched(values: NDArray[np.float32], percentiles: tuple[float, float]) -> NDArray[np.uint8]:
    low, high = np.percentile(values, percentiles)
    part = np.clip((values - low) / max(float(high - low), 1e-6), 0, 1)
    return np.asarray(np.rint(255 * part), np.uint8)


def _kernel(
    kernel: Image.Resampling, scale: float = KERNEL_SCALE
) -> Callable[[NDArray[np.uint8], FilmSpec], NDArray[np.uint8]]:
    def apply(shown: NDArray[np.uint8], spec: FilmSpec) -> NDArray[np.uint8]:
        factor = scale * min(spec.rows, spec.cols) / min(shown.shape)
        size = (round(shown.shape[1] * factor), round(shown.shape[0] * factor))
        return np.asarray(Image.fromarray(shown).resize(size, kernel))

    return apply


def _blur(sigma: float) -> Callable[[NDArray[np.uint8], FilmSpec], NDArray[np.uint8]]:
    """Gaussian of ``sigma`` pixels of the network's input."""

    def apply(shown: NDArray[np.uint8], spec: FilmSpec) -> NDArray[np.uint8]:
        radius = sigma * min(shown.shape) / min(spec.rows, spec.cols)
        return np.asarray(Image.fromarray(shown).filter(ImageFilter.GaussianBlur(radius)))

    return apply


def _jpeg(quality: int) -> Callable[[NDArray[np.uint8], FilmSpec], NDArray[np.uint8]]:
    def apply(shown: NDArray[np.uint8], _: FilmSpec) -> NDArray[np.uint8]:
        buffer = io.BytesIO()
        Image.fromarray(shown).save(buffer, "JPEG", quality=quality)
        return np.asarray(Image.open(buffer))

    return apply


def _gamma(power: float) -> Callable[[NDArray[np.uint8], FilmSpec], NDArray[np.uint8]]:
    def apply(shown: NDArray[np.uint8], _: FilmSpec) -> NDArray[np.uint8]:
        table = np.rint(255 * (np.arange(256) / 255) ** power).astype(np.uint8)
        return np.asarray(table[shown], np.uint8)

    return apply


FILM_CHANGES: Final[tuple[FilmChange | WindowChange, ...]] = (
    FilmChange("kernel_nearest", "kernel", _kernel(Image.Resampling.NEAREST)),
    FilmChange("kernel_bilinear", "kernel", _kernel(Image.Resampling.BILINEAR)),
    FilmChange("kernel_lanczos", "kernel", _kernel(Image.Resampling.LANCZOS)),
    FilmChange("kernel_coarse", "kernel", _kernel(Image.Resampling.BICUBIC, 0.75)),
    FilmChange("blur_half", "blur", _blur(0.5)),
    FilmChange("blur_one", "blur", _blur(1.0)),
    FilmChange("jpeg_75", "jpeg", _jpeg(75)),
    FilmChange("jpeg_50", "jpeg", _jpeg(50)),
    FilmChange("jpeg_25", "jpeg", _jpeg(25)),
    WindowChange("window_narrow", "window", (5.0, 95.0)),
    WindowChange("window_wide", "window", (0.0, 100.0)),
    FilmChange("gamma_light", "window", _gamma(0.7)),
    FilmChange("gamma_dark", "window", _gamma(1.4)),
)


def _added(
    make: Callable[
        [NDArray[np.float64], tuple[int, int], np.random.Generator], NDArray[np.float64]
    ],
) -> Callable[[EcgRecord, np.random.Generator], EcgRecord]:
    """Add what ``make`` draws from (times in s, shape, generator), in mV."""

    def apply(record: EcgRecord, rng: np.random.Generator) -> EcgRecord:
        rows, samples = record.signal_mv.shape
        drawn = make(np.arange(samples) / record.rate_hz, (rows, samples), rng)
        return replace(record, signal_mv=np.asarray(record.signal_mv + drawn, np.float32))

    return apply


def _wave(
    hertz: float, amplitude_mv: float
) -> Callable[[NDArray[np.float64], tuple[int, int], np.random.Generator], NDArray[np.float64]]:
    """A sine with another phase in each lead."""

    def make(
        times: NDArray[np.float64], shape: tuple[int, int], rng: np.random.Generator
    ) -> NDArray[np.float64]:
        phase = rng.uniform(0, 2 * np.pi, (shape[0], 1))
        return np.asarray(amplitude_mv * np.sin(2 * np.pi * hertz * times + phase))

    return make


def _white(
    sd_mv: float,
) -> Callable[[NDArray[np.float64], tuple[int, int], np.random.Generator], NDArray[np.float64]]:
    def make(
        _: NDArray[np.float64], shape: tuple[int, int], rng: np.random.Generator
    ) -> NDArray[np.float64]:
        return rng.normal(0, sd_mv, shape)

    return make


def _filtered(kind: str, hertz: float) -> Callable[[EcgRecord, np.random.Generator], EcgRecord]:
    """A causal Butterworth filter, as in a device: it shifts and distorts, unlike ours."""

    def apply(record: EcgRecord, _: np.random.Generator) -> EcgRecord:
        from scipy.signal import butter, sosfilt, sosfilt_zi

        whole = ecgs.bridge_gaps(record.signal_mv)
        sections = butter(_FILTER_ORDER, hertz, btype=kind, fs=record.rate_hz, output="sos")
        state = sosfilt_zi(sections)[:, None, :] * whole[None, :, :1]
        result, _ = sosfilt(sections, whole, axis=1, zi=state)
        return replace(record, signal_mv=np.asarray(result, np.float32))

    return apply


def _at_rate(rate_hz: float) -> Callable[[EcgRecord, np.random.Generator], EcgRecord]:
    def apply(record: EcgRecord, _: np.random.Generator) -> EcgRecord:
        whole = ecgs.bridge_gaps(record.signal_mv)
        # Resampling extends by zeros: take the offset off first, put it back after.
        offset = whole.mean(axis=1, keepdims=True)
        less = ecgs.resample(whole - offset, record.rate_hz, rate_hz) + offset
        return replace(record, signal_mv=np.asarray(less, np.float32), rate_hz=rate_hz)

    return apply


def _rounded(step_mv: float) -> Callable[[EcgRecord, np.random.Generator], EcgRecord]:
    def apply(record: EcgRecord, _: np.random.Generator) -> EcgRecord:
        signal = np.rint(record.signal_mv / step_mv) * step_mv
        return replace(record, signal_mv=np.asarray(signal, np.float32))

    return apply


ECG_CHANGES: Final[tuple[EcgChange, ...]] = (
    EcgChange("noise_20uv", "noise", _added(_white(0.02))),
    EcgChange("noise_50uv", "noise", _added(_white(0.05))),
    EcgChange("mains_100uv", "noise", _added(_wave(50.0, 0.1))),
    EcgChange("wander_500uv", "noise", _added(_wave(0.3, 0.5))),
    EcgChange("low_pass_35", "filter", _filtered("lowpass", 35.0)),
    EcgChange("low_pass_25", "filter", _filtered("lowpass", 25.0)),
    EcgChange("high_pass_05", "filter", _filtered("highpass", 0.5)),
    EcgChange("rate_250", "rate", _at_rate(250.0)),
    EcgChange("rate_125", "rate", _at_rate(125.0)),
    EcgChange("step_20uv", "rate", _rounded(0.02)),
)


def changes_of(spec: FilmSpec | EcgSpec) -> tuple[FilmChange | WindowChange | EcgChange, ...]:
    """Every change that fits what a bundle reads."""
    return ECG_CHANGES if isinstance(spec, EcgSpec) else FILM_CHANGES

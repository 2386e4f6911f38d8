"""Pictures that are not chest films, made or found, for fitting the film gate."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

log = logging.getLogger(__name__)

SIDE: Final = 128
Picture = NDArray[np.uint8]
Rng = np.random.Generator
_TWIN: Final = 0.97  # correlation above which two pictures are the same one in another coding
#: Chest films and unlabelled tests among the interop files; everything else there is no chest.
_CHEST_NAMES: Final = ("RG1_", "CR-MONO1-10-chest", "dx_image")


def made_up(rng: Rng) -> Picture:
    """One picture of a random kind (SIDE, SIDE)."""
    makers: tuple[Callable[[Rng], NDArray[np.floating]], ...] = (
        _cloud, _gradient, _document, _trace, _shapes, _limb, _limb, _hand, _slice, _slice, _blank,
    )  # fmt: skip
    drawn = makers[int(rng.integers(len(makers)))](rng)
    if rng.random() < 0.25:
        drawn = 255 - drawn
    noise = rng.normal(0, rng.uniform(0, 8), drawn.shape)
    return np.asarray(np.clip(drawn + noise, 0, 255), dtype=np.uint8)


def _cloud(rng: Rng) -> NDArray[np.floating]:
    field = ndimage.gaussian_filter(rng.standard_normal((SIDE, SIDE)), rng.uniform(0, 14))
    return np.asarray(128 + 60 * field / field.std())


def _gradient(rng: Rng) -> NDArray[np.floating]:
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    ramp = x * np.cos(angle) + y * np.sin(angle)
    if rng.random() < 0.4:
        ramp = np.hypot(x - rng.uniform(-0.5, 0.5), y - rng.uniform(-0.5, 0.5)) * 1.4 - 1
    return np.asarray(128 + 120 * np.clip(ramp * rng.uniform(0.5, 2), -1, 1))


def _blank(rng: Rng) -> NDArray[np.floating]:
    grey = np.full((SIDE, SIDE), rng.uniform(0, 255))
    top, left = rng.integers(0, SIDE - 12, 2)
    grey[top : top + 8, left : left + 12] = 255 - grey[0, 0]
    return grey


def _canvas(rng: Rng) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("L", (SIDE * 2, SIDE * 2), int(rng.integers(200, 256)))
    return image, ImageDraw.Draw(image)


def _shrunk(image: Image.Image) -> NDArray[np.floating]:
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=float)


def _document(rng: Rng) -> NDArray[np.floating]:
    image, draw = _canvas(rng)
    font = ImageFont.load_default(size=int(rng.integers(8, 40)))
    letters = list("abcdefghijklmnopqrst ABCDEFGH 0123456789 .,:  ")
    for y in range(int(rng.integers(2, 30)), SIDE * 2, int(rng.integers(14, 50))):
        text = "".join(rng.choice(letters, int(rng.integers(4, 60))))
        draw.text((int(rng.integers(2, 40)), y), text, fill=int(rng.integers(0, 90)), font=font)
    return _shrunk(image)


def _trace(rng: Rng) -> NDArray[np.floating]:
    image, draw = _canvas(rng)
    for line in range(0, SIDE * 2, 10):
        draw.line((line, 0, line, SIDE * 2), fill=215)
        draw.line((0, line, SIDE * 2, line), fill=215)
    for base in np.arange(25, SIDE * 2, rng.integers(30, 70)):
        x = np.arange(0, SIDE * 2)
        beat = np.exp(-(((x % rng.integers(30, 60)) - 15) ** 2) / 6) * rng.uniform(10, 40)
        draw.line(list(zip(x.tolist(), (base - beat).tolist(), strict=True)), fill=20, width=2)
    return _shrunk(image)


def _shapes(rng: Rng) -> NDArray[np.floating]:
    image, draw = _canvas(rng)
    for _ in range(int(rng.integers(2, 14))):
        box = np.sort(rng.integers(0, SIDE * 2, (2, 2)), axis=0).ravel().tolist()
        kind = draw.rectangle if rng.random() < 0.5 else draw.ellipse
        kind(tuple(box), fill=int(rng.integers(0, 256)))
    return _shrunk(image)


def _bone(
    soft: NDArray[np.floating],
    bone: NDArray[np.floating],
    ends: tuple[NDArray[np.floating], NDArray[np.floating]],
    width: float,
) -> None:
    """Add a capsule of bone in its sleeve of soft tissue, both thickness-like."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(float)
    start, end = ends
    along = end - start
    share = ((x - start[0]) * along[0] + (y - start[1]) * along[1]) / (along @ along)
    share = np.clip(share, 0, 1)
    away = np.hypot(x - start[0] - share * along[0], y - start[1] - share * along[1])
    flare = width * (1 + 0.5 * np.abs(2 * share - 1) ** 4)
    np.maximum(bone, np.sqrt(np.clip(1 - (away / flare) ** 2, 0, 1)), out=bone)
    np.maximum(soft, np.sqrt(np.clip(1 - (away / (2.4 * flare)) ** 2, 0, 1)), out=soft)


def _film_of(rng: Rng, soft: NDArray[np.floating], bone: NDArray[np.floating]) -> Picture:
    soft, bone = ndimage.gaussian_filter(soft, 1.5), ndimage.gaussian_filter(bone, 0.8)
    grey = 20 + rng.uniform(60, 120) * soft + rng.uniform(60, 110) * bone
    return np.asarray(np.clip(grey, 0, 255), dtype=np.uint8)


def _limb(rng: Rng) -> NDArray[np.floating]:
    soft, bone = np.zeros((2, SIDE, SIDE))
    tilt = rng.uniform(-0.4, 0.4)
    joint = np.array([rng.uniform(45, 85), rng.uniform(20, 110)])
    reach = 150.0
    for sign in (-1, 1):
        for side in range(int(rng.integers(1, 3))):
            offset = np.array([side * rng.uniform(14, 24), 3.0 * sign])
            way = np.array([np.sin(tilt) * reach, sign * np.cos(tilt) * reach])
            _bone(soft, bone, (joint + offset, joint + offset + way), rng.uniform(6, 15))
    drawn = _film_of(rng, soft, bone).astype(float)
    return drawn if rng.random() < 0.7 else drawn.T


def _hand(rng: Rng) -> NDArray[np.floating]:
    soft, bone = np.zeros((2, SIDE, SIDE))
    wrist = np.array([64 + rng.uniform(-10, 10), rng.uniform(90, 115)])
    _bone(soft, bone, (wrist, wrist + np.array([rng.uniform(-5, 5), 60.0])), rng.uniform(9, 14))
    for angle in np.linspace(-0.7, 0.7, 5) + rng.normal(0, 0.05, 5):
        way = np.array([np.sin(angle), -np.cos(angle)])
        at = wrist + way * 8
        for length in (34.0, 24.0, 16.0, 11.0):
            _bone(soft, bone, (at, at + way * (length - 3)), rng.uniform(3, 4.5))
            at = at + way * length
    return _film_of(rng, soft, bone).astype(float)


def _slice(rng: Rng) -> NDArray[np.floating]:
    """A cross-section or a skull: ellipses within an ellipse on a dark ground."""
    image = Image.new("L", (SIDE * 2, SIDE * 2), int(rng.integers(0, 40)))
    draw = ImageDraw.Draw(image)
    centre, half = rng.uniform(115, 141, 2), rng.uniform(70, 122, 2)
    body = int(rng.integers(80, 200))
    rim = int(rng.integers(2, 14))
    box = [*(centre - half), *(centre + half)]
    draw.ellipse(box, fill=body, outline=int(rng.integers(120, 256)), width=rim)
    for _ in range(int(rng.integers(1, 9))):
        middle, size = centre + rng.uniform(-0.5, 0.5, 2) * half, half * rng.uniform(0.08, 0.4, 2)
        draw.ellipse([*(middle - size), *(middle + size)], fill=int(rng.integers(0, 256)))
    return np.asarray(ndimage.gaussian_filter(_shrunk(image), rng.uniform(0.3, 1.5)))


def scrambled(rng: Rng, film: Picture) -> Picture:
    """A chest film that is none any more: quarters exchanged, or a small part enlarged."""
    if rng.random() < 0.3:
        half = SIDE // 2
        parts = [film[:half, :half], film[:half, half:], film[half:, :half], film[half:, half:]]
        order = np.roll(np.arange(4), int(rng.integers(1, 4)))
        rows = [np.hstack([parts[order[i]], parts[order[i + 1]]]) for i in (0, 2)]
        return np.vstack(rows)
    side = int(rng.uniform(0.15, 0.34) * SIDE)
    top, left = rng.integers(0, SIDE - side, 2)
    part = Image.fromarray(film[top : top + side, left : left + side])
    return np.asarray(part.resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def photographs(paths: list[Path], rng: Rng, count: int) -> list[Picture]:
    """Random square parts of photographs."""
    images = [Image.open(path).convert("L") for path in paths]
    found = []
    for _ in range(count):
        image = images[int(rng.integers(len(images)))]
        side = int(rng.uniform(0.3, 1.0) * min(image.size))
        left, top = (int(rng.integers(0, edge - side + 1)) for edge in image.size)
        part = image.crop((left, top, left + side, top + side))
        found.append(np.asarray(part.resize((SIDE, SIDE), Image.Resampling.BOX)))
    return found


def other_dicom(folder: Path) -> list[list[Picture]]:
    """Non-chest DICOM pictures of the interop set, copies of one picture grouped together."""
    groups: list[list[Picture]] = []
    kinds = ("dicom-ct", "dicom-mr", "dicom-cr-dx", "dicom-other-image", "dicomdir")
    for path in sorted(path for kind in kinds for path in (folder / kind).rglob("*")):
        if not path.is_file() or path.name.startswith(_CHEST_NAMES):
            continue
        picture = _dicom_picture(path)
        if picture is None or min(picture.std(), 12) < 12:
            continue
        for group in groups:
            if np.corrcoef(group[0].ravel(), picture.ravel())[0, 1] > _TWIN:
                group.append(picture)
                break
        else:
            groups.append([picture])
    return groups


def _dicom_picture(path: Path) -> Picture | None:
    """First frame, percentile window, square; None (logged) when it does not decode."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(path, force=True)
            pixels = np.asarray(dataset.pixel_array, dtype=np.float32)
    except (AttributeError, ValueError, RuntimeError, KeyError, TypeError, OSError) as error:
        log.info("left out %s: %s", path.name, type(error).__name__)
        return None
    if pixels.ndim > 2 and pixels.shape[-1] in (3, 4):
        pixels = pixels[..., :3].mean(axis=-1)
    while pixels.ndim > 2:
        pixels = pixels[0]
    if min(pixels.shape) < 48:
        return None
    low, high = np.percentile(pixels, [0.5, 99.5])
    grey = np.clip((pixels - low) / max(float(high - low), 1e-6), 0, 1) * 255
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
        grey = 255 - grey
    image = Image.fromarray(grey.astype(np.uint8))
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX))

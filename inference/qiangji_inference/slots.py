"""A bundle's place in the engine: pending, then ready or refused for good."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from qiangji_datasets.errors import BundleError, QiangjiError
from qiangji_datasets.records import Modality, Notice
from qiangji_inference.predict import Model, SessionSettings, open_model
from qiangji_inference.reading import Code, refusal
from qiangji_models.bundle import METADATA, load_bundle

_LOG = logging.getLogger(__name__)


class BundleState(StrEnum):
    """Where a bundle is on its way to use."""

    PENDING = "pending"
    READY = "ready"
    REFUSED = "refused"


@dataclass(frozen=True)
class BundleStatus:
    """One bundle as pages and ``/healthz`` show it; version and hash are empty until loaded."""

    name: str
    state: BundleState
    version: str = ""
    sha256: str = ""
    reason: Notice | None = None


class Slot:
    """One bundle's place: opened at most once, then ready or refused until the next start.

    Parameters
    ----------
    folder
        The bundle's folder.
    settings
        How its session uses the machine.
    """

    def __init__(self, folder: Path, settings: SessionSettings) -> None:
        self.folder = folder
        self.modality = modality_of(folder)
        self._settings = settings
        self._lock = threading.Lock()
        self._opened: Model | BundleError | None = None

    def open(self) -> Model | BundleError:
        """The model, or why the bundle is refused; the first caller opens, others wait."""
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def status(self) -> BundleStatus:
        """Where this bundle stands."""
        match self._opened:
            case Model(bundle=bundle):
                state = BundleState.READY
                return BundleStatus(bundle.name, state, bundle.version, bundle.sha256)
            case BundleError() as error:
                reason = refused(self.folder.name, error)
                return BundleStatus(self.folder.name, BundleState.REFUSED, reason=reason)
            case _:
                return BundleStatus(self.folder.name, BundleState.PENDING)

    def _open(self) -> Model | BundleError:
        try:
            return open_model(load_bundle(self.folder), self._settings)
        except BundleError as error:
            _LOG.error("bundle %s refused: %s", self.folder.name, error)
            return error
        except Exception as error:  # noqa: BLE001 - a damaged bundle must not stop the others
            _LOG.exception("bundle %s could not be opened", self.folder.name)
            return BundleError(
                "bundle.unreadable", bundle=self.folder.name, kind=type(error).__name__
            )


def refused(name: str, error: QiangjiError) -> Notice:
    """Notice for a refused bundle; ``reason`` is the message key of the cause."""
    return refusal(Code.BUNDLE_REFUSED, bundle=name, reason=error.code)


def modality_of(folder: Path) -> Modality | None:
    """What a bundle reads, from its metadata, else its name; None when neither says.

    A damaged bundle has to be reported where it is missed, so this never raises; a bundle of
    unknown modality is reported for every recording.
    """
    try:
        return Modality(json.loads((folder / METADATA).read_text("utf-8"))["qiangji"]["modality"])
    except (OSError, ValueError, KeyError, TypeError):
        prefix = folder.name.split("-")[0]
        return Modality(prefix) if prefix in set(Modality) else None

"""The one table: error class to HTTP status, DICOM status and exit code.

The message key of an error is its ``code``; ``http.<status>`` keys serve faults without one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from qiangji_datasets.errors import (
    BundleError,
    Busy,
    Conflict,
    InputRejected,
    ModelUnavailable,
    NotFound,
    NotPermitted,
    PeerFault,
    QiangjiError,
    QualityRejected,
    StorageFault,
    SystemFault,
    UserError,
    WrongState,
)


@dataclass(frozen=True)
class Mapping:
    """How one kind of error leaves the program.

    ``dicom_status`` is a C-STORE status (PS3.4 B.2.3): A7xx out of resources, A9xx does not
    match, Cxxx cannot understand.
    """

    http: int
    dicom_status: int
    exit_code: int


MAPPINGS: Final[dict[type[QiangjiError], Mapping]] = {
    InputRejected: Mapping(422, 0xC000, 2),
    QualityRejected: Mapping(422, 0xA900, 3),
    NotPermitted: Mapping(403, 0x0124, 4),
    WrongState: Mapping(409, 0xA900, 5),
    NotFound: Mapping(404, 0xA900, 6),
    Conflict: Mapping(409, 0xA900, 7),
    UserError: Mapping(400, 0xC000, 2),
    BundleError: Mapping(500, 0xA700, 20),
    ModelUnavailable: Mapping(503, 0xA700, 21),
    StorageFault: Mapping(507, 0xA700, 22),
    PeerFault: Mapping(502, 0xA700, 23),
    Busy: Mapping(503, 0xA700, 24),
    SystemFault: Mapping(500, 0xA700, 20),
    QiangjiError: Mapping(500, 0xA700, 20),
}


def mapping_of(error: QiangjiError) -> Mapping:
    """The row of the error's class, or of its nearest parent."""
    for kind in type(error).__mro__:
        if kind in MAPPINGS:
            return MAPPINGS[kind]
    raise LookupError(f"no mapping for {type(error).__name__}")

"""The one error tree of the project.

* QiangjiError
  * UserError: shown to a person without a traceback
    - InputRejected: a file, a field or an argument cannot be used
    - QualityRejected: readable, but not good enough for this use
    - NotPermitted: the actor's role or site forbids the act
    - WrongState: the case is not in a state that allows the act
    - NotFound: no such thing, or not visible to the actor
    - Conflict: somebody else changed it first, or it exists already
  * SystemFault: the installation is at fault, logged with a traceback
    - BundleError: a model bundle is damaged or does not match its metadata
    - ModelUnavailable: no usable model for the request
    - StorageFault: disk full, database unreachable, blob missing
    - PeerFault: another system answered wrongly or not at all
    - Busy: too much to do at this moment; the same request may work later

Texts for people live in ``locale/*.toml``, keyed by ``QiangjiError.code``; an error carries
the code and the values to put in, never a patient identifier.
"""

from __future__ import annotations


class QiangjiError(Exception):
    """Base of all our errors.

    Parameters
    ----------
    code
        Message key, dotted and stable, for example ``dicom.pixels_short``.
    params
        Values named in the message; no patient identifiers.
    """

    def __init__(self, code: str, **params: str | int | float) -> None:
        super().__init__(code)
        self.code = code
        self.params: dict[str, str | int | float] = params

    def __str__(self) -> str:
        values = ", ".join(f"{key}={value}" for key, value in sorted(self.params.items()))
        return f"{self.code} ({values})" if values else self.code

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders (decode workers); keyword arguments must survive.
        return (_rebuild, (type(self), self.code, self.params))


def _rebuild(
    kind: type[QiangjiError], code: str, params: dict[str, str | int | float]
) -> QiangjiError:
    return kind(code, **params)


class UserError(QiangjiError):
    """Something a person can put right."""


class InputRejected(UserError):
    """A file, a field or an argument cannot be used."""


class QualityRejected(UserError):
    """Readable, but not good enough for this use."""


class NotPermitted(UserError):
    """The actor's role or site forbids the act."""


class WrongState(UserError):
    """The case is not in a state that allows the act."""


class NotFound(UserError):
    """No such thing, or not visible to the actor."""


class Conflict(UserError):
    """Somebody else changed it first, or it exists already."""


class SystemFault(QiangjiError):
    """The installation is at fault."""


class BundleError(SystemFault):
    """A model bundle is damaged or does not match its metadata."""


class ModelUnavailable(SystemFault):
    """No usable model for the request."""


class StorageFault(SystemFault):
    """Disk full, database unreachable, blob missing."""


class PeerFault(SystemFault):
    """Another system answered wrongly or not at all."""


class Busy(SystemFault):
    """Too much to do at this moment; the same request may work later."""

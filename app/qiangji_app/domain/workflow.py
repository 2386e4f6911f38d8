"""The workflow: one table ``(state, action, role) -> state``; nothing else moves a case."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType

from qiangji_app.domain.roles import SENDERS, Role


class State(StrEnum):
    """Where a case stands; triage is an attribute, not a state."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    CLAIMED = "claimed"
    RETURNED = "returned"
    SIGNED = "signed"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


class Action(StrEnum):
    """What a person does to a case."""

    EDIT = "edit"  # request form, recordings
    SUBMIT = "submit"
    WITHDRAW = "withdraw"
    CLAIM = "claim"
    RELEASE = "release"
    RETURN = "return"
    WRITE = "write"  # draft report, verdicts on AI hints
    SIGN = "sign"
    AMEND = "amend"  # open a new draft on a signed report
    ACKNOWLEDGE = "acknowledge"
    CLOSE = "close"
    CALL = "call"  # critical call
    CONFIRM_CALL = "confirm_call"
    MESSAGE = "message"
    CONFIRM_IDENTITY = "confirm_identity"
    TAKE_OVER = "take_over"  # from a specialist who is away
    SEE_ALARM = "see_alarm"  # the patient behind an AI alarm was looked at


_SENDERS = tuple(sorted(SENDERS))
_ACTING_DOCTORS = (Role.VILLAGE_DOCTOR, Role.TOWNSHIP_DOCTOR)
_READERS = (Role.SPECIALIST,)
_OPEN = (State.SUBMITTED, State.CLAIMED, State.RETURNED)
_RESULT = (State.SIGNED, State.ACKNOWLEDGED, State.CLOSED)

_Rows = tuple[tuple[tuple[State, ...], Action, tuple[Role, ...], State | None], ...]

# States, action, roles, next state (None: the case stays where it is).
_ROWS: _Rows = (
    ((State.DRAFT, State.RETURNED), Action.EDIT, _SENDERS, None),
    ((State.DRAFT, State.RETURNED), Action.SUBMIT, _SENDERS, State.SUBMITTED),
    ((State.DRAFT, State.SUBMITTED, State.RETURNED), Action.WITHDRAW, _SENDERS, State.WITHDRAWN),
    ((State.SUBMITTED,), Action.CLAIM, _READERS, State.CLAIMED),
    ((State.CLAIMED,), Action.RELEASE, _READERS, State.SUBMITTED),
    ((State.CLAIMED,), Action.RETURN, _READERS, State.RETURNED),
    ((State.CLAIMED, *_RESULT), Action.WRITE, _READERS, None),
    ((State.CLAIMED, *_RESULT), Action.SIGN, _READERS, State.SIGNED),
    # An amendment leaves the signed report valid until the new version is signed or discarded.
    (_RESULT, Action.AMEND, _READERS, None),
    (_RESULT, Action.RELEASE, _READERS, None),
    ((State.SIGNED,), Action.ACKNOWLEDGE, _ACTING_DOCTORS, State.ACKNOWLEDGED),
    ((State.ACKNOWLEDGED,), Action.CLOSE, _ACTING_DOCTORS, State.CLOSED),
    ((*_OPEN, *_RESULT), Action.CALL, _READERS, None),
    # A call outlives a withdrawal: somebody must still say how it ended.
    (
        (*_OPEN, *_RESULT, State.WITHDRAWN),
        Action.CONFIRM_CALL,
        (*_SENDERS, Role.SPECIALIST),
        None,
    ),
    ((*_OPEN, *_RESULT), Action.MESSAGE, (*_SENDERS, Role.SPECIALIST), None),
    (
        (State.DRAFT, *_OPEN, *_RESULT),
        Action.CONFIRM_IDENTITY,
        (*_SENDERS, Role.SPECIALIST),
        None,
    ),
    ((State.CLAIMED, *_RESULT), Action.TAKE_OVER, _READERS, None),
    ((State.DRAFT, *_OPEN), Action.SEE_ALARM, _ACTING_DOCTORS, None),
)

#: The workflow. A row that is absent is forbidden.
TRANSITIONS: MappingProxyType[tuple[State, Action, Role], State] = MappingProxyType(
    {
        (state, action, role): after or state
        for states, action, roles, after in _ROWS
        for state in states
        for role in roles
    }
)


def next_state(state: State, action: Action, roles: frozenset[Role]) -> State | None:
    """State after the action, or None when no role of the actor allows it here."""
    for role in sorted(roles):
        after = TRANSITIONS.get((state, action, role))
        if after is not None:
            return after
    return None


def is_possible(state: State, action: Action) -> bool:
    """True when some role could do this here: tells a wrong state from a wrong role."""
    return any((state, action, role) in TRANSITIONS for role in Role)


def roles_for(action: Action) -> frozenset[Role]:
    """Roles that may do this in some state."""
    return frozenset(role for _, known, role in TRANSITIONS if known is action)

"""The workflow of a referral: one table ``(state, action, side, role) -> state``, nothing else."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType

from qiangji_app.domain.roles import Role


class ReferralState(StrEnum):
    """Where a referral stands."""

    DRAFT = "draft"
    REQUESTED = "requested"
    REDIRECTED = "redirected"  # asked of another site or department; its age goes on
    ACCEPTED = "accepted"
    DECLINED = "declined"  # back with the sender, who still has the patient
    ARRIVED = "arrived"
    IN_CARE = "in_care"
    REFERRED_DOWN = "referred_down"  # with plan; the home site has not taken it over yet
    CLOSED = "closed"
    CANCELLED = "cancelled"


class ReferralAction(StrEnum):
    """What a person does to a referral."""

    EDIT = "edit"
    SEND = "send"  # also again, somewhere else, after it was declined
    CANCEL = "cancel"
    ACCEPT = "accept"
    DECLINE = "decline"
    REDIRECT = "redirect"
    TAKE_BACK = "take_back"  # one's own answer, or a down-referral nobody took over yet
    ARRIVE = "arrive"
    ADMIT = "admit"
    REFER_DOWN = "refer_down"
    CLOSE = "close"
    NOTE = "note"


class Side(StrEnum):
    """For whom somebody acts."""

    SENDER = "sender"  # the site that opened the referral, or one above it
    TARGET = "target"  # the very site that is asked now
    HOME = "home"  # where the patient goes on being cared for, or a site above it


OPEN = frozenset(ReferralState) - {ReferralState.CLOSED, ReferralState.CANCELLED}
#: Somebody was asked and has not answered.
UNANSWERED = frozenset({ReferralState.REQUESTED, ReferralState.REDIRECTED})
#: Doctors who send patients up.
SENDING = (Role.VILLAGE_DOCTOR, Role.TOWNSHIP_DOCTOR)
#: Doctors of a site that is asked: the county's, or the township's for its villages.
RECEIVING = (Role.RECEIVING_DOCTOR, Role.TOWNSHIP_DOCTOR)

_S, _A = ReferralState, ReferralAction
_ALL = tuple(sorted({*SENDING, *RECEIVING}))
_SENT = tuple(state for state in _S if state is not _S.DRAFT)

_Row = tuple[
    tuple[ReferralState, ...], ReferralAction, Side, tuple[Role, ...], ReferralState | None
]
# States, action, side, roles, next state (None: the referral stays where it is).
_ROWS: tuple[_Row, ...] = (
    ((_S.DRAFT,), _A.EDIT, Side.SENDER, _ALL, None),
    ((_S.DRAFT, _S.DECLINED), _A.SEND, Side.SENDER, SENDING, _S.REQUESTED),
    ((_S.DRAFT,), _A.CANCEL, Side.SENDER, _ALL, _S.CANCELLED),
    (
        (_S.REQUESTED, _S.REDIRECTED, _S.ACCEPTED, _S.DECLINED),
        _A.CANCEL,
        Side.SENDER,
        SENDING,
        _S.CANCELLED,
    ),
    ((_S.REQUESTED, _S.REDIRECTED), _A.ACCEPT, Side.TARGET, RECEIVING, _S.ACCEPTED),
    (
        (_S.REQUESTED, _S.REDIRECTED, _S.ACCEPTED),
        _A.DECLINE,
        Side.TARGET,
        RECEIVING,
        _S.DECLINED,
    ),
    (
        (_S.REQUESTED, _S.REDIRECTED, _S.ACCEPTED),
        _A.REDIRECT,
        Side.TARGET,
        RECEIVING,
        _S.REDIRECTED,
    ),
    ((_S.ACCEPTED, _S.DECLINED), _A.TAKE_BACK, Side.TARGET, RECEIVING, _S.REQUESTED),
    # A patient who stands at the door has arrived, whatever was answered.
    (
        (_S.REQUESTED, _S.REDIRECTED, _S.ACCEPTED, _S.DECLINED),
        _A.ARRIVE,
        Side.TARGET,
        RECEIVING,
        _S.ARRIVED,
    ),
    ((_S.ARRIVED,), _A.ADMIT, Side.TARGET, RECEIVING, _S.IN_CARE),
    ((_S.ARRIVED, _S.IN_CARE), _A.REFER_DOWN, Side.TARGET, RECEIVING, _S.REFERRED_DOWN),
    # Of a patient whom nobody had referred up.
    ((_S.DRAFT,), _A.REFER_DOWN, Side.SENDER, RECEIVING, _S.REFERRED_DOWN),
    ((_S.REFERRED_DOWN,), _A.TAKE_BACK, Side.TARGET, RECEIVING, _S.IN_CARE),
    ((_S.ARRIVED, _S.IN_CARE), _A.CLOSE, Side.TARGET, RECEIVING, _S.CLOSED),
    ((_S.DECLINED,), _A.CLOSE, Side.SENDER, SENDING, _S.CLOSED),
    ((_S.REFERRED_DOWN,), _A.CLOSE, Side.HOME, SENDING, _S.CLOSED),
    (_SENT, _A.NOTE, Side.SENDER, _ALL, None),
    (_SENT, _A.NOTE, Side.TARGET, RECEIVING, None),
    (_SENT, _A.NOTE, Side.HOME, SENDING, None),
)

#: The workflow. A row that is absent is forbidden.
REFERRAL_TRANSITIONS: MappingProxyType[
    tuple[ReferralState, ReferralAction, Side, Role], ReferralState
] = MappingProxyType(
    {
        (state, action, side, role): after or state
        for states, action, side, roles, after in _ROWS
        for state in states
        for role in roles
    }
)


def referral_after(
    state: ReferralState,
    action: ReferralAction,
    sides: frozenset[Side],
    roles: frozenset[Role],
) -> ReferralState | None:
    """State after the action, or None when no side and role of the actor allow it here."""
    for side in sorted(sides):
        for role in sorted(roles):
            after = REFERRAL_TRANSITIONS.get((state, action, side, role))
            if after is not None:
                return after
    return None


def is_referral_action_possible(state: ReferralState, action: ReferralAction) -> bool:
    """True when somebody could do this here: tells a wrong state from a wrong person."""
    return any((known, act) == (state, action) for known, act, _, _ in REFERRAL_TRANSITIONS)

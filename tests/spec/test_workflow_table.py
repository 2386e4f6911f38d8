"""The workflow as a table: what each role may do in each state; everything else is forbidden."""

from __future__ import annotations

import itertools

import pytest

from qiangji_app.domain.roles import Role
from qiangji_app.domain.workflow import Action, State, is_possible, next_state, roles_for

#: state | action | roles (V village, O operator, T township doctor, S specialist) | next state
TABLE = """
draft        | edit             | VOT  | draft
returned     | edit             | VOT  | returned
draft        | submit           | VOT  | submitted
returned     | submit           | VOT  | submitted
draft        | withdraw         | VOT  | withdrawn
submitted    | withdraw         | VOT  | withdrawn
returned     | withdraw         | VOT  | withdrawn
submitted    | claim            | S    | claimed
claimed      | release          | S    | submitted
claimed      | return           | S    | returned
claimed      | write            | S    | claimed
claimed      | sign             | S    | signed
signed       | write            | S    | signed
signed       | sign             | S    | signed
signed       | amend            | S    | signed
signed       | release          | S    | signed
acknowledged | write            | S    | acknowledged
acknowledged | sign             | S    | signed
acknowledged | amend            | S    | acknowledged
acknowledged | release          | S    | acknowledged
closed       | write            | S    | closed
closed       | sign             | S    | signed
closed       | amend            | S    | closed
closed       | release          | S    | closed
signed       | acknowledge      | VT   | acknowledged
acknowledged | close            | VT   | closed
submitted    | call             | S    | submitted
claimed      | call             | S    | claimed
returned     | call             | S    | returned
signed       | call             | S    | signed
acknowledged | call             | S    | acknowledged
closed       | call             | S    | closed
submitted    | confirm_call     | VOTS | submitted
claimed      | confirm_call     | VOTS | claimed
returned     | confirm_call     | VOTS | returned
signed       | confirm_call     | VOTS | signed
acknowledged | confirm_call     | VOTS | acknowledged
closed       | confirm_call     | VOTS | closed
withdrawn    | confirm_call     | VOTS | withdrawn
submitted    | message          | VOTS | submitted
claimed      | message          | VOTS | claimed
returned     | message          | VOTS | returned
signed       | message          | VOTS | signed
acknowledged | message          | VOTS | acknowledged
closed       | message          | VOTS | closed
draft        | confirm_identity | VOTS | draft
submitted    | confirm_identity | VOTS | submitted
claimed      | confirm_identity | VOTS | claimed
returned     | confirm_identity | VOTS | returned
signed       | confirm_identity | VOTS | signed
acknowledged | confirm_identity | VOTS | acknowledged
closed       | confirm_identity | VOTS | closed
claimed      | take_over        | S    | claimed
signed       | take_over        | S    | signed
acknowledged | take_over        | S    | acknowledged
closed       | take_over        | S    | closed
draft        | see_alarm        | VT   | draft
submitted    | see_alarm        | VT   | submitted
claimed      | see_alarm        | VT   | claimed
returned     | see_alarm        | VT   | returned
"""

_LETTERS = {
    "V": Role.VILLAGE_DOCTOR,
    "O": Role.OPERATOR,
    "T": Role.TOWNSHIP_DOCTOR,
    "S": Role.SPECIALIST,
}


def _allowed() -> dict[tuple[State, Action, Role], State]:
    found = {}
    for line in TABLE.strip().splitlines():
        state, action, roles, after = (part.strip() for part in line.split("|"))
        for letter in roles:
            found[State(state), Action(action), _LETTERS[letter]] = State(after)
    return found


ALLOWED = _allowed()


@pytest.mark.parametrize(("state", "action"), list(itertools.product(State, Action)))
def test_every_state_action_and_role_leads_where_the_table_says_or_nowhere(
    state: State, action: Action
) -> None:
    for role in Role:
        expected = ALLOWED.get((state, action, role))

        assert next_state(state, action, frozenset({role})) == expected


def test_an_action_is_possible_in_a_state_when_some_role_may_do_it() -> None:
    for state, action in itertools.product(State, Action):
        expected = any((state, action, role) in ALLOWED for role in Role)

        assert is_possible(state, action) is expected


def test_roles_for_an_action_are_those_of_its_rows() -> None:
    assert roles_for(Action.CLAIM) == {Role.SPECIALIST}
    assert roles_for(Action.ACKNOWLEDGE) == {Role.VILLAGE_DOCTOR, Role.TOWNSHIP_DOCTOR}


def test_several_roles_add_up() -> None:
    both = frozenset({Role.AUDITOR, Role.OPERATOR})

    assert next_state(State.DRAFT, Action.SUBMIT, both) is State.SUBMITTED

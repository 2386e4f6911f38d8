"""The auditor checks and searches the log; nobody else does, and it shows that he did."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.county import START, County

from qiangji_app.ports import EventQuery
from qiangji_app.services import auditing, listing
from qiangji_datasets.errors import InputRejected, NotPermitted


def found(county: County, chain: str = "changes", **wanted: object) -> list[str]:
    auditor = county.caller("auditor").actor
    query = EventQuery(**wanted)  # type: ignore[arg-type]  # fields are given by name
    return [row.type for row in auditing.search_log(county.ctx, auditor, chain, query).events]


def test_the_auditor_finds_events_by_type_actor_case_and_time(county: County) -> None:
    first, second = county.submitted(), county.submitted()
    county.clock.step(hours=1)
    specialist = county.caller("specialist").actor
    listing.open_case(county.ctx, specialist, first)

    assert found(county, type="case", case_id=first) == [
        "case.submitted", "case.request_changed", "case.opened",
    ]  # fmt: skip
    assert found(county, type="case.opened") == ["case.opened", "case.opened"]
    assert found(county, type="cas") == []
    assert "case.opened" not in found(county, actor_id=specialist.user_id)
    assert found(county, chain="reads", case_id=first) == ["case.read"]
    later = START + timedelta(minutes=30)
    assert found(county, type="case", since=later) == []
    assert len(found(county, type="case", until=later, limit=3)) == 3
    assert found(county, type="case", case_id=second, offset=2) == ["case.opened"]


def test_a_page_tells_how_many_there_are_and_who_is_who(county: County) -> None:
    county.submitted()
    auditor = county.caller("auditor").actor

    page = auditing.search_log(county.ctx, auditor, "changes", EventQuery(type="case", limit=1))

    assert (len(page.events), page.total) == (1, 3)
    assert page.names[page.events[0].actor_id] == "Operator"


def test_every_search_and_every_check_is_written_down(county: County) -> None:
    found(county)
    found(county, offset=1)
    auditing.check_log(county.ctx, county.caller("auditor").actor)

    assert found(county, chain="reads", type="audit") == ["audit.searched"] * 2
    assert found(county, type="audit") == ["audit.verified"]


def test_a_whole_log_is_found_whole(county: County) -> None:
    county.signed()

    checked = auditing.check_log(county.ctx, county.caller("auditor").actor)

    assert (checked.reports, checked.problems) == (1, ())
    assert checked.events > 20


def test_the_log_is_the_auditors_alone(county: County) -> None:
    for login in ("system", "security", "manager", "specialist", "developer", "operator"):
        who = county.caller(login).actor
        with pytest.raises(NotPermitted):
            auditing.check_log(county.ctx, who)
        with pytest.raises(NotPermitted):
            auditing.search_log(county.ctx, who, "changes", EventQuery())


def test_there_is_no_third_log(county: County) -> None:
    with pytest.raises(InputRejected, match=r"audit\.unknown_chain"):
        found(county, chain="secrets")

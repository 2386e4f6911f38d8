"""The patients of the demonstration: something overdue, something to decide."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from support.county import County

from qiangji_app.demo.county import PASSWORD, county
from qiangji_app.demo.seed import seed_accounts
from qiangji_app.demo.visits import seed_visits
from qiangji_app.domain.register import RegisterKind
from qiangji_app.services import people, registers, sessions, visits


def test_the_demo_county_has_patients_in_different_states(tmp_path: Path) -> None:
    made = County(tmp_path, has_people=False)
    seed_accounts(made.ctx)

    seed_visits(made.ctx)
    seed_visits(made.ctx)

    actor = sessions.sign_in(made.ctx, "zhenyi", PASSWORD)[1].actor
    known = people.find_people(made.ctx, actor, "")
    page = registers.list_register(made.ctx, actor, RegisterKind.HYPERTENSION)
    due = registers.due_list(made.ctx, actor, made.clock.now().date() + timedelta(days=30))
    grave = next(one for one in known if one.patient.name == "演示松")
    cards = visits.summary(made.ctx, actor, grave.person_id).advised.answers
    assert len(known) == len(county()["patients"])
    assert page.overdue > 0
    assert {row.days_overdue > 0 for row in due} == {True, False}
    assert cards[0].topic == "hypertension.emergency"
    assert made.store.verify().problems == ()
    made.close()

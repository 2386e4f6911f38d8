"""Patient stories: each file says who comes, what is known, and what the rulebook must say."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from qiangji_app.rules.evaluate import Answer, Audience, Outcome, Situation, evaluate, shipped
from qiangji_app.rules.facts import Fact, Origin, accept
from qiangji_app.rules.packs import Urgency
from qiangji_app.rules.yaml_text import read_yaml
from qiangji_datasets.errors import InputRejected

STORIES = sorted((Path(__file__).parents[1] / "stories").glob("*.yaml"))
#: Keys of a fact that are not its context.
OWN_KEYS = {"code", "value", "unit", "at", "origin", "ref"}
Json = dict[str, Any]


@cache
def story_of(path: Path) -> Json:
    return read_yaml(path)


def fact_of(row: Json) -> Fact:
    return Fact(
        code=row["code"],
        value=row["value"],
        unit=row.get("unit", ""),
        at=instant(row["at"]),
        origin=Origin(row.get("origin", Origin.TYPED)),
        context={key: value for key, value in row.items() if key not in OWN_KEYS},
    )


def instant(value: datetime | str) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


@cache
def told(path: Path) -> tuple[tuple[Answer, ...], tuple[tuple[str, str], ...]]:
    """Answers, and the facts that were refused with the reason."""
    story = story_of(path)
    book = shipped()
    age = story["patient"].get("age_years")
    facts, refused = [], []
    for row in story["facts"]:
        try:
            facts.append(accept(fact_of(row), book.catalogue, age))
        except InputRejected as error:
            refused.append((row["code"], error.code.removeprefix("fact.")))
    situation = Situation(
        now=instant(story["today"]),
        age_years=age,
        sex=story["patient"].get("sex", ""),
        audience=Audience(story["audience"]),
        jurisdiction=tuple(story.get("jurisdiction", ["CN"])),
        facts=tuple(facts),
    )
    return evaluate(book, situation), tuple(refused)


def is_met(card: Json, answer: Answer) -> bool:
    """Whether an answer is the card a story expects."""
    kinds = {action.kind.value for action in answer.actions}
    days = {action.days for action in answer.actions if action.days is not None}
    return (
        answer.outcome is Outcome.YES
        and answer.topic == card["topic"]
        and ("urgency" not in card or answer.urgency is Urgency[card["urgency"].upper()])
        and set(card.get("actions", ())) <= kinds
        and ("follow_up_days" not in card or card["follow_up_days"] in days)
    )


def faults_of(path: Path) -> list[str]:
    expected = story_of(path)["expect"]
    answers, refused = told(path)
    yes = [answer for answer in answers if answer.outcome is Outcome.YES]
    said = sorted(f"{answer.topic}/{answer.urgency.name.lower()}" for answer in yes)
    faults = [
        f"no card {card}; said {said}"
        for card in expected.get("cards", ())
        if not any(is_met(card, answer) for answer in yes)
    ]
    faults += [f"said {topic}" for topic in expected.get("no", ()) if topic in _topics(yes)]
    asked = {code for answer in answers for code in answer.missing}
    faults += [f"did not ask {code}" for code in expected.get("ask", ()) if code not in asked]
    faults += [
        f"not refused {row}; refused {refused}"
        for row in expected.get("refused", ())
        if (row["code"], row["why"]) not in refused
    ]
    extra = [code for code, _ in refused if code not in _refusable(expected)]
    faults += [f"refused {code}" for code in extra]
    highest = expected.get("highest_urgency")
    if (
        highest
        and max((answer.urgency for answer in yes), default=Urgency.NONE)
        is not (Urgency[highest.upper()])
    ):
        faults.append(f"highest urgency is not {highest}; said {said}")
    return faults


def _topics(answers: list[Answer]) -> set[str]:
    return {answer.topic for answer in answers}


def _refusable(expected: Json) -> set[str]:
    return {row["code"] for row in expected.get("refused", ())}


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_the_rulebook_says_what_the_story_expects(path: Path) -> None:
    assert faults_of(path) == []


def test_there_are_stories_of_every_kind() -> None:
    stories = [story_of(path) for path in STORIES]
    silent = [
        story
        for story in stories
        if not story["expect"].get("cards")
        or story["expect"].get("ask")
        or story["expect"].get("refused")
    ]

    assert len(stories) >= 60
    assert len(silent) * 3 >= len(stories)


def test_every_story_quotes_its_source_and_has_its_file_s_name() -> None:
    for path in STORIES:
        story = story_of(path)
        assert story["id"] == path.stem
        assert all(str(story["source"].get(key, "")) for key in ("document", "edition", "sentence"))

"""Whatever gets worse never makes the shipped rulebook less worried, over drawn patients."""

from __future__ import annotations

from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.rules import fact, situation

from qiangji_app.rules.evaluate import Audience, Outcome, Situation, evaluate, shipped
from qiangji_app.rules.facts import Fact, FactKind, accept
from qiangji_app.rules.packs import Urgency

#: Where an adult at rest is not worried about, unit of the catalogue. Only the direction away from
#: there is used here; no rule reads these.
NORMAL = {
    "systolic_bp": (100.0, 129.0),
    "diastolic_bp": (61.0, 79.0),
    "heart_rate": (60.0, 90.0),
    "respiratory_rate": (12.0, 20.0),
    "temperature": (36.1, 37.2),
    "spo2": (96.0, 100.0),
    "glucose": (4.4, 6.0),
    "urea": (2.5, 7.0),
    "potassium": (3.5, 5.3),
}
CONTEXT = {
    "systolic_bp": {"setting": "office"},
    "diastolic_bp": {"setting": "office"},
    "spo2": {"on": "room_air"},
    "glucose": {"timing": "fasting", "specimen": "venous_plasma"},
}
CATALOGUE = shipped().catalogue
DANGER_SIGNS = sorted(
    code
    for code, kind in CATALOGUE.types.items()
    if kind.group == "symptom" and kind.kind is FactKind.YES_NO
)
STATES = sorted(
    code
    for code, kind in CATALOGUE.types.items()
    if kind.group in ("state", "drug") and kind.kind is FactKind.YES_NO
)
FEW_EXAMPLES = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@cache
def cut_offs(code: str) -> list[float]:
    """Numbers that rules compare the vital with, and one step beside each."""
    low, high = CATALOGUE[code].limits(50.0)
    found = {
        side + step
        for pack in shipped().packs
        for rule in pack.rules
        for name, wanted in rule.inputs.items()
        if code in wanted.codes.values()
        for side in _numbers(shipped().compiled(rule).sides(name))
        for step in (-1.0, -0.1, 0.0, 0.1, 1.0)
    }
    return sorted(value for value in found if low <= value <= high)


def _numbers(sides) -> list[float]:
    return [side for side in sides if isinstance(side, float)]


def values(code: str, low: float, high: float) -> st.SearchStrategy[float]:
    """Values in a stretch, most of them at or beside a cut-off."""
    beside = [value for value in cut_offs(code) if low <= value <= high]
    anywhere = st.floats(low, high)
    return st.sampled_from(beside) | anywhere if beside else anywhere


def vital(code: str, value: float) -> Fact:
    return fact(code, round(value, 1), **CONTEXT.get(code, {}))


def highest(patient: Situation) -> Urgency:
    return max(
        (
            answer.urgency
            for answer in evaluate(shipped(), patient)
            if answer.outcome is Outcome.YES
        ),
        default=Urgency.NONE,
    )


@st.composite
def patients(draw) -> tuple[dict[str, float], dict[str, bool], dict]:
    """Vitals, what is said to be so or not, and who it is."""
    vitals = {
        code: draw(values(code, *CATALOGUE[code].limits(50.0)))
        for code in draw(st.sets(st.sampled_from(sorted(NORMAL)), max_size=6))
    }
    said = draw(
        st.dictionaries(st.sampled_from([*DANGER_SIGNS, *STATES]), st.booleans(), max_size=10)
    )
    who = {
        "age_years": draw(st.sampled_from([0.1, 0.5, 3.0, 10.0, 30.0, 50.0, 66.0, 80.0])),
        "sex": draw(st.sampled_from(["female", "male"])),
        "audience": draw(st.sampled_from(list(Audience))),
        "jurisdiction": ("CN", draw(st.sampled_from(["CN-14", "CN-33", "CN-34"]))),
    }
    return vitals, said, who


def seen(vitals: dict[str, float], said: dict[str, bool], who: dict) -> Situation:
    facts = [vital(code, value) for code, value in vitals.items()]
    return situation(*facts, *(fact(code, value) for code, value in said.items()), **who)


@FEW_EXAMPLES
@given(patients(), st.sampled_from(sorted(NORMAL)), st.data())
def test_a_vital_further_from_normal_in_either_direction_never_lowers_the_urgency(
    patient, code: str, data: st.DataObject
) -> None:
    vitals, said, who = patient
    low, high = CATALOGUE[code].limits(50.0)
    near = data.draw(values(code, low, high), label="near")
    beyond = (near, high) if near > sum(NORMAL[code]) / 2 else (low, near)
    far = data.draw(values(code, *beyond), label="far")

    before = highest(seen({**vitals, code: near}, said, who))
    after = highest(seen({**vitals, code: far}, said, who))

    assert after >= before


@FEW_EXAMPLES
@given(patients(), st.sampled_from(DANGER_SIGNS), st.sampled_from([None, False]))
def test_a_danger_sign_more_never_lowers_the_urgency(patient, sign: str, was: bool | None) -> None:
    vitals, said, who = patient
    others = {code: value for code, value in said.items() if code != sign}
    without = others if was is None else {**others, sign: was}

    before = highest(seen(vitals, without, who))
    after = highest(seen(vitals, {**others, sign: True}, who))

    assert after >= before


def test_the_vitals_named_here_are_accepted_at_their_limits() -> None:
    for code in NORMAL:
        for value in CATALOGUE[code].limits(50.0):
            assert accept(vital(code, value), CATALOGUE, 50.0).value == value

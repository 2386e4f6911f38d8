"""The AI's doubt as a table: what is shown, and where the case stands in the worklist.

``far`` is a recording unlike the training data, ``?`` a label in its abstain zone.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.readings import film, prediction, reading

from qiangji_app.services import doubt, triage
from qiangji_datasets.labels import UrgencyLevel
from qiangji_inference.results import Familiarity, Flag, Prediction

FAR, NEAR = Familiarity(2.0, 1.5), Familiarity(1.0, 1.5)

TABLE = """
label         | number   | recording || shown    | level        | reasons
pneumothorax  | none     | near      || none     | routine      |
pneumothorax  | none ?   | near      || none     | undetermined | uncertain
pneumothorax  | possible | near      || possible | priority     | model_possible
pneumothorax  | possible?| near      || possible | priority     | model_possible
pneumothorax  | likely   | near      || likely   | urgent       | model_likely
pneumothorax  | likely ? | near      || likely   | urgent       | model_likely
pneumothorax  | none     | far       || none     | undetermined | unfamiliar
pneumothorax  | none ?   | far       || none     | undetermined | uncertain unfamiliar
pneumothorax  | possible | far       || possible | priority     | model_unfamiliar unfamiliar
pneumothorax  | likely   | far       || possible | urgent       | model_unfamiliar unfamiliar
effusion      | none ?   | near      || none     | undetermined | uncertain
effusion      | likely   | far       || possible | priority     | model_unfamiliar unfamiliar
cardiomegaly  | none ?   | near      || none     | routine      |
cardiomegaly  | likely   | far       || possible | undetermined | unfamiliar
no_finding    | none ?   | near      || none     | routine      |
no_finding    | likely   | near      || likely   | routine      |
no_finding    | likely   | far       || possible | undetermined | unfamiliar
"""


def rows() -> list[tuple[str, ...]]:
    lines = TABLE.strip().splitlines()[1:]
    return [tuple(cell.strip() for cell in line.replace("||", "|").split("|")) for line in lines]


def made(label: str, number: str, recording: str) -> Prediction:
    flag = Flag(number.rstrip("? "))
    plain = prediction((label, flag))
    call = replace(plain.labels[0], is_uncertain="?" in number)
    return replace(plain, labels=(call,), familiarity=FAR if recording == "far" else NEAR)


@pytest.mark.parametrize("row", rows(), ids=lambda row: "-".join(row[:3]).replace(" ", ""))
def test_doubt_lifts_a_recording_and_never_lowers_it(
    row: tuple[str, ...],
) -> None:
    label, number, recording, shown, level, reasons = row
    predicted = made(label, number, recording)
    sure = replace(
        predicted,
        familiarity=NEAR,
        labels=(replace(predicted.labels[0], is_uncertain=False),),
    )

    found = triage.assess(film(), reading(predictions=(predicted,)))
    without_doubt = triage.assess(film(), reading(predictions=(sure,)))

    assert found.findings[0].flag == shown
    assert triage.urgency_level(found) is UrgencyLevel[level.upper()]
    stored = found.reading["reasons"]
    assert isinstance(stored, list)
    assert [item["code"] for item in stored] == [f"urgency.{code}" for code in reasons.split()]
    assert triage.urgency_level(found) >= triage.urgency_level(without_doubt)


def test_an_unfamiliar_recording_says_so_at_the_desk() -> None:
    found = triage.assess(film(), reading(predictions=(made("effusion", "none", "far"),)))

    quality = found.reading["quality"]
    assert isinstance(quality, list)
    assert [(row["code"], row["severity"]) for row in quality] == [("engine.unfamiliar", "warn")]
    assert quality[0]["params"] == {"bundle": "cxr-adult"}


def test_band_and_doubt_of_a_finding_are_kept_with_the_reading() -> None:
    plain = made("effusion", "none ?", "far")
    banded = replace(plain.labels[0], probability_low=0.48123, probability_high=0.74)

    found = triage.assess(film(), reading(predictions=(replace(plain, labels=(banded,)),)))

    assert doubt.doubt_of(found.reading, "cxr-adult", "effusion") == {
        "probability_low": 0.4812,
        "probability_high": 0.74,
        "threshold": plain.labels[0].threshold,
        "missed_often_at": None,
        "is_uncertain": True,
        "is_unfamiliar": True,
    }


@pytest.mark.parametrize(
    "stored", [{}, {"bundles": None}, {"bundles": [{"name": "cxr-adult", "labels": ["effusion"]}]}]
)
def test_a_reading_kept_before_doubt_was_has_none(stored: dict[str, object]) -> None:
    assert doubt.doubt_of(stored, "cxr-adult", "effusion") == {
        "probability_low": None,
        "probability_high": None,
        "threshold": None,
        "missed_often_at": None,
        "is_uncertain": False,
        "is_unfamiliar": False,
    }


def test_a_bundle_that_cannot_tell_calls_nothing_unfamiliar() -> None:
    plain = replace(made("effusion", "likely", "near"), familiarity=None)

    found = triage.assess(film(), reading(predictions=(plain,)))

    assert found.findings[0].flag == "likely"
    assert doubt.stored_doubt(plain)["novelty"] is None


@pytest.mark.parametrize(
    ("sensitivity", "told"),
    [(0.16, 0.16), (0.599, 0.599), (0.60, None), (0.93, None), (None, None)],
)
def test_a_sensitivity_below_three_in_five_is_told(
    sensitivity: float | None, told: float | None
) -> None:
    plain = made("effusion", "none", "near")
    labels = tuple(replace(item, sensitivity=sensitivity) for item in plain.labels)

    found = triage.assess(film(), reading(predictions=(replace(plain, labels=labels),)))

    kept = doubt.doubt_of(found.reading, plain.bundle.name, "effusion")
    assert kept["missed_often_at"] == told

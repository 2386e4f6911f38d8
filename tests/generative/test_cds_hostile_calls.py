"""Whatever JSON an electronic record sends, it is read, left out with a reason, or refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from qiangji_app.cds.cards import Deck
from qiangji_app.cds.reading import Reading
from qiangji_app.rules.evaluate import shipped
from qiangji_datasets.errors import InputRejected
from qiangji_datasets.messages import Catalogue, Language

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
_TEXTS = st.sampled_from(
    [
        *("Patient/1", "1", "final", "active", "http://loinc.org", "8480-6", "85354-9", "mm[Hg]"),
        *("http://unitsofmeasure.org", "2026-03-02", "2026-03-02T08:00:00+08:00", "0001-01-01"),
        *("0001-01-01T00:00:00+14:00", "next", "Observation", "Condition", "E11.9", ""),
    ]
)
_LEAVES = st.none() | st.booleans() | st.floats() | st.integers() | _TEXTS
_KEYS = st.sampled_from(
    [
        *("resourceType", "subject", "reference", "status", "code", "coding", "system", "entry"),
        *("component", "valueQuantity", "value", "effectiveDateTime", "effectivePeriod", "end"),
        *("clinicalStatus", "resource", "link", "relation", "comparator", "encounter"),
    ]
)
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=6),
    max_leaves=25,
)


def _observation(changes: dict[str, Any]) -> Any:
    quantity = {"value": 120, "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}
    return {
        "resourceType": "Observation",
        "status": "final",
        "subject": {"reference": "Patient/1"},
        "effectiveDateTime": "2026-03-02T08:00:00+08:00",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
        "valueQuantity": quantity,
    } | changes


@settings(max_examples=150, deadline=None)
@given(
    observations=_JSON,
    conditions=_JSON,
    orders=_JSON,
    changes=st.dictionaries(_KEYS, _JSON, max_size=3),
    born=_TEXTS,
)
def test_any_json_is_read_or_refused(
    observations: Any, conditions: Any, orders: Any, changes: dict[str, Any], born: str
) -> None:
    zone = ZoneInfo("Asia/Shanghai")
    reading = Reading("1", NOW.astimezone(zone), zone, shipped().catalogue)
    patient = {"resourceType": "Patient", "id": "1", "birthDate": born}
    entry = {"entry": [{"resource": _observation(changes)}]}

    for sent in (observations, entry):
        prefetch = {"patient": patient, "observations": sent, "conditions": conditions}
        try:
            read = reading.read(prefetch, orders)
        except InputRejected:
            continue
        deck = Deck(reading, Catalogue.of("qiangji_app"), Language.ZH, lambda: "id")
        for card in deck.cards((), read.left_out):
            assert len(card["summary"]) < 140
        assert all(fact.at <= NOW or fact.code for fact in read.facts)

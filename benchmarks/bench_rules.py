"""What decision support costs: ``python benchmarks/bench_rules.py``.

Reading the shipped packs, compiling their conditions (both once a process), and one answer of the
whole rulebook about a patient of whom every fact of the catalogue is known at six instants, and
about one with three facts. Processor time beside wall time, since another load stretches the
latter. Prints, asserts nothing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import quantiles

from qiangji_app.rules.evaluate import Audience, Rulebook, Situation, evaluate, shipped
from qiangji_app.rules.facts import Fact, FactKind, FactType, Origin

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
INSTANTS, DAYS_APART = 6, 20
FEW = ("systolic_bp", "cough", "hypertension")


def fact_of(kind: FactType, index: int) -> Fact:
    """Any plausible value, some days ago."""
    low, high = kind.limits(50.0)
    value: float | bool | str = index % 2 == 0
    if kind.kind is FactKind.NUMBER:
        value = low + (high - low) * (0.3 + 0.05 * index)
    elif kind.kind is FactKind.WORD:
        value = kind.words[0] if kind.words else "V2 V3"
    return Fact(
        code=kind.code,
        value=value,
        unit=kind.unit,
        at=NOW - timedelta(days=DAYS_APART * index),
        origin=Origin.TYPED if Origin.TYPED in kind.origins else min(kind.origins),
        context={key: words[0] for key, words in kind.contexts.items()},
    )


def situation(book: Rulebook, codes: tuple[str, ...]) -> Situation:
    """A woman of 50 in a county with provincial lists."""
    facts = [fact_of(book.catalogue[code], i) for code in codes for i in range(INSTANTS)]
    return Situation(
        now=NOW,
        age_years=50.0,
        sex="female",
        audience=Audience.TOWNSHIP,
        jurisdiction=("CN", "CN-33"),
        facts=tuple(facts),
    )


def timed(act: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor time in ms."""
    wall, processor = time.perf_counter(), time.process_time()
    act()
    return (time.perf_counter() - wall) * 1e3, (time.process_time() - processor) * 1e3


def main() -> None:
    """Print one line a measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    rounds = parser.parse_args().rounds
    once("read the packs", shipped)
    book = shipped()
    every = situation(book, tuple(book.catalogue.types))
    once("first answer (compiles)", lambda: evaluate(book, every))
    for name, patient in (("every fact", every), ("three facts", situation(book, FEW))):
        samples = [timed(lambda patient=patient: evaluate(book, patient)) for _ in range(rounds)]
        for kind, column in zip(("wall", "processor"), zip(*samples, strict=True), strict=True):
            cuts = quantiles(column, n=20)
            label = f"{name}, {len(patient.facts)} facts: {kind}"
            print(f"{label} p50 {cuts[9]:.1f}, p95 {cuts[18]:.1f} ms")


def once(name: str, act: Callable[[], object]) -> None:
    """Print what an act costs the first time."""
    wall, processor = timed(act)
    print(f"{name}: wall {wall:.0f}, processor {processor:.0f} ms")


if __name__ == "__main__":
    main()

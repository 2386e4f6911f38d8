"""What a reading says of its own doubt, as the pages show it in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from support.browser import Person, chromium
from support.county import PASSWORD, START
from support.page_server import serving
from support.readings import film, prediction, reading

from qiangji_app.bootstrap import catalogue
from qiangji_app.domain.account import Session
from qiangji_app.domain.case import Case, Recording, RecordingState
from qiangji_app.domain.roles import Actor, Role
from qiangji_app.domain.workflow import State
from qiangji_app.services.context import Caller
from qiangji_app.services.triage import assess
from qiangji_app.web.api.present import Presenter
from qiangji_datasets.messages import Language
from qiangji_datasets.records import Notice, Severity
from qiangji_inference.results import BundleDeclined, Familiarity, Flag

pytestmark = pytest.mark.system
_NEAR, _FAR = Familiarity(1.0, 1.5), Familiarity(2.0, 1.5)
_DECLINED = BundleDeclined(
    "cxr-paediatric",
    Notice("engine.age_out_of_range", Severity.REFUSE, {"low": 1, "high": 6}),
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("doubt")) as base:
        yield base


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(address: str, browser: Browser) -> Iterator[Page]:
    person = Person(browser, address, "specialist", PASSWORD)
    yield person.page
    person.leave()


def shown(familiarity: Familiarity, *, flag: Flag) -> list[Any]:
    """Recording and findings as the API gives them: a hint, and an unflagged label in doubt."""
    plain = prediction(("effusion", flag), ("pneumothorax", Flag.NONE), ("nodule", Flag.NONE))
    effusion, pneumothorax, nodule = plain.labels
    banded = (
        replace(effusion, probability=0.62, probability_low=0.48, probability_high=0.74),
        replace(
            pneumothorax,
            probability=0.12,
            probability_low=0.07,
            probability_high=0.2,
            is_uncertain=True,
        ),
        replace(
            nodule,
            probability=0.02,
            probability_low=0.01,
            probability_high=0.04,
            sensitivity=0.12,
        ),
    )
    found = assess(
        film(),
        reading(
            predictions=(replace(plain, labels=banded, familiarity=familiarity),),
            declined=(_DECLINED,),
        ),
    )
    recording = Recording(
        id="r",
        case_id="c",
        blob_sha256="0",
        size=1,
        file_name="f",
        state=RecordingState.READ,
        received_at=START,
        modality="cxr",
        facts=found.facts,
        reading=found.reading,
    )
    actor = Actor("u", "u", frozenset({Role.SPECIALIST}), "county", frozenset({"county"}))
    session = Session("0", "u", "csrf", START, START)
    caller = Caller(actor, session, Language.ZH)
    presenter = Presenter(catalogue(), caller, {}, names={}, now=START)
    findings = [
        presenter.finding(replace(item, id=item.label, recording_id="r"), {}, found.reading)
        for item in found.findings
    ]
    case = Case("c", "county", "p", "cxr", State.SUBMITTED, START, "u")
    return [presenter.recording(recording, case, may_hint=True), findings]


def draw(page: Page, values: list[Any]) -> None:
    page.evaluate(
        """async ([recording, findings]) => {
            const parts = await import("/static/parts.js");
            const stage = document.createElement("div");
            stage.id = "stage";
            stage.className = "qp";
            const blocks = [parts.gateCards(recording), parts.aiBox(recording, findings)];
            stage.append(...blocks.filter(Boolean));
            document.querySelector("#stage")?.remove();
            document.querySelector(".qp-top").after(stage);
        }""",
        values,
    )


def test_a_hint_shows_its_band_and_the_abstaining_label_stands_beside_it(
    page: Page, tmp_path: Path
) -> None:
    draw(page, shown(_NEAR, flag=Flag.LIKELY))

    expect(page.locator("#stage .qp-hint")).to_contain_text("高于严格提示线 62 %(48–74 %)")
    doubt = page.locator('#stage [data-testid="uncertain"]')
    expect(doubt).to_contain_text("AI 没有把握,不作提示")
    expect(doubt).to_contain_text("气胸 12 %(7–20 %)")
    silent = page.locator('#stage [data-testid="often-missed"]')
    expect(silent).to_contain_text("AI 未提示不等于没有")
    expect(silent).to_contain_text("肺结节 12 %")
    expect(page.locator('#stage [data-testid="unfamiliar"]')).to_have_count(0)
    expect(page.locator("#stage")).not_to_contain_text("cxr-paediatric")
    page.locator("#stage").screenshot(path=tmp_path / "near.png")


def test_an_unfamiliar_recording_is_never_called_likely_or_unremarkable(
    page: Page, tmp_path: Path
) -> None:
    draw(page, shown(_FAR, flag=Flag.LIKELY))

    expect(page.locator('#stage [data-testid="unfamiliar"]')).to_contain_text("与训练数据差异大")
    expect(page.locator('#stage [data-testid="gate-engine.unfamiliar"]')).to_be_visible()
    expect(page.locator("#stage .qp-hint")).not_to_contain_text("严格")
    expect(page.locator("#stage .qp-hint")).to_contain_text("高于提示线")
    page.locator("#stage").screenshot(path=tmp_path / "far.png")

    draw(page, shown(_FAR, flag=Flag.NONE))

    expect(page.locator("#stage .qp-nothing")).to_have_count(0)


def test_an_abstaining_label_keeps_the_all_clear_away(page: Page) -> None:
    draw(page, shown(_NEAR, flag=Flag.NONE))

    expect(page.locator('#stage [data-testid="uncertain"]')).to_be_visible()
    expect(page.locator("#stage .qp-nothing")).to_have_count(0)

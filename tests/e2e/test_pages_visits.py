"""随访/决策 in a browser: from a dangerous pressure to the referral, and to the calendar."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect
from support.browser import Person, chromium
from support.county import PASSWORD
from support.page_server import serving

pytestmark = pytest.mark.system
NAME = "演示高甲"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("visits")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def begin_visit(page: Page, address: str) -> None:
    page.goto(f"{address}/followup")
    page.get_by_test_id("new-person").click()
    page.get_by_test_id("person-name").fill(NAME)
    page.get_by_test_id("person-sex").select_option("F")
    page.get_by_test_id("person-age").fill("62")
    page.get_by_test_id("person-yes").click()


def due_day(page: Page) -> date:
    row = page.get_by_test_id("due-list").get_by_test_id("due-row").filter(has_text=NAME)
    return date.fromisoformat(str(row.first.get_attribute("data-due")))


def test_a_village_doctor_goes_from_the_pressure_to_the_referral_and_the_calendar(
    browser: Browser, address: str
) -> None:
    doctor = Person(browser, address, "village", PASSWORD)
    page = doctor.page
    begin_visit(page, address)
    expect(page.get_by_test_id("fact-systolic_bp")).to_be_visible()
    page.clock.set_fixed_time(datetime.now(UTC) - timedelta(days=3))  # a computer without a battery

    page.get_by_test_id("fact-systolic_bp").fill("1860")
    page.get_by_test_id("fact-diastolic_bp").fill("112")
    expect(page.get_by_test_id("error-systolic_bp")).to_contain_text("1860")
    page.get_by_test_id("fact-systolic_bp").fill("186")
    page.get_by_test_id("fact-blurred_vision-yes").click()

    cards = page.locator('[data-testid="advice-card"][data-urgency="emergency"]')
    pressure = cards.filter(has=page.get_by_text("收缩压 186 mmHg")).first
    expect(page.get_by_test_id("error-systolic_bp")).to_be_hidden()
    expect(pressure.get_by_test_id("advice-source")).to_contain_text("国家基本公共卫生服务规范")
    expect(pressure.get_by_test_id("advice-source")).to_contain_text("第三版")
    expect(pressure).to_contain_text("辅助建议,由医师决定")
    page.get_by_test_id("fact-glucose").fill("2.1")
    expect(page.get_by_test_id("error-glucose")).to_be_visible()
    expect(cards.filter(has=page.get_by_text("2.1 mmol/L"))).not_to_have_count(0)
    page.get_by_test_id("fact-heart_rate").fill("7x")
    page.get_by_test_id("save-visit").click()
    expect(page.get_by_test_id("error-heart_rate")).to_be_visible()
    expect(page.get_by_text("没有保存")).to_be_visible()
    page.get_by_test_id("fact-heart_rate").fill("72")
    pressure.get_by_test_id("advice-refer").click()

    expect(page).to_have_url(re.compile("/referrals.*referral="))
    expect(page.locator("main.qp-referrals")).to_contain_text(NAME)
    page.goto(f"{address}/followup?tab=due")
    today = date.today()  # noqa: DTZ011 - the browser's machine is this one
    assert timedelta(0) <= due_day(page) - today <= timedelta(days=15)
    doctor.leave()


def test_a_record_is_classed_by_the_standard_and_told_apart_from_the_guideline(
    browser: Browser, address: str
) -> None:
    doctor = Person(browser, address, "township", PASSWORD)
    page = doctor.page
    begin_visit(page, address)
    page.get_by_test_id("fact-systolic_bp").fill("136")
    page.get_by_test_id("fact-diastolic_bp").fill("84")

    page.get_by_test_id("enrol").click()
    page.get_by_test_id("enrol-yes").click()
    page.get_by_test_id("record-hypertension").click()
    expect(page.get_by_test_id("record-systolic")).to_have_value("136")
    page.get_by_test_id("record-way").select_option("clinic")
    page.get_by_test_id("record-symptoms-none").check()
    page.get_by_test_id("record-compliance").select_option("regular")
    page.get_by_test_id("record-adverse_reaction").select_option("none")
    page.get_by_test_id("record-complication").select_option("none")
    expect(page.get_by_test_id("assessed-class")).to_have_text("控制满意")
    expect(page.get_by_test_id("guideline-advice")).to_be_visible()
    page.get_by_test_id("follow-up-save").click()

    expect(page.get_by_test_id("next-due")).to_be_visible()
    page.get_by_test_id("tab-registers").click()
    expect(page.get_by_test_id("register-row").filter(has_text=NAME)).to_contain_text("控制满意")
    expect(page.get_by_test_id("rates")).to_contain_text("100")
    doctor.leave()

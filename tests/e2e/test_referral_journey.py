"""A hypertensive emergency goes up and comes home, in a real browser on both sides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect
from support.browser import Person, chromium
from support.county import PASSWORD
from support.page_server import serving

pytestmark = pytest.mark.system
_PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("referral")) as base:
        yield base


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def _state(page: Page, state: str) -> None:
    expect(page.get_by_test_id("referral-state")).to_have_attribute("data-state", state)


def _in_days(days: int) -> str:
    today = datetime.now(ZoneInfo("Asia/Shanghai")).date()
    return (today + timedelta(days=days)).isoformat()


def _fill(page: Page) -> None:
    """The form as a township doctor fills it in, in a hurry."""
    page.get_by_test_id("ref-name").fill("钱某")
    page.get_by_test_id("ref-sex").select_option("F")
    page.get_by_test_id("ref-age").fill("62")
    page.get_by_text("高血压", exact=True).click()
    page.get_by_test_id("reason-hypertension.acute").click()
    emergency = page.get_by_test_id("urgency-emergency")
    expect(emergency).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_test_id("ref-department")).to_have_value("emergency")
    page.get_by_test_id("ref-present-history").fill("血压 186/112 mmHg,视物模糊 1 小时")


def test_a_patient_goes_up_and_comes_home_with_a_plan_and_a_day(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    township = Person(browser, address, "township", PASSWORD)
    page = township.page
    page.get_by_test_id("nav-referrals").click()
    expect(page.get_by_text("没有进行中的转诊。")).to_be_visible()
    page.get_by_test_id("new-up").click()
    page.get_by_test_id("send-referral").click()
    page.get_by_test_id("confirm-yes").click()
    expect(page.get_by_text("请填写患者姓名。")).to_be_visible()
    _fill(page)
    page.get_by_test_id("send-referral").click()
    page.get_by_test_id("confirm-yes").click()
    expect(page.get_by_text("还缺:转运方式。")).to_be_visible()
    page.get_by_test_id("ref-transport").select_option("ambulance")
    page.get_by_test_id("ref-green").check()
    township.keep(tmp_path / "form.png")
    page.get_by_test_id("send-referral").click()
    page.get_by_test_id("confirm-yes").click()
    _state(page, "requested")
    township.keep(tmp_path / "sent.png")

    county = Person(browser, address, "receiving", PASSWORD)
    asked = county.page
    expect(asked.get_by_test_id("alert-referral")).to_contain_text("钱某")
    asked.get_by_test_id("nav-referrals").click()
    asked.get_by_test_id("referral-row").wait_for()
    asked.keyboard.press("j")
    asked.keyboard.press("Enter")
    asked.get_by_test_id("do-decline").click()
    asked.get_by_test_id("code-no_bed").check()
    asked.get_by_test_id("act-yes").click()
    expect(asked.get_by_test_id("act-dialog").get_by_role("alert")).to_have_text("请写明具体情况。")
    county.keep(tmp_path / "decline.png")
    asked.keyboard.press("Escape")
    asked.get_by_test_id("do-accept").click()
    asked.get_by_test_id("act-text").fill("直接到急诊科抢救室")
    asked.get_by_test_id("act-yes").click()
    _state(asked, "accepted")
    page.reload()
    _state(page, "accepted")
    expect(page.get_by_test_id("referral-steps")).to_contain_text("直接到急诊科抢救室")

    asked.get_by_test_id("do-arrive").click()
    asked.get_by_test_id("confirm-yes").click()
    _state(asked, "arrived")
    asked.get_by_test_id("do-admit").click()
    _state(asked, "in_care")
    asked.get_by_test_id("do-refer-down").click()
    asked.get_by_test_id("plan-diagnosis").fill("高血压 3 级,很高危")
    asked.get_by_test_id("plan-next-steps").fill("低盐饮食,每周测血压")
    asked.get_by_test_id("medicine-name").fill("氨氯地平片")
    asked.get_by_test_id("medicine-dose").fill("5 mg")
    asked.get_by_test_id("plan-yes").click()
    expect(asked.get_by_test_id("plan-dialog").get_by_role("alert")).to_contain_text("随访日期")
    asked.get_by_test_id("day-on").fill(_in_days(14))
    asked.get_by_test_id("day-what").fill("测血压")
    county.keep(tmp_path / "plan.png")
    asked.get_by_test_id("plan-yes").click()
    _state(asked, "referred_down")
    county.leave()

    page.reload()
    expect(page.get_by_test_id("referral-plan")).to_contain_text("氨氯地平片")
    days = page.get_by_test_id("follow-up")
    expect(days).to_have_count(2)
    expect(days.nth(0)).to_contain_text(_in_days(14))
    township.keep(tmp_path / "home.png")
    with page.context.expect_page() as opened:
        page.get_by_test_id("letter-down").click()
    letter = opened.value
    expect(letter.get_by_role("heading", name=re.compile("回转"))).to_be_visible()
    letter.screenshot(path=tmp_path / "letter.png", full_page=True)
    letter.close()
    page.get_by_test_id("do-take-over").click()
    page.get_by_test_id("confirm-yes").click()
    _state(page, "closed")

    page.get_by_test_id("back").click()
    page.get_by_test_id("tab-due").click()
    rows = page.get_by_test_id("due-row")
    expect(rows).to_have_count(2)
    expect(rows.nth(0).get_by_test_id("days-left")).to_have_text("还有 14 天")
    page.set_viewport_size(_PHONE)
    township.keep(tmp_path / "due-phone.png")
    rows.nth(0).get_by_test_id("record-follow-up").click()
    page.get_by_test_id("outcome-phoned").check()
    page.get_by_test_id("follow-up-yes").click()
    expect(rows).to_have_count(1)
    page.get_by_test_id("tab-figures").click()
    expect(page.get_by_test_id("figures-month")).to_contain_text("东镇卫生院")
    township.leave()


def test_the_pages_speak_english_and_an_untouched_draft_is_not_kept(
    browser: Browser, address: str
) -> None:
    stranger = Person(browser, address, "stranger", PASSWORD)
    page = stranger.page
    page.get_by_test_id("language").click()
    page.get_by_test_id("nav-referrals").click()
    expect(page.get_by_text("No referral is under way.")).to_be_visible()
    page.get_by_test_id("new-up").click()
    expect(page.get_by_test_id("send-referral")).to_have_text("Send")
    page.go_back()

    expect(page.get_by_text("No referral is under way.")).to_be_visible()
    stranger.leave()

"""Administration, audit, alarms on a phone and amendments taken over, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect
from support.browser import Person, chromium
from support.county import PASSWORD
from support.journeys import read_and_sign, submit
from support.page_server import ecg_file, serving
from support.server_process import open_case, recording, upload

pytestmark = pytest.mark.system
_PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("administration")) as base:
        yield base


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


#: True when the page may be left without a question.
_LEAVING = "() => window.dispatchEvent(new Event('beforeunload', { cancelable: true }))"
#: What another tab of the same browser does when its session has ended.
_SIGN_IN_ELSEWHERE = """async ([login, password]) => {
  const headers = { 'Content-Type': 'application/json' };
  const body = JSON.stringify({ login, password });
  const answer = await fetch('/api/v1/session', { method: 'POST', headers, body });
  if (!answer.ok) throw new Error(String(answer.status));
}"""
_SIGN_WITH_PASSWORD = """async () => {
  const { PasswordField } = await import('/static/reading_password.js');
  const field = new PasswordField({ isNeeded: true, submit: 'none' });
  field.input.value = 'a word';
  return field.run(async () => 'signed');
}"""
_HOLD = """async (ids) => {
  const { keepHeld } = await import('/static/reading_holder.js');
  for (const id of ids) keepHeld({ id, short_id: id });
}"""
_IS_HELD = """async ([id, wanted]) => {
  const [{ recall }, { session }] = await Promise.all(
    [import('/static/store.js'), import('/static/api.js')]);
  return id in (recall(session().user.id, 'held') || {}) === wanted;
}"""


def _client(address: str, login: str) -> httpx.Client:
    client = httpx.Client(base_url=address, timeout=60, trust_env=False)
    words = {"login": login, "password": PASSWORD}
    client.headers["X-CSRF-Token"] = client.post("/api/v1/session", json=words).json()["csrf"]
    return client


def test_an_administrator_makes_an_account_and_its_owner_chooses_a_password(
    browser: Browser, address: str
) -> None:
    system = Person(browser, address, "system", PASSWORD)
    page = system.page
    page.get_by_test_id("new-account").click()
    page.get_by_test_id("field-login").fill("newcomer")
    page.get_by_test_id("field-name").fill("新来的")
    expect(page.get_by_test_id("field-site")).to_have_value("")
    page.get_by_test_id("form-yes").click()
    expect(page.get_by_test_id("admin-form").get_by_role("alert")).to_have_text("请选择机构。")
    unusual = page.get_by_test_id("unusual-role")
    page.get_by_test_id("role-operator").check()
    expect(unusual).to_be_hidden()
    page.get_by_test_id("field-site").select_option("county")
    expect(unusual).to_contain_text("操作技师")
    page.get_by_test_id("field-site").select_option("east")
    expect(unusual).to_be_hidden()
    expect(page.get_by_test_id("role-auditor")).to_have_count(0)
    expect(page.get_by_test_id("role-security_administrator")).to_have_count(0)
    page.get_by_test_id("field-login").fill("operator")
    page.get_by_test_id("role-operator").check()
    page.get_by_test_id("form-yes").click()
    expect(page.get_by_test_id("admin-form").get_by_role("alert")).not_to_be_empty()
    page.get_by_test_id("field-login").fill("newcomer")
    page.get_by_test_id("form-yes").click()
    secret = page.get_by_test_id("secret").inner_text()
    page.get_by_test_id("noted").click()
    page.locator('[data-login="newcomer"]').get_by_text("新来的").wait_for()
    expect(page.locator('[data-login="security"]').get_by_test_id("reset")).to_have_count(0)
    system.leave()

    security = Person(browser, address, "security", PASSWORD)
    page = security.page
    page.locator('[data-login="newcomer"]').get_by_test_id("roles").click()
    page.get_by_test_id("role-auditor").check()
    expect(page.get_by_test_id("role-system_administrator")).to_be_disabled()
    security.leave()

    newcomer = Person(browser, address, "newcomer", secret)
    page = newcomer.page
    expect(page.get_by_test_id("nav-capture")).to_have_count(0)
    page.get_by_test_id("password-present").fill(secret)
    page.get_by_test_id("password-wanted").fill(PASSWORD)
    page.get_by_test_id("password-again").fill("another one")
    page.get_by_test_id("password-change").click()
    expect(page.get_by_role("alert")).not_to_be_empty()
    page.get_by_test_id("password-again").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_test_id("nav-capture").wait_for()
    newcomer.leave()


def test_an_auditor_checks_the_log_and_filters_it(browser: Browser, address: str) -> None:
    auditor = Person(browser, address, "auditor", PASSWORD)
    page = auditor.page

    page.get_by_test_id("verify").click()
    page.get_by_test_id("audit-result").locator(".qp-card-ok").wait_for()
    page.get_by_test_id("filter-type").select_option("site")
    page.get_by_test_id("filter-since").fill("2026年2月30日")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("filter-since")).to_have_attribute("aria-invalid", "true")
    page.get_by_test_id("filter-since").fill("20260103")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("filter-since")).to_have_value("2026-01-03")

    page.locator('[data-type="session.opened"]').first.wait_for(state="detached")
    expect(page.locator('[data-testid="event-row"]:not([data-type^="site."])')).to_have_count(0)
    assert page.get_by_test_id("event-row").count() == 4
    auditor.leave()


def test_an_alarm_on_a_phone_says_who_what_since_when_what_to_do_and_whom_to_call(
    browser: Browser, address: str
) -> None:
    alarm = {
        "key": "c",
        "kind": "ai_alarm",
        "case_id": "c",
        "since": "2026-03-02T01:00:00+00:00",
        "site": {"id": "east", "name": "东镇卫生院"},
        "short_id": "0000abcd",
        "patient": {
            "name": "钱某",
            "sex": "F",
            "age_text": "60 岁",
            "visit_number": "M-7",
            "patient_id": "",
        },
        "is_own_site": True,
        "text": "很长的说明" * 20,
        "may_mark_seen": True,
        "seen": None,
        "contact": {
            "site": {"id": "county", "name": "县医院"},
            "phone": "0000-120 转 8",
            "online": ["沈片"],
        },
    }
    unnamed = alarm | {"key": "d", "case_id": "d", "patient": None}
    answer = {"items": [alarm, unnamed], "unread_results": 3}
    doctor = Person(browser, address, "township", PASSWORD)
    page = doctor.page
    page.set_viewport_size(_PHONE)
    page.route("**/api/v1/alerts", lambda route: route.fulfill(json=answer))
    page.reload()

    bar = page.get_by_test_id("alert-ai_alarm").first
    expect(bar.get_by_test_id("alert-who")).to_have_text("钱某 女 · 60 岁 · 就诊号 M-7")
    expect(bar.get_by_text(alarm["text"])).to_be_visible()
    expect(bar.locator("time")).to_contain_text("2026-03-02 09:00 起,已")
    expect(bar.get_by_test_id("alert-do")).to_contain_text("看病人")
    phone = bar.get_by_test_id("phone")
    expect(phone).to_have_attribute("href", "tel:0000120")
    for part in (bar, phone):
        box = part.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390
    box = phone.bounding_box()
    assert box is not None and box["height"] >= 44
    expect(bar.get_by_test_id("contact")).to_contain_text("沈片")
    expect(bar.get_by_test_id("see-alarm")).to_be_visible()
    expect(page.get_by_test_id("alert-who").last).to_contain_text("编号 0000abcd")
    page.unroute("**/api/v1/alerts")
    page.route("**/api/v1/alerts", lambda route: route.abort())
    page.evaluate("() => window.dispatchEvent(new Event('qp-acted'))")
    expect(page.get_by_test_id("alert-link")).to_contain_text("下面的提醒是 20")
    expect(phone).to_be_visible()
    expect(page.get_by_test_id("alert-ai_alarm")).to_have_count(2)
    page.unroute("**/api/v1/alerts")
    page.route("**/api/v1/alerts", lambda route: route.fulfill(json=answer))
    page.evaluate("() => window.dispatchEvent(new Event('qp-acted'))")
    expect(page.get_by_test_id("alert-link")).to_have_count(0)
    expect(page.get_by_test_id("unread-results")).to_have_text("3")
    header = page.locator(".qp-top").bounding_box()
    assert header is not None and header["height"] <= 56
    page.get_by_test_id("account").click()
    expect(page.get_by_test_id("account-sign-out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("account")).to_be_focused()
    doctor.leave()


def test_a_session_that_ends_is_taken_up_again_with_nothing_lost(
    browser: Browser, address: str
) -> None:
    manager = Person(browser, address, "system", PASSWORD)
    page = manager.page
    page.get_by_test_id("new-account").click()
    page.get_by_test_id("field-login").fill("later")
    page.get_by_test_id("field-name").fill("后来的")
    page.get_by_test_id("field-site").select_option("east")
    page.get_by_test_id("role-operator").check()
    page.context.clear_cookies()
    page.get_by_test_id("form-yes").click()

    again = page.get_by_test_id("session-ended")
    page.get_by_test_id("again-password").fill("not the password")
    page.keyboard.press("Enter")
    expect(again.get_by_role("alert")).not_to_be_empty()
    page.get_by_test_id("again-password").fill(PASSWORD)
    page.keyboard.press("Enter")

    expect(page.get_by_test_id("secret")).not_to_be_empty()
    page.get_by_test_id("noted").click()
    page.locator('[data-login="later"]').get_by_text("后来的").wait_for()
    manager.leave()


def test_signing_out_asks_before_a_form_without_a_name_is_forgotten(
    browser: Browser, address: str
) -> None:
    desk = Person(browser, address, "operator", PASSWORD)
    page = desk.page
    page.get_by_test_id("form-symptom").fill("咳嗽三天")
    page.get_by_test_id("sign-out").click()
    page.get_by_text("申请单缺姓名").wait_for()
    page.keyboard.press("Escape")

    expect(page.get_by_test_id("form-symptom")).to_have_value("咳嗽三天")
    page.get_by_test_id("sign-out").click()
    page.get_by_test_id("confirm-yes").click()
    page.locator("#submit").wait_for()
    desk.leave()


def test_focus_stays_in_a_dialog_and_goes_back_where_it_was(browser: Browser, address: str) -> None:
    doctor = Person(browser, address, "township", PASSWORD)
    page = doctor.page
    page.get_by_test_id("account").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_test_id("account-dialog")
    dialog.wait_for()
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate("() => Boolean(document.activeElement.closest('dialog'))")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("account")).to_be_focused()
    ring = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
    assert ring == "solid"
    doctor.leave()
    doctor.leave()


def test_a_draft_survives_the_language_switch_and_an_amendment_is_taken_over(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    data = ecg_file(tmp_path / "a.dcm", name="王小明").read_bytes()
    with closing(_client(address, "operator")) as operator:
        case_id = open_case(operator, "ecg")
        recording(operator, upload(operator, case_id, data)["recording_id"])
        submit(operator, case_id)
    with closing(_client(address, "specialist")) as specialist:
        read_and_sign(specialist, case_id)
        opened = specialist.post(f"/api/v1/cases/{case_id}/amend", json={"reason": "补充"})
        assert opened.status_code == 200, opened.text

    other = Person(browser, address, "specialist2", PASSWORD)
    page = other.page
    page.goto(f"{address}/reading?case={case_id}")
    page.get_by_test_id("take-over").click()
    expect(page.get_by_text("正在处理此例(从 20")).to_be_visible()
    page.get_by_test_id("reason").fill("原医师下班")
    page.get_by_test_id("reason-yes").click()
    page.get_by_test_id("report-impression").fill("还没有保存的话")
    page.get_by_test_id("language").click()
    page.get_by_role("button", name="中文").wait_for()
    page.get_by_test_id("report-impression").wait_for()

    expect(page.get_by_test_id("report-impression")).to_have_value("还没有保存的话")
    expect(page.get_by_test_id("take-over")).to_have_count(0)
    other.leave()


def test_a_report_that_was_not_saved_or_changed_elsewhere_is_not_signed(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    data = ecg_file(tmp_path / "b.dcm", name="李小红", seed=2).read_bytes()
    with closing(_client(address, "operator")) as operator:
        case_id = open_case(operator, "ecg")
        recording(operator, upload(operator, case_id, data)["recording_id"])
        submit(operator, case_id)
    signed: list[str] = []
    specialist = Person(browser, address, "specialist", PASSWORD)
    page = specialist.page
    page.on("request", lambda sent: signed.append(sent.url) if sent.url.endswith("/sign") else None)
    draft = f"**/api/v1/cases/{case_id}/draft"
    with closing(_client(address, "specialist")) as elsewhere:
        assert elsewhere.post(f"/api/v1/cases/{case_id}/claim").status_code == 200
        page.goto(f"{address}/reading?case={case_id}")
        page.get_by_test_id("report-impression").fill("窦性心律")

        page.route(draft, lambda route: route.abort())
        page.get_by_test_id("sign").click()
        page.get_by_text("草稿没有存上").first.wait_for()
        expect(page.get_by_test_id("sign-dialog")).to_have_count(0)
        assert signed == []
        assert not page.evaluate(_LEAVING)

        page.unroute(draft)
        page.evaluate(_SIGN_IN_ELSEWHERE, ["specialist", PASSWORD])
        with page.expect_response(lambda got: got.url.endswith("/draft") and got.ok):
            page.get_by_test_id("report-impression").fill("窦性心律。")
        expect(page.get_by_test_id("draft-status")).to_contain_text("草稿已存")
        assert page.evaluate(_LEAVING)
        page.get_by_test_id("sign").click()
        page.get_by_test_id("sign-dialog").wait_for()
        other = {"template_id": "ecg_standard", "impression": "心房颤动"}
        path = f"/api/v1/cases/{case_id}"
        assert elsewhere.put(f"{path}/draft", json=other).status_code == 200
        page.get_by_test_id("sign-password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.get_by_text("报告内容已变,请核对后再签").wait_for()
        assert elsewhere.get(path).json()["state"] == "claimed"
        page.route("**/api/v1/session", lambda route: route.abort())
        assert page.evaluate(_SIGN_WITH_PASSWORD) == "signed"

    page.goto(f"{address}/login")
    page.unroute("**/api/v1/session")
    page.goto(f"{address}/reading")
    page.locator(f'[data-case="{case_id}"]').wait_for()
    page.evaluate(_HOLD, [case_id, "gone"])
    with page.expect_response(lambda got: got.url.endswith(f"{case_id}/holder")):
        page.get_by_test_id("filter-modality").select_option("cxr")
    page.get_by_test_id("filter-modality").select_option("")
    page.locator(f'[data-case="{case_id}"]').wait_for()
    page.wait_for_function(_IS_HELD, arg=["gone", False])
    assert page.evaluate(_IS_HELD, [case_id, True])
    specialist.leave()

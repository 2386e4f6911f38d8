"""The pages in a real browser against a real installation, on synthetic recordings."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Request, Route, expect, sync_playwright
from support.browser import ARGS
from support.county import PASSWORD
from support.id_numbers import id_number
from support.page_server import ecg_file, serving

CHROMIUM = shutil.which("chromium")
PATIENCE_MS = 60_000
HOSTILE = "王<img src=x onerror=window.harmed=1>"
pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("pages")) as base:
        yield base


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGS))
        yield chromium
        chromium.close()


class Desk:
    """A signed-in browser that notes faults of the page and requests to other hosts."""

    def __init__(self, browser: Browser, address: str, *, width: int = 1366, height: int = 768):
        self.address = address
        self.faults: list[str] = []
        self.page = browser.new_context(viewport={"width": width, "height": height}).new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", self._note)

    def _note(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.faults.append(f"request to {request.url}")

    def sign_in(self, login: str) -> Page:
        self.page.goto(f"{self.address}/login")
        self.page.locator("body.ready").wait_for()
        self.page.fill("#login", login)
        self.page.fill("#password", PASSWORD)
        self.page.click("#submit")
        self.page.locator(".qp-top").wait_for()
        return self.page

    def leave(self) -> None:
        self.page.context.close()
        assert self.faults == []


@pytest.fixture
def desk(browser: Browser, address: str) -> Iterator[Desk]:
    opened = Desk(browser, address)
    yield opened
    opened.leave()


def fill_form(page: Page, name: str) -> None:
    page.get_by_test_id("form-name").fill(name)
    page.get_by_test_id("form-sex-M").click()
    page.get_by_test_id("form-age_years").fill("55")


def submit(page: Page) -> None:
    """Submit, giving a reason where the server asks for one."""
    page.get_by_test_id("submit-case").click()
    done, asked = page.get_by_test_id("submitted"), page.get_by_test_id("reason-yes")
    done.or_(asked).first.wait_for()
    while not done.is_visible():
        for reason in page.locator("dialog textarea").all():
            reason.fill("已核对")
        asked.click()
        asked.wait_for(state="hidden")
        done.or_(asked).first.wait_for()


def test_a_typed_form_survives_a_reload(desk: Desk) -> None:
    page = desk.sign_in("operator")
    fill_form(page, "赵一")
    page.get_by_test_id("form-symptom").fill("胸闷")
    page.get_by_test_id("take-chest-pain").click()
    expect(page.get_by_test_id("form-requested-chest_pain")).to_have_attribute(
        "aria-checked", "true"
    )
    expect(page.get_by_test_id("propose-chest-pain")).to_have_count(0)

    page.get_by_test_id("form-age_unit").select_option("months")

    page.reload()

    expect(page.get_by_test_id("form-age_unit")).to_have_value("months")
    expect(page.get_by_test_id("form-name")).to_have_value("赵一")
    expect(page.get_by_test_id("form-symptom")).to_have_value("胸闷")


def test_an_identity_number_fills_birth_date_and_sex(desk: Desk) -> None:
    page = desk.sign_in("operator")

    page.get_by_test_id("form-id_number").fill(id_number("00000019491231002"))

    expect(page.get_by_test_id("form-birth_date")).to_have_value("1949-12-31")
    expect(page.get_by_test_id("form-sex-F")).to_have_attribute("aria-checked", "true")
    page.get_by_test_id("form-id_number").fill(id_number("00000019491231002")[:-1] + "0")
    expect(page.get_by_test_id("form-id_number")).to_have_attribute("aria-invalid", "true")
    page.get_by_test_id("submit-case").click()
    expect(page.get_by_test_id("form-name")).to_be_focused()
    page.get_by_test_id("form-name").fill("赵一")
    page.get_by_test_id("submit-case").click()
    expect(page.get_by_test_id("form-id_number")).to_be_focused()
    expect(page.get_by_test_id("bar-note")).to_contain_text("身份证号校验不符")


def test_what_was_chosen_stands_against_the_identity_number_until_a_person_decides(
    desk: Desk,
) -> None:
    page = desk.sign_in("operator")
    fields = ("sex-M", "birth_date", "age_years")
    male, birth, age = (page.get_by_test_id(f"form-{name}") for name in fields)
    fill_form(page, "赵一")

    page.get_by_test_id("form-id_number").fill(id_number("00000019491231002"))

    expect(male).to_have_attribute("aria-checked", "true")
    expect(page.locator("#qp-error-sex")).to_contain_text("身份证号中是“女”")
    expect(age).to_have_value("55")
    expect(page.locator("#qp-error-age_years")).to_contain_text("1949-12-31")
    page.get_by_test_id("submit-case").click()
    expect(page.get_by_test_id("bar-note")).to_contain_text("身份证号中是“女”")
    age.fill("")
    expect(birth).to_have_value("1949-12-31")
    page.get_by_test_id("form-sex-F").click()
    expect(page.locator("#qp-error-sex")).to_be_hidden()
    page.get_by_test_id("form-id_number").fill(id_number("00000019501231002"))
    expect(birth).to_have_value("1950-12-31")
    expect(page.locator("#qp-error-birth_date")).to_be_hidden()


@pytest.mark.parametrize(
    ("age", "unit", "is_wrong"),
    [("-5", "years", True), ("250", "years", True), ("0", "years", True), ("8", "months", False)],
)
def test_an_age_is_marked_at_once_where_it_is_impossible(
    desk: Desk, age: str, unit: str, is_wrong: bool
) -> None:
    page = desk.sign_in("operator")

    page.get_by_test_id("form-age_unit").select_option(unit)
    page.get_by_test_id("form-age_years").fill(age)

    field = page.get_by_test_id("form-age_years")
    expect(field).to_have_attribute("aria-invalid", str(is_wrong).lower())
    expect(page.locator("#qp-error-age_years")).to_be_visible(visible=is_wrong)


def test_files_that_need_a_person_are_named_and_hold_up_no_other(
    desk: Desk, tmp_path: Path
) -> None:
    page = desk.sign_in("township")
    good = ecg_file(tmp_path / "good.dcm", name="周六")
    broken, picture = tmp_path / "broken.dcm", tmp_path / "photo.png"
    broken.write_bytes(good.read_bytes()[:5000])
    Image.fromarray(np.full((64, 64), 90, np.uint8)).save(picture)
    fill_form(page, "周六")

    page.get_by_test_id("pick-files").set_input_files([picture, broken, good])
    expect(page.get_by_test_id("recording")).to_have_count(2)
    page.get_by_test_id("ai-box").wait_for()

    asked = page.get_by_test_id("upload-item")
    expect(asked).to_contain_text("photo.png")
    expect(asked.locator("img")).to_be_visible()
    page.get_by_test_id("submit-case").click()
    expect(page.get_by_test_id("bar-note")).to_contain_text("photo.png")
    page.get_by_test_id("modality-cxr").click()
    expect(asked).to_have_count(0)
    expect(page.get_by_test_id("recording")).to_have_count(3)
    expect(page.get_by_test_id("will-split")).to_contain_text("心电图、胸片各一份")
    expect(page.get_by_test_id("closed")).to_be_visible()
    dated = page.get_by_test_id("recording").filter(has_text="good.dcm").get_by_test_id("examined")
    expect(dated).to_have_attribute("data-examination", "old")
    page.get_by_test_id("submit-case").click()
    expect(page.get_by_test_id("mismatch")).to_contain_text("检查日期")
    page.get_by_test_id("date-reason").fill("以前的检查,请对照")
    page.get_by_test_id("reason-yes").click()
    expect(page.get_by_test_id("held-file").filter(has_text="broken.dcm")).to_be_visible()
    page.get_by_test_id("reason").fill("无法重新导出")
    page.get_by_test_id("reason-yes").click()
    page.get_by_test_id("submitted").wait_for()
    expect(page.get_by_test_id("next-patient")).to_be_focused()
    sent = page.get_by_test_id("sent-request")
    expect(sent).to_have_count(2)
    expect(sent.first).to_contain_text("心电图")
    expect(sent.last).to_contain_text("待阅")
    page.get_by_test_id("tab-mine").click()
    rows = page.get_by_test_id("case-row").filter(has_text="周六")
    for other in ("胸片", "心电图"):
        told = rows.filter(has_text=f"同时提交的{other}申请")
        expect(told.get_by_test_id("sibling")).to_contain_text("待阅")


def test_an_upload_goes_on_after_cuts_and_a_reload_and_is_stored_once(
    desk: Desk, tmp_path: Path
) -> None:
    page = desk.sign_in("village")
    file = ecg_file(tmp_path / "ecg.dcm", name="孙二")
    cuts = 0

    def cut(route: Route) -> None:
        nonlocal cuts
        cuts += 1
        if cuts <= 2:
            route.abort()
        else:
            route.continue_()

    page.route("**/api/v1/uploads/*", cut)
    fill_form(page, "孙二")
    page.context.set_offline(True)
    page.get_by_test_id("pick-files").set_input_files(file)
    page.get_by_test_id("upload-item").wait_for()
    page.get_by_test_id("submit-case").click()
    expect(page.get_by_test_id("bar-note")).to_contain_text("急的先打电话")
    page.context.set_offline(False)
    page.reload()

    page.get_by_test_id("recording").wait_for()
    expect(page.get_by_test_id("recording")).to_have_count(1)
    expect(page.get_by_test_id("upload-item")).to_have_count(0)
    assert cuts > 2


def test_an_upload_that_meets_another_request_or_a_session_renewed_meanwhile_goes_on(
    desk: Desk, tmp_path: Path
) -> None:
    page = desk.sign_in("township")
    busy = {"error": {"code": "upload.busy", "message": "正在处理中", "advice": "", "params": {}}}
    met: list[str] = []

    def first_busy(route: Route) -> None:
        if not met:
            met.append(route.request.url)
            route.fulfill(status=409, json=busy)
        elif len(met) == 1:
            met.append(route.request.url)
            route.fulfill(status=401, json={"error": {"code": "session.needed"}})
        else:
            route.continue_()

    page.route("**/api/v1/uploads/*", first_busy)
    page.get_by_test_id("pick-files").set_input_files(ecg_file(tmp_path / "c.dcm", seed=7))

    page.get_by_test_id("recording").wait_for()
    assert len(met) == 2


def test_a_file_of_another_patient_blocks_until_a_person_says_why(
    desk: Desk, tmp_path: Path
) -> None:
    page = desk.sign_in("township")
    page.get_by_test_id("pick-files").set_input_files(ecg_file(tmp_path / "a.dcm", name="李四"))
    fill_form(page, "张三")
    page.get_by_test_id("mismatch-card").wait_for()

    page.get_by_test_id("submit-case").click()
    page.get_by_test_id("mismatch").wait_for()
    page.get_by_test_id("reason-yes").click()

    for question in ("why-person", "why-date"):
        expect(page.get_by_test_id(question).get_by_role("alert")).to_be_visible()
    page.get_by_test_id("reason").fill("设备登记有误")
    page.get_by_test_id("reason-yes").click()
    expect(page.get_by_test_id("why-date").get_by_role("alert")).to_be_visible()
    page.get_by_test_id("date-reason").fill("以前的检查,请会诊")
    page.get_by_test_id("reason-yes").click()
    page.get_by_test_id("submitted").or_(page.get_by_test_id("override")).first.wait_for()


def test_a_hostile_name_stays_text_from_desk_to_result(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    desk = Desk(browser, address)
    page = desk.sign_in("stranger")
    file = ecg_file(tmp_path / "<b onmouseover=alert(1)>.dcm")
    page.get_by_test_id("pick-files").set_input_files(file)
    fill_form(page, HOSTILE)
    page.get_by_test_id("ai-box").wait_for()
    submit(page)
    county = Desk(browser, address)
    reading = county.sign_in("specialist")
    reading.get_by_test_id("work-row").filter(has_text=HOSTILE).click()
    reading.get_by_test_id("claim").click()
    reading.get_by_test_id("report-impression").fill("<script>window.harmed=1</script>窦性心律。")

    reading.get_by_test_id("sign").click()
    reading.get_by_test_id("sign-password").fill(PASSWORD)
    reading.get_by_test_id("sign-yes").click()
    reading.get_by_test_id("signed-report").wait_for()
    page.goto(f"{address}/results")
    page.get_by_test_id("case-row").filter(has_text=HOSTILE).click()
    page.get_by_test_id("acknowledge").click()
    page.get_by_test_id("ack-yes").click()
    expect(page.get_by_test_id("acknowledge")).to_have_count(0)

    for one in (page, reading):
        assert one.evaluate("window.harmed") is None
    county.leave()
    desk.leave()


def test_the_worklist_starts_with_what_its_reader_signs_and_keeps_his_choice(desk: Desk) -> None:
    def ecgs_only(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        if "user" in body:
            body["user"]["sign_modalities"] = ["ecg"]
        route.fulfill(response=answer, json=body)

    desk.page.route("**/api/v1/session", ecgs_only)
    page = desk.sign_in("specialist")
    kind = page.get_by_test_id("filter-modality")
    expect(kind).to_have_value("ecg")
    kind.select_option("")
    page.evaluate(
        """async () => {
          const [{ session }, { forgetAll }] = await Promise.all(
            [import('/static/api.js'), import('/static/store.js')]);
          forgetAll(session().user.id);
        }"""
    )
    page.reload()

    expect(kind).to_have_value("")


@pytest.mark.parametrize(("login", "path"), [("operator", "capture"), ("specialist", "reading")])
def test_pages_fit_a_phone(browser: Browser, address: str, login: str, path: str) -> None:
    desk = Desk(browser, address, width=390, height=844)
    page = desk.sign_in(login)
    page.goto(f"{address}/{path}")
    page.locator(".qp-page").wait_for()

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    if path == "capture":
        expect(page.get_by_test_id("submit-case")).to_be_in_viewport(ratio=1)
    desk.leave()


def test_the_language_switch_changes_every_word_of_the_page(desk: Desk) -> None:
    page = desk.sign_in("village")
    page.get_by_test_id("language").click()

    expect(page.get_by_test_id("nav-capture")).to_have_text("Capture")
    page.get_by_test_id("language").click()
    expect(page.get_by_test_id("nav-capture")).to_have_text("采集")


def test_the_script_and_the_browser_compute_the_same_sha256(desk: Desk) -> None:
    page = desk.sign_in("village")
    same = page.evaluate(
        """async () => {
          const { Sha256, sha256 } = await import('/static/sha256.js');
          const results = [];
          for (const size of [0, 1, 55, 56, 63, 64, 65, 1000003]) {
            const bytes = new Uint8Array(size).map((_, at) => at * 7);
            const ours = new Sha256().update(bytes.subarray(0, size / 3))
              .update(bytes.subarray(size / 3)).hex();
            results.push(ours === await sha256(new Blob([bytes])));
          }
          return results;
        }"""
    )

    assert same == [True] * 8


def test_of_a_dragged_folder_what_is_no_examination_is_left_out(desk: Desk) -> None:
    page = desk.sign_in("village")

    found = page.evaluate(
        """async () => {
          const { filesOf } = await import('/static/upload.js');
          const file = (name) => ({ isFile: true, file: (done) => done(new File(['x'], name)) });
          const folder = (...children) => ({
            isDirectory: true,
            createReader: () => ({ readEntries: (done) => done(children.splice(0)) }),
          });
          const disc = folder(file('a.dcm'), file('VIEWER.EXE'), file('.x'), folder(file('b.inf')));
          const items = [disc, file('c.txt')].map((one) => ({ webkitGetAsEntry: () => one }));
          const { files, leftOut } = await filesOf({ items });
          return [files.map((one) => one.name), leftOut];
        }"""
    )

    assert found == [["c.txt", "a.dcm"], ["VIEWER.EXE", "b.inf"]]


def test_days_and_moments_are_typed_in_the_chinese_order(desk: Desk) -> None:
    page = desk.sign_in("village")
    read = page.evaluate(
        """async () => {
          const { dayOf, instantOf, momentAt, momentOf } = await import('/static/dates.js');
          const now = new Date('2026-03-02T17:30:00Z');
          return [
            ['19491231', '1949/2/3', '1949年12月31日', '', '194912', '2026-02-30'].map(dayOf),
            ['2026-3-2 8:30', '20260302 0830', '8:30', '', '8', '2026-02-30 08:30', '24:00']
              .map((typed) => momentOf(typed, now)),
            instantOf('2026-03-02T08:30'), momentAt('2026-03-02T00:30:00.000Z'),
          ];
        }"""
    )
    assert read == [
        ["1949-12-31", "1949-02-03", "1949-12-31", "", None, None],
        ["2026-03-02T08:30", None, "2026-03-03T08:30", "", None, None, None],
        "2026-03-02T00:30:00.000Z",
        "2026-03-02T08:30",
    ]
    for name, typed, shown in (
        ("birth_date", "1949年2月3日", "1949-02-03"),
        ("onset_at", "2026-3-2 8:30", "2026-03-02 08:30"),
    ):
        field = page.get_by_test_id(f"form-{name}")
        field.fill(typed)
        page.get_by_test_id("form-symptom").focus()
        expect(field).to_have_value(shown)
        field.fill("1949-2")
        page.get_by_test_id("form-symptom").focus()
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_value("1949-2")


def test_every_alert_is_shown_calls_first_and_then_the_newest(desk: Desk) -> None:
    def alert(kind: str, minute: int) -> dict[str, object]:
        since = f"2026-03-02T01:{minute:02}:00+00:00"
        site = {"id": "east", "name": "东镇"}
        return {
            "key": f"{kind}-{minute}",
            "kind": kind,
            "case_id": f"{kind}-{minute}",
            "since": since,
            "site": site,
            "patient": {"name": f"{kind}-{minute}"},
            "text": "",
        }

    items = [alert("ai_alarm", minute) for minute in range(30)]
    items += [alert("critical_call", 40), alert("critical_call", 50)]
    desk.page.route("**/api/v1/alerts", lambda route: route.fulfill(json={"items": items}))
    page = desk.sign_in("operator")

    shown = page.locator(".qp-alerts .qp-alert-case")
    expect(shown).to_have_count(32)
    cases = [link.split("case=")[1] for link in shown.evaluate_all("all => all.map(a => a.href)")]
    assert cases[:4] == ["critical_call-50", "critical_call-40", "ai_alarm-29", "ai_alarm-28"]
    box = page.locator(".qp-alerts").bounding_box()
    assert box is not None and box["height"] <= 0.35 * 768
    last = shown.last
    last.scroll_into_view_if_needed()
    expect(last).to_be_in_viewport()


def test_a_list_says_what_it_does_not_show_and_shows_only_the_newest_answer(desk: Desk) -> None:
    asked: list[str] = []
    held: list[Route] = []

    def more(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(json={"items": [], "total": 250, "unread": 7, "truncated": False})

    def search(route: Route) -> None:
        if "slow" in (route.request.post_data or ""):
            held.append(route)
        else:
            route.fulfill(json={"items": [], "total": 0, "unread": 0, "truncated": False})

    desk.page.route("**/api/v1/cases?*", more)
    desk.page.route("**/api/v1/cases/search", search)
    page = desk.sign_in("operator")
    expect(page.get_by_test_id("tab-results").locator(".qp-count")).to_have_text("7")
    page.get_by_test_id("tab-results").click()

    part = page.get_by_test_id("list-part")
    expect(part).to_contain_text("共 250 例")
    assert [url for url in asked if "view=results" in url and "state=signed" in url]
    with page.expect_request("**/api/v1/cases/search"):
        page.get_by_role("searchbox").fill("slow")
    with page.expect_response("**/api/v1/cases/search"):
        page.get_by_role("searchbox").fill("quick")
    expect(part).to_have_count(0)
    with page.expect_response("**/api/v1/cases/search"):
        held[0].fulfill(json={"items": [], "total": 99, "unread": 0, "truncated": False})
    expect(part).to_have_count(0)

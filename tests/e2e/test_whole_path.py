"""From a file to a signed result, as people do it: upload, read, sign, acknowledge, print.

The real film and the real ECG lie in the public data folder; the pictures for the README are of
the synthetic demo county: ``QIANGJI_KEEP_SCREENSHOTS=1 make test`` renews ``docs/img``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from support.browser import Person, chromium
from support.server_process import Server, eventually, serve

from qiangji_app.demo.county import PASSWORD, demo_cases

ROOT = Path(__file__).parents[2]
FILM = "interop/dicom-cr-dx/RG1_J2KI.dcm"
ECG = "interop/dicom-ecg/waveform_ecg.dcm"
pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("demo"), demo=True) as running:
        client = running.signed_in("xitong", PASSWORD)
        assert client.get("/api/v1/session").status_code == 200
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if os.environ.get("QIANGJI_KEEP_SCREENSHOTS"):
        return ROOT / "docs" / "img"
    return tmp_path_factory.mktemp("img")


def send(page: Page, file: Path, *, name: str, age: str) -> None:
    """Upload a file, fill in the form, submit, giving reasons where the desk is asked for one."""
    page.get_by_test_id("pick-files").set_input_files(file)
    page.get_by_test_id("form-name").fill(name)
    page.get_by_test_id("form-sex-M").click()
    page.get_by_test_id("form-age_years").fill(age)
    page.get_by_test_id("form-symptom").fill("胸痛 2 小时")
    page.get_by_test_id("ai-box").wait_for()
    page.get_by_test_id("submit-case").click()
    done, asked = page.get_by_test_id("submitted"), page.get_by_test_id("reason-yes")
    done.or_(asked).first.wait_for()
    while not done.is_visible():
        for reason in page.locator("dialog textarea").all():
            reason.fill("已核对患者与申请单")
        asked.click()
        asked.wait_for(state="hidden")
        done.or_(asked).first.wait_for()


def decide_all(page: Page) -> int:
    """Reject every flagged hint that is still open; returns how many."""
    decided = 0
    open_hints = page.locator('.qp-finding[data-verdict="open"]')
    while open_hints.count():
        before = open_hints.count()
        open_hints.first.get_by_test_id("verdict-rejected").click()
        expect(open_hints).to_have_count(before - 1)
        decided += 1
    return decided


def read_and_sign(page: Page, *, name: str, impression: str) -> None:
    """Claim, look, decide, write, sign with the password."""
    page.goto(re.sub(r"(http://[^/]+).*", r"\1/reading", page.url))
    page.get_by_test_id("work-row").filter(has_text=name).click()
    page.get_by_test_id("claim").click()
    page.get_by_test_id("report-impression").wait_for()
    page.locator(".qj-host canvas, canvas").first.wait_for()
    decide_all(page)
    page.get_by_test_id("report-impression").fill(impression)
    page.get_by_test_id("report-advice").fill("请结合临床。")
    page.get_by_test_id("sign").click()
    page.get_by_test_id("sign-dialog").wait_for()
    password = page.get_by_test_id("sign-password")
    if password.is_visible():
        password.fill(PASSWORD)
    expect(page.get_by_test_id("sign-dialog")).to_contain_text(impression)
    expect(page.get_by_test_id("sign-dialog")).to_contain_text(name)
    expect(page.get_by_test_id("sign-dialog")).to_contain_text("未填写")
    page.get_by_test_id("sign-yes").click()
    signed = page.get_by_test_id("signed-report")
    signed.wait_for()
    expect(page.get_by_test_id("read-only")).to_be_visible()
    expect(page.locator(".qp-side .qp-watermark-line")).to_have_count(0)
    expect(page.locator("[data-testid^=verdict-]")).to_have_count(0)


def acknowledge(person: Person, *, name: str, impression: str) -> bytes:
    """Open the result, acknowledge it, fetch its PDF with the page's own session."""
    page = person.page
    page.goto(f"{person.address}/results")
    page.get_by_test_id("case-row").filter(has_text=name).click()
    expect(page.get_by_test_id("signed-report")).to_contain_text(impression)
    page.get_by_test_id("acknowledge").click()
    page.get_by_test_id("ack-yes").click()
    expect(page.get_by_test_id("acknowledge")).to_have_count(0)
    link = page.get_by_test_id("open-pdf").get_attribute("href")
    assert link is not None
    answer = page.request.get(f"{person.address}{link}")
    assert answer.status == 200, answer.text()
    return answer.body()


def text_of(pdf: bytes, folder: Path) -> str:
    """Words of a PDF (poppler); its head alone where poppler is missing."""
    assert pdf.startswith(b"%PDF-")
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    path = folder / "result.pdf"
    path.write_bytes(pdf)
    done = subprocess.run(
        ["pdftotext", "-enc", "UTF-8", str(path), "-"], capture_output=True, check=True
    )
    return done.stdout.decode("utf-8")


@pytest.mark.shared
@pytest.mark.parametrize(
    ("login", "file", "name", "impression"),
    [
        ("fangshe", FILM, "验收胸片", "双肺未见明显实变影。"),
        ("zhenyi", ECG, "验收心电", "窦性心律。"),
    ],
)
def test_a_real_recording_goes_from_upload_to_an_acknowledged_pdf(  # noqa: PLR0917
    server: Server,
    browser: Browser,
    shared_data: Path,
    tmp_path: Path,
    login: str,
    file: str,
    name: str,
    impression: str,
) -> None:
    township = Person(browser, server.address, login, PASSWORD)
    send(township.page, shared_data / file, name=name, age="60")
    county = Person(browser, server.address, "shenpian", PASSWORD)

    read_and_sign(county.page, name=name, impression=impression)
    doctor = Person(browser, server.address, "zhenyi", PASSWORD)
    words = text_of(acknowledge(doctor, name=name, impression=impression), tmp_path)

    assert name in words
    assert impression in words
    assert "沈片" in words
    assert "AI 提示,未经医师确认" not in words
    for person in (township, county, doctor):
        person.leave()


def test_every_page_of_the_demo_county_is_worth_a_picture(
    server: Server, browser: Browser, pictures: Path
) -> None:
    client = server.signed_in("guanli", PASSWORD)
    expected = sum(case.until != "draft" for case in demo_cases())

    def is_filled() -> bool:
        listed = [
            client.get("/api/v1/cases", params={"view": view, "limit": 200}).json()["total"]
            for view in ("worklist", "results")
        ]
        returned = sum(case.until == "returned" for case in demo_cases())
        return sum(listed) >= expected - returned

    eventually(is_filled, within_s=240, what="filled demo county")
    desk = Person(browser, server.address, "fangshe", PASSWORD)
    desk.page.get_by_test_id("form-name").wait_for()
    desk.keep(pictures / "capture.png")
    reader = Person(browser, server.address, "shenpian", PASSWORD)
    reader.page.goto(f"{server.address}/reading")
    reader.page.get_by_test_id("work-row").first.wait_for()
    reader.keep(pictures / "worklist.png")
    for name, picture in (("演示甲", "reading-film"), ("演示戊", "reading-ecg")):
        reader.page.goto(f"{server.address}/reading")
        reader.page.get_by_test_id("work-row").filter(has_text=name).click()
        reader.page.locator("canvas").first.wait_for()
        reader.page.wait_for_function(
            "() => { const host = document.querySelector('[data-testid=viewer] *'); "
            "return [...document.querySelectorAll('*')].some((one) => one.qjViewer) && host; }"
        )
        reader.page.wait_for_load_state("networkidle")
        reader.keep(pictures / f"{picture}.png")
    doctor = Person(browser, server.address, "zhenyi", PASSWORD)
    doctor.page.goto(f"{server.address}/results")
    doctor.page.get_by_test_id("case-row").filter(has_text="演示丁").click()
    doctor.page.get_by_test_id("signed-report").wait_for()
    doctor.page.wait_for_load_state("networkidle")
    doctor.keep(pictures / "result.png")

    for person in (desk, reader, doctor):
        person.leave()
    assert {path.stem for path in pictures.glob("*.png")} >= {
        "capture",
        "worklist",
        "reading-film",
        "reading-ecg",
        "result",
    }

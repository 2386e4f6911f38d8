"""The film and the ECG viewer in a real browser, on synthetic recordings."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright
from support import viewer_harness as harness
from support.viewer_components import STATIC_FOLDER, viewer_texts

from qiangji_datasets.records import LEADS

CHROMIUM = shutil.which("chromium")
ARGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MAP_NOTICE = "AI 提示,未经医师确认:胸腔积液;颜色只表示哪里影响了模型数值,不是病变范围"
VIEWER = "document.querySelector('.qj').parentElement.qjViewer"
#: Finds words shown to people that are still keys of the catalogue.
RAW_KEYS = """() => [...document.querySelectorAll('.qj, .qj *')].flatMap((node) =>
  [node.title, node.getAttribute('aria-label'), node.children.length ? '' : node.textContent])
  .filter((words) => /^(film|ecg|map|error|why|prior|help)[._][\\w.]+$/.test(words || ''))"""
VIEWER_SCRIPTS = ("viewer_common", "film_*", "ecg_*")
pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def store() -> harness.Recordings:
    return harness.recordings()


@pytest.fixture(scope="module")
def address(store: harness.Recordings) -> Iterator[str]:
    with harness.running(store) as base:
        yield base


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    yield from _watched(context, address)


@pytest.fixture
def phone(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": 390, "height": 844},
        device_scale_factor=2,
        is_mobile=True,
        has_touch=True,
    )
    yield from _watched(context, address)


def _watched(context: BrowserContext, address: str) -> Iterator[Page]:
    """Give a page; afterwards no script failed, no key is shown, nothing left the origin."""
    asked: list[str] = []
    faults: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    yield page
    raw_keys = page.evaluate(RAW_KEYS)
    context.close()
    assert raw_keys == []
    assert faults == []
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


def open_film(page: Page, address: str, images: str, **query: str) -> None:
    _open(page, address, "film", images, query)
    page.wait_for_function(f"{VIEWER}?.current.picture")


def open_ecg(page: Page, address: str, images: str, **query: str) -> None:
    _open(page, address, "ecg", images, query)
    page.wait_for_function(f"{VIEWER}?.current.drawn")


def _open(page: Page, address: str, kind: str, images: str, query: dict[str, str]) -> None:
    words = "".join(f"&{key}={value}" for key, value in query.items())
    page.goto(f"{address}/plain/{kind}?images={images}{words}")
    page.wait_for_selector(".qj")


def ask(page: Page, call: str) -> Any:
    """Call something of the viewer in the page and return its answer."""
    return page.evaluate(f"async () => await {VIEWER}.{call}")


def drag(page: Page, start: list[float], end: list[float], *, button: str = "left") -> None:
    page.mouse.move(*start)
    page.mouse.down(button=button)  # type: ignore[arg-type]  # Playwright's literal type
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    page.mouse.move(*end)
    page.mouse.up(button=button)  # type: ignore[arg-type]  # as above


# --- film ---------------------------------------------------------------------------------


def test_neighbouring_16_bit_values_get_different_greys_under_a_narrow_window(
    page: Page, address: str
) -> None:
    open_film(page, address, "deep")
    left, right = (364, 964), (364 + harness.PATCH, 964)

    assert ask(page, f"valueAt({left[0]}, {left[1]})") == harness.PATCH_VALUES[0]
    assert ask(page, f"valueAt({right[0]}, {right[1]})") == harness.PATCH_VALUES[1]

    ask(page, "setWindow(32768, 65536)")
    assert ask(page, f"greyAt{left}") == ask(page, f"greyAt{right}")

    ask(page, f"setWindow({harness.PATCH_VALUES[1]}, 2)")
    assert ask(page, f"greyAt{right}") - ask(page, f"greyAt{left}") >= 128


@pytest.mark.parametrize("image", ["deep", "clean", "ap", "plain"])
def test_the_value_under_the_cursor_is_the_stored_one_after_rescale(
    page: Page, address: str, store: harness.Recordings, image: str
) -> None:
    open_film(page, address, image)
    facts, pixels = store.films[image]
    rng = np.random.default_rng(3)
    points = [
        (int(rng.integers(facts["columns"])), int(rng.integers(facts["rows"]))) for _ in range(8)
    ]
    points += [(0, 0), (facts["columns"] - 1, facts["rows"] - 1)]

    for column, row in points:
        expected = float(pixels[row, column]) * facts["slope"] + facts["intercept"]
        assert ask(page, f"valueAt({column}, {row})") == pytest.approx(expected)
    assert ask(page, f"valueAt({facts['columns']}, 0)") is None


def test_monochrome1_is_shown_with_the_lowest_value_white(
    page: Page, address: str, store: harness.Recordings
) -> None:
    open_film(page, address, "ap")
    _, pixels = store.films["ap"]
    inside = pixels[100:400, 60:340]
    dark = np.unravel_index(np.argmax(inside), inside.shape)
    bright = np.unravel_index(np.argmin(inside), inside.shape)

    greys = [ask(page, f"greyAt({at[1] + 60.5}, {at[0] + 100.5})") for at in (dark, bright)]
    assert greys[0] < greys[1]

    ask(page, "act('invert')")
    greys = page.evaluate(
        f"""async () => {{ const v = {VIEWER}; v.current.drawNow();
            return [{dark[1] + 60.5}, {bright[1] + 60.5}].map((x, at) =>
              v.greyAt(x, [{dark[0] + 100.5}, {bright[0] + 100.5}][at])); }}"""
    )
    assert greys[0] > greys[1]


def test_dragging_changes_the_window_with_left_or_right_button(page: Page, address: str) -> None:
    open_film(page, address, "clean")
    before = ask(page, "getWindow()")

    drag(page, [600, 400], [700, 380])

    after = ask(page, "getWindow()")
    assert after["width"] > before["width"]
    assert after["centre"] < before["centre"]

    page.keyboard.press("p")
    drag(page, [600, 400], [500, 400], button="right")
    assert ask(page, "getWindow()")["width"] < after["width"]
    assert ask(page, "state()")["tool"] == "pan"


def test_presets_cover_device_windows_automatic_regions_and_full_range(
    page: Page, address: str, store: harness.Recordings
) -> None:
    open_film(page, address, "clean")
    facts, pixels = store.films["clean"]

    options = page.locator("select[data-action=preset] option").all_inner_texts()
    assert facts["windows"][0]["name"] == "NORMAL"
    assert options[1] == "设备窗 常规"
    assert options[-4:] == ["自动窗", "肺野(按本片灰度)", "纵隔/骨(按本片灰度)", "全范围"]

    page.select_option("select[data-action=preset]", "full")
    window = ask(page, "getWindow()")
    assert window["centre"] - window["width"] / 2 == float(pixels.min())
    assert window["centre"] + window["width"] / 2 == float(pixels.max()) + 1


@pytest.mark.parametrize(
    ("image", "unit", "words"),
    [("clean", "mm", "mm"), ("ap", "mm_detector", "探测器平面"), ("plain", "px", "像素")],
)
def test_lengths_are_millimetres_only_where_the_file_is_calibrated(
    page: Page, address: str, image: str, unit: str, words: str
) -> None:
    open_film(page, address, image)
    page.focus(".qj")
    page.keyboard.press("l")
    start, end = ask(page, "clientPoint(100, 100)"), ask(page, "clientPoint(300, 250)")

    drag(page, start, end)

    (result,) = ask(page, "measures()")
    scale = 1.0 if unit == "px" else 0.2
    tolerance = 2 * scale / ask(page, "state()")["scale"]
    assert result["unit"] == unit
    assert result["value"] == pytest.approx(250 * scale, abs=tolerance)
    assert words in result["text"]

    page.evaluate("addEventListener('qj-measure', (event) => { window.told = event.detail; })")
    page.keyboard.press("Delete")
    assert ask(page, "measures()") == []
    assert page.evaluate("window.told.kind") == "cleared"


def test_the_cardiothoracic_ratio_warns_on_ap_and_is_refused_on_a_lateral_film(
    page: Page, address: str
) -> None:
    open_film(page, address, "ap,lateral,clean")
    page.evaluate("addEventListener('qj-measure', (event) => { window.told = event.detail; })")
    page.focus(".qj")
    page.keyboard.press("c")
    for left, right, row in [(150, 250, 300), (100, 300, 330)]:
        drag(
            page,
            ask(page, f"clientPoint({left}, {row})"),
            ask(page, f"clientPoint({right}, {row + 12})"),
        )
    (result,) = ask(page, "measures()")
    assert result["value"] == pytest.approx(0.5, abs=0.02)
    assert result["warning"] == "AP/仰卧位,心胸比偏大,仅供参考"
    assert page.evaluate("window.told.text") == "心胸比 0.50(AP/仰卧位,心胸比偏大,仅供参考)"

    ask(page, "showItem(1)")
    drag(page, [600, 400], [700, 400])
    assert ask(page, "measures()") == []
    assert "侧位片不能测心胸比" in page.inner_text(".qj-hint")

    ask(page, "showItem(2)")
    result = ask(page, "measureRatio([[800, 900], [1300, 900]], [[500, 1200], [1500, 1200]])")
    assert result["value"] == pytest.approx(0.5)
    assert result["warning"] == ""

    result = ask(page, "measureRatio([[500, 1200], [1500, 1200]], [[800, 900], [1300, 900]])")
    assert result["value"] is None
    assert "未计算心胸比" in result["warning"]
    assert page.evaluate("window.told") == {
        "url": "/api/v1/images/clean",
        "kind": "cleared",
        "text": "",
        "measures": [],
    }


def test_measures_are_removed_one_by_one_and_come_back_with_undo(page: Page, address: str) -> None:
    open_film(page, address, "clean", prior="ap")
    page.evaluate("addEventListener('qj-measure', (event) => { window.told = event.detail; })")
    page.focus(".qj")
    page.keyboard.press("l")
    for row in (300, 600):
        ends = [ask(page, f"clientPoint({column}, {row})") for column in (300, 800)]
        drag(page, *ends)
    drag(page, ask(page, "clientPoint(800, 300)"), ask(page, "clientPoint(550, 300)"))
    kept = [one["value"] for one in ask(page, "measures()")]
    assert kept == pytest.approx([50, 100], abs=1)

    page.keyboard.press("Delete")  # the one that was moved last
    assert [one["value"] for one in ask(page, "measures()")] == kept[1:]
    assert [one["value"] for one in page.evaluate("window.told.measures")] == kept[1:]
    page.keyboard.press("Control+z")
    page.keyboard.press("z")
    assert [one["value"] for one in ask(page, "measures()")] == pytest.approx([100, 100], abs=1)
    page.keyboard.press("Shift+Delete")
    assert ask(page, "measures()") == []

    ask(page, "showPrior('0')")
    page.evaluate("window.told = null")
    page.evaluate(f"{VIEWER}.activate({VIEWER}.prior)")
    assert ask(page, "measureLength([100, 100], [100, 200])")["unit"] == "mm_detector"
    assert page.evaluate("window.told") is None  # a report is about the current film


def test_rotation_inversion_and_zoom_keep_the_picture_under_its_coordinates(
    page: Page, address: str
) -> None:
    open_film(page, address, "deep")
    ask(page, f"setWindow({harness.PATCH_VALUES[1]}, 2)")
    patches = [(364, 964), (364 + harness.PATCH, 964)]
    before = [ask(page, f"greyAt{point}") for point in patches]
    sides = ["头 H", "左 L", "足 F", "右 R"]
    assert ask(page, "state()")["edges"] == sides

    for turns in (1, 2, 3, 0):
        page.evaluate(f"{VIEWER}.act('rotate'); {VIEWER}.act('zoomin'); {VIEWER}.current.drawNow()")
        sides = [*sides[-1:], *sides[:-1]]
        assert ask(page, "state()")["edges"] == sides
        assert (f"已旋转 {turns * 90}°" in page.inner_text(".qj-bl")) is bool(turns)
        greys = [ask(page, f"greyAt{point}") for point in patches]
        assert [grey for grey in greys if grey is not None] == [
            old for old, grey in zip(before, greys, strict=True) if grey is not None
        ]
    ask(page, "act('reset')")
    assert ask(page, "state()")["turns"] == 0


def test_a_tiny_film_of_one_grey_says_so_and_can_be_zoomed_further(
    page: Page, address: str
) -> None:
    open_film(page, address, "tiny")
    assert "整片只有一个灰度值" in page.inner_text(".qj-bl")
    before = ask(page, "state()")["scale"]
    ask(page, "act('zoomin')")
    assert ask(page, "state()")["scale"] > before > 40


def test_sides_that_the_file_does_not_state_are_not_invented(page: Page, address: str) -> None:
    open_film(page, address, "plain")
    assert ask(page, "state()")["edges"] == ["", "", "", ""]
    assert "文件未注明左右" in page.inner_text(".qj-bl")
    mirrored = page.evaluate(
        """async () => { const { isMirrored } = await import('/static/film_words.js');
          return [['PA', 'R'], ['AP', 'L'], ['LL', 'R']].map(([view, right]) =>
            isMirrored({ view, patient_orientation: [right, 'F'] })); }"""
    )
    assert mirrored == [True, False, False]


def test_the_film_map_is_off_until_asked_for_carries_its_caption_and_stays_out_of_pictures(
    page: Page, address: str, store: harness.Recordings
) -> None:
    store.map_requests.clear()
    open_film(page, address, "clean,ap")
    page.evaluate("addEventListener('qj-map-viewed', (event) => { window.seen = event.detail; })")
    without = ask(page, "screenshot()")
    assert store.map_requests == []
    assert not page.is_visible(".qj-map-notice")

    page.select_option("select[data-action=map]", "effusion")
    page.wait_for_selector(".qj-map-notice:visible")
    assert page.inner_text(".qj-map-notice > span >> nth=0") == MAP_NOTICE
    assert store.map_requests == ["clean/effusion"]
    assert page.evaluate("window.seen") == {"url": "/api/v1/images/clean", "label": "effusion"}
    assert ask(page, "screenshot()") == without

    ask(page, "showItem(1)")
    assert ask(page, "state()")["map"] == ""
    assert not page.is_visible(".qj-map-notice")

    page.select_option("select[data-action=map]", "missing")
    page.wait_for_function("document.querySelector('.qj-hint').textContent.includes('未能显示')")


def _hold(held: list[Route], route: Route) -> None:
    held.append(route)


@pytest.mark.parametrize(("kind", "image"), [("film", "clean"), ("ecg", "ecg")])
def test_a_map_switched_off_while_it_loads_stays_off(
    page: Page, address: str, kind: str, image: str
) -> None:
    held: list[Route] = []
    page.route("**/map?*", lambda route: _hold(held, route))
    (open_film if kind == "film" else open_ecg)(page, address, image)
    with page.expect_request("**/map?*"):
        page.evaluate(f"() => {{ window.opening = {VIEWER}.showMap('effusion'); }}")
    ask(page, "showMap('')")

    held[0].continue_()
    page.evaluate("window.opening")

    assert ask(page, "state()")["map"] == ""
    assert not page.is_visible(".qj-map-notice")


def test_a_prior_film_has_its_own_window_and_follows_zoom_while_linked(
    page: Page, address: str
) -> None:
    open_film(page, address, "clean", prior="ap")
    page.select_option("select[data-action=prior]", "0")
    page.wait_for_function(f"{VIEWER}.prior?.picture")
    before = page.evaluate(f"{VIEWER}.prior.window")

    ask(page, "setWindow(1000, 500)")
    page.keyboard.press("+")
    assert page.evaluate(f"{VIEWER}.prior.window") == before
    zoom = f"{VIEWER}.prior.placement.relative().zoom"
    assert page.evaluate(zoom) == pytest.approx(1.25)

    page.keyboard.press("k")
    page.keyboard.press("+")
    assert page.evaluate(zoom) == pytest.approx(1.25)

    mark = ".qj-pane[data-pane=prior] .qj-tr"
    assert "既往检查" in page.inner_text(mark)
    page.evaluate(f"{VIEWER}.props.prior[0].is_later = true")
    ask(page, "showPrior('0')")
    assert "之后检查" in page.inner_text(mark)


def test_a_cut_transfer_is_reported_and_loads_on_retry(
    page: Page, address: str, store: harness.Recordings
) -> None:
    store.broken.add("clean")
    _open(page, address, "film", "clean", {})

    page.wait_for_selector(".qj-failed")
    assert "数据不完整" in page.inner_text(".qj-failed")
    page.click(".qj-retry")
    page.wait_for_function(f"{VIEWER}.current.picture")
    assert not page.is_visible(".qj-status")


def test_a_missing_film_is_explained_in_the_chosen_language(page: Page, address: str) -> None:
    _open(page, address, "film", "nothing", {"lang": "en"})
    page.wait_for_selector(".qj-failed")
    assert "was not found" in page.inner_text(".qj-failed")


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("kind", ["film", "ecg"])
def test_help_lists_the_keys_and_closes_with_escape(
    page: Page, address: str, kind: str, lang: str
) -> None:
    start = open_film if kind == "film" else open_ecg
    start(page, address, "plain" if kind == "film" else "earlier", lang=lang)
    page.focus(".qj")
    page.keyboard.press("?")
    assert page.is_visible(".qj-help")
    page.keyboard.press("Escape")
    assert not page.is_visible(".qj-help")


def test_two_fingers_zoom_the_film_on_a_phone(phone: Page, address: str) -> None:
    open_film(phone, address, "ap")
    phone.evaluate("document.querySelector('.qj-stage').scrollIntoView()")
    before = ask(phone, "state()")
    touch = phone.context.new_cdp_session(phone)
    middle = ask(phone, "clientPoint(200, 256)")

    def fingers(kind: str, spread: float) -> None:
        points = [{"x": middle[0] + sign * spread, "y": middle[1]} for sign in (-1, 1)]
        touch.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [] if kind == "touchEnd" else points},
        )

    fingers("touchStart", 30)
    for spread in (40, 50, 60):
        fingers("touchMove", spread)
    fingers("touchEnd", 60)

    after = ask(phone, "state()")
    assert after["scale"] == pytest.approx(2 * before["scale"], rel=0.05)
    assert after["width"] == before["width"]


# --- ECG ----------------------------------------------------------------------------------


@pytest.mark.parametrize("is_filtered", [False, True])
@pytest.mark.parametrize("layout", ["3x4", "12x1"])
def test_calipers_agree_with_the_samples(
    page: Page, address: str, store: harness.Recordings, layout: str, is_filtered: bool
) -> None:
    open_ecg(page, address, "ecg")
    facts, signal = store.ecgs["ecg"]
    ask(page, f"set({{layout: '{layout}', filter: {str(is_filtered).lower()}}})")

    for lead, start, end in [("I", 0.31, 1.93), ("aVL", 3.0, 4.113), ("V2", 5.2, 7.3)]:
        ask(page, "active.clearCaliper()")
        page.evaluate("document.querySelector('.qj-ecg-scroller').scrollTo(0, 0)")
        drag(
            page,
            ask(page, f"clientPoint('{lead}', {start})"),
            ask(page, f"clientPoint('{lead}', {end})"),
        )
        reading = ask(page, "caliper()")
        sample_ms = 1000 / facts["rate_hz"]
        pixel_ms = 1000 / 25 / ask(page, "state()")["pxPerMm"]
        assert reading["lead"] == lead
        assert reading["ms"] == pytest.approx((end - start) * 1000, abs=sample_ms + pixel_ms)
        ends = [reading["first"], reading["second"]]
        assert reading["ms"] == pytest.approx((ends[1] - ends[0]) * sample_ms)
        if is_filtered:
            shown = [ask(page, f"sampleAt('{lead}', {at})") for at in ends]
        else:
            shown = [float(signal[LEADS.index(lead), at]) for at in ends]
        assert reading["mv"] == pytest.approx(shown[1] - shown[0], abs=0.010)
        printed = re.search(r"Δt ([\d.]+) ms.*ΔU ([+−][\d.]+) mV", reading["text"])
        assert printed is not None
        assert float(printed[1]) == pytest.approx(abs(reading["ms"]), abs=0.06)
        assert float(printed[2].replace("−", "-")) == pytest.approx(reading["mv"], abs=0.001)


def test_caliper_times_snap_to_the_nearest_sample(
    page: Page, address: str, store: harness.Recordings
) -> None:
    open_ecg(page, address, "ecg")
    facts, signal = store.ecgs["ecg"]
    rng = np.random.default_rng(5)
    assert ask(page, "setCaliper('V6', 0.5, 1.5)") is None  # 3x4 shows V6 later
    ask(page, "set({layout: '12x1'})")

    for _ in range(20):
        lead = str(rng.choice(LEADS))
        start, end = np.sort(rng.uniform(0, 9.99, 2))
        reading = ask(page, f"setCaliper('{lead}', {start}, {end})")
        wanted = signal[LEADS.index(lead), [round(start * 500), round(end * 500)]]
        assert abs(reading["ms"] - (end - start) * 1000) <= 1000 / facts["rate_hz"]
        assert abs(reading["mv"] - float(wanted[1] - wanted[0])) <= 0.010


def test_the_arrow_keys_move_the_caliper_by_single_samples(page: Page, address: str) -> None:
    open_ecg(page, address, "ecg")
    ask(page, "setCaliper('II', 1.0, 1.5)")
    page.focus(".qj")
    page.keyboard.press("ArrowRight")
    assert ask(page, "caliper()")["ms"] == pytest.approx(502)
    page.keyboard.press("x")
    page.keyboard.press("ArrowLeft")
    assert ask(page, "caliper()")["ms"] == pytest.approx(-504)


def test_the_grid_is_to_scale_and_can_be_calibrated(page: Page, address: str) -> None:
    open_ecg(page, address, "ecg")
    second = f"clientPoint('II', 2)[0] - {VIEWER}.clientPoint('II', 1)[0]"
    assert ask(page, "state()")["pxPerMm"] == pytest.approx(96 / 25.4)
    assert ask(page, second) == pytest.approx(25 * 96 / 25.4)
    assert ask(page, "state()")["printed"].endswith("1:1(屏幕未校准)")

    ask(page, "setScale(4.2)")
    ask(page, "set({speed: 50, layout: '12x1'})")
    assert ask(page, second) == pytest.approx(50 * 4.2)
    assert ask(page, "state()")["printed"].endswith(" 1:1")
    assert page.evaluate(f"{VIEWER}.current.drawn.sheet.left") >= 0.2 * 50 + 1.5  # whole pulse
    open_ecg(page, address, "ecg")
    ask(page, "act('one')")
    assert ask(page, "state()")["pxPerMm"] == pytest.approx(4.2)


def test_a_sheet_too_wide_for_its_pane_opens_at_fit_width_and_is_one_key_from_true_scale(
    page: Page, address: str
) -> None:
    page.set_viewport_size({"width": 1000, "height": 768})
    open_ecg(page, address, "ecg")
    assert ask(page, "state()")["fit"] is True
    assert "非 1:1" in ask(page, "state()")["printed"]

    page.focus(".qj")
    page.keyboard.press("1")
    assert ask(page, "state()")["pxPerMm"] == pytest.approx(96 / 25.4)
    assert "非 1:1" not in ask(page, "state()")["printed"]


def test_raw_is_the_default_is_exact_and_is_one_key_away(
    page: Page, address: str, store: harness.Recordings
) -> None:
    open_ecg(page, address, "ecg")
    _, signal = store.ecgs["ecg"]
    values = page.evaluate(f"Array.from({VIEWER}.current.signal.lead('V2', false))")
    assert np.array_equal(np.float32(values), signal[LEADS.index("V2")])
    assert "显示滤波:关(原始信号)" in ask(page, "state()")["printed"]

    page.focus(".qj")
    page.keyboard.press("r")
    printed = ask(page, "state()")["printed"]
    assert "0.5–40 Hz + 50 Hz 陷波" in printed
    assert ask(page, "sampleAt('V2', 1000)") != pytest.approx(values[1000], abs=1e-6)

    page.keyboard.press("r")
    assert ask(page, "sampleAt('V2', 1000)") == values[1000]
    for words in ("25 mm/s", "10 mm/mV", "设备滤波 0.05–150 Hz", "1:1"):
        assert words in ask(page, "state()")["printed"]


def test_the_display_filter_removes_wander_and_mains_without_delay(
    page: Page, address: str
) -> None:
    open_ecg(page, address, "ecg")
    gains = page.evaluate(
        """async () => {
          const { EcgSignal } = await import('/static/ecg_signal.js');
          const [rate, n] = [500, 5000];
          const gain = (hz) => {
            const data = new Float32Array(12 * n);
            for (let i = 0; i < n; i += 1) data[i] = Math.sin((2 * Math.PI * hz * i) / rate);
            const signal = new EcgSignal({ rate_hz: rate, samples: n }, data.buffer);
            const out = signal.lead('I', true);
            let [same, square] = [0, 0];
            for (let i = 1000; i < 4000; i += 1) {
              same += out[i] * data[i];
              square += data[i] ** 2;
            }
            return same / square; // in phase with the input: 1 passes, 0 is removed
          };
          return [0.05, 10, 50, 100].map(gain);
        }"""
    )
    bands = page.evaluate(
        """async () => { const { EcgSignal } = await import('/static/ecg_signal.js');
          return [500, 100, 60].map((rate_hz) => new EcgSignal({ rate_hz, samples: 0 },
            new ArrayBuffer(0)).filterBand); }"""
    )
    assert [(band["highHz"], band["notchHz"]) for band in bands] == [
        (40, 50),
        (40, None),
        (None, None),
    ]
    wander, heart, mains, high = gains
    assert abs(wander) < 0.05
    assert heart == pytest.approx(1, abs=0.02)
    assert abs(mains) < 0.02
    assert abs(high) < 0.1


def test_a_lead_that_was_off_is_shown_as_such_and_has_no_amplitude(
    page: Page, address: str
) -> None:
    open_ecg(page, address, "earlier")
    ask(page, "set({start: 5, layout: '12x1'})")
    assert ask(page, "sampleAt('V3', 4100)") is None
    assert "导联脱落" in ask(page, "setCaliper('V3', 8.1, 8.5)")["text"]
    assert page.evaluate(f"{VIEWER}.current.signal.gaps('V5', 0, 15000)") == [[4000, 4600]]
    assert ask(page, "setCaliper('V5', 7.0, 7.5)")["mv"] is not None


def test_layout_gain_speed_and_start_change_the_sheet(page: Page, address: str) -> None:
    open_ecg(page, address, "earlier")
    cells = f"{VIEWER}.current.drawn.sheet.cells.length"
    assert page.evaluate(cells) == 13
    page.select_option("select[data-action=layout]", "12x1")
    page.select_option("select[data-action=gain]", "20")
    page.select_option("select[data-action=speed]", "12.5")
    assert page.evaluate(cells) == 12
    for words in ("12.5 mm/s", "20 mm/mV", "0.0–10.0 s"):
        assert words in ask(page, "state()")["printed"]

    page.focus(".qj")
    page.keyboard.press("PageDown")
    assert "5.0–15.0 s" in ask(page, "state()")["printed"]

    page.select_option("select[data-action=layout]", "strip")
    page.select_option("select[data-action=rhythm]", "V1")
    rows = page.evaluate(
        f"{VIEWER}.current.drawn.sheet.cells.map((cell) => [cell.lead, cell.from, cell.to])"
    )
    assert rows == [["V1", 0, 10], ["V1", 10, 20], ["V1", 20, 30]]
    assert ask(page, "setCaliper('V1', 22.0, 23.5)")["ms"] == 1500


def test_a_short_recording_shows_each_lead_for_two_and_a_half_seconds(
    page: Page, address: str
) -> None:
    open_ecg(page, address, "short")
    spans = page.evaluate(
        f"{VIEWER}.current.drawn.sheet.cells.map((cell) => [cell.lead, cell.from, cell.to])"
    )
    assert ["V6", 0.5, 3] in spans
    assert spans[-1] == ["II", 0, 3]
    assert "0.0–3.0 s" in ask(page, "state()")["printed"]


def test_a_trace_that_leaves_the_paper_and_leads_beyond_the_window_are_announced(
    page: Page, address: str
) -> None:
    open_ecg(page, address, "ecg")
    assert not page.is_visible(".qj-cut")
    page.evaluate(f"{VIEWER}.current.signal.lead('V1', false)[4000] = 30")
    ask(page, "set({gain: 5})")
    assert "波形超出纸面" in page.inner_text(".qj-cut")

    ask(page, "set({gain: 10, fit: false, zoom: 2})")
    assert "左右滑动" in page.inner_text(".qj-hint")


def test_a_sheet_in_a_low_box_can_be_scrolled_to_its_last_lead_under_the_ai_notice(
    page: Page, address: str
) -> None:
    page.set_viewport_size({"width": 560, "height": 500})
    open_ecg(page, address, "ecg")
    page.add_style_tag(content="#viewer { height: 420px } .qj { height: 100% }")
    page.select_option("select[data-action=map]", "effusion")
    page.wait_for_selector(".qj-map-notice:visible")
    ask(page, "set({layout: '12x1', fit: true})")
    assert page.evaluate(f"{VIEWER}.current.drawn.footer.length") > 1  # legible, so in lines

    page.evaluate("document.querySelector('.qj-ecg-body').scrollTo(0, 300)")
    box = page.locator(".qj-ecg-body").bounding_box()
    notice = page.locator(".qj-map-notice").bounding_box()
    assert box is not None
    assert notice is not None
    assert notice["y"] == pytest.approx(box["y"], abs=1)
    page.evaluate("document.querySelector('.qj-ecg-body').scrollTo(0, 9999)")
    values = page.locator(".qj-values").bounding_box()
    assert values is not None
    assert values["y"] < box["y"] + box["height"]

    page.evaluate("document.querySelector('.qj-ecg-body').scrollTo(0, 0)")
    point = ask(page, "clientPoint('II', 3.0)")
    page.mouse.move(*point)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    page.wait_for_function(f"{VIEWER}.state().fit === false")
    assert ask(page, "clientPoint('II', 3.0)") == pytest.approx(point, abs=3)


def test_measured_values_stand_beside_the_sheet_with_those_of_the_prior(
    page: Page, address: str, store: harness.Recordings
) -> None:
    open_ecg(page, address, "ecg", prior="earlier")
    page.select_option("select[data-action=prior]", "0")
    page.wait_for_function(f"{VIEWER}.prior?.signal")
    row = page.inner_text("tr[data-value=ventricular_bpm]")
    for image in ("ecg", "earlier"):
        assert f"{store.ecgs[image][0]['measurements']['ventricular_bpm']:.0f} /min" in row


def test_the_ecg_map_is_off_until_asked_for_and_never_in_pictures(
    page: Page, address: str, store: harness.Recordings
) -> None:
    store.map_requests.clear()
    open_ecg(page, address, "ecg")
    without = ask(page, "screenshot()")
    assert store.map_requests == []

    page.select_option("select[data-action=map]", "effusion")
    page.wait_for_selector(".qj-map-notice:visible")
    assert page.inner_text(".qj-map-notice > span >> nth=0") == MAP_NOTICE
    assert ask(page, "current.paper.toDataURL()") != without
    assert ask(page, "screenshot()") == without

    page.focus(".qj")
    page.keyboard.press("m")
    assert ask(page, "state()")["map"] == ""


# --- pages --------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "images"), [("film", "ap,lateral"), ("ecg", "earlier")])
def test_nothing_is_wider_than_a_phone_and_the_tools_wrap_beside_a_report(
    phone: Page, address: str, kind: str, images: str
) -> None:
    if kind == "film":
        open_film(phone, address, images, prior="plain")
        ask(phone, "showPrior('0')")
    else:
        open_ecg(phone, address, images, prior="ecg")
        ask(phone, "showPrior('0')")
    width = phone.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    phone.set_viewport_size({"width": 720, "height": 844})
    phone.wait_for_function(
        "() => { const bar = document.querySelector('.qj-toolbar');"
        " return bar.clientWidth > 600 && bar.scrollWidth === bar.clientWidth; }"
    )


def test_the_gradio_components_load_reload_and_report_to_python(
    page: Page, address: str, store: harness.Recordings
) -> None:
    store.events.clear()
    page.goto(f"{address}/gradio")
    film = "document.querySelector('#film-viewer .qj-host')?.qjViewer"
    ecg = "document.querySelector('#ecg-viewer .qj-host')?.qjViewer"
    page.wait_for_function(f"{film}?.current.picture && {ecg}?.current.drawn")

    page.evaluate(f"{film}.measureLength([100, 100], [400, 500])")
    page.wait_for_function("document.querySelector('#seen textarea').value.includes('100.0 mm')")
    page.evaluate(f"{ecg}.setCaliper('II', 1, 1.8)")
    page.wait_for_function("document.querySelector('#seen textarea').value.includes('800 ms')")
    page.evaluate(f"{film}.showMap('effusion')")
    page.wait_for_function("document.querySelector('#seen textarea').value.includes('effusion')")
    assert [event.get("kind", "map") for event in store.events] == ["length", "caliper", "map"]

    page.click("#other")
    page.wait_for_function(f"{film}.current.picture?.facts.view === 'AP'")
    assert "Window" in page.inner_text("#film-viewer .qj-toolbar")
    assert page.evaluate(f"{film}.state().map") == ""


def test_the_scripts_ask_only_for_words_of_the_catalogue() -> None:
    source = "".join(
        path.read_text("utf-8")
        for pattern in VIEWER_SCRIPTS
        for path in sorted(STATIC_FOLDER.glob(f"{pattern}.js"))
    )
    asked = set(re.findall(r"\bt\('([a-z][\w.]*)'", source))
    asked |= set(re.findall(r"'(error\.\w+)'", source))

    for words in viewer_texts(harness.catalogue()).values():
        assert asked <= words.keys()

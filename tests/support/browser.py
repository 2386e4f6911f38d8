"""Debian's Chromium, headless, and a person who uses the pages with it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

ARGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_PATIENCE_MS: Final = 90_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; the test skips where Chromium is not installed."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGS))
        yield browser
        browser.close()


class Person:
    """Somebody signed in at a screen; faults of the page and foreign requests are noted."""

    def __init__(self, browser: Browser, address: str, login: str, password: str) -> None:
        self.address = address
        self.faults: list[str] = []
        context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
        self.page: Page = context.new_page()
        self.page.set_default_timeout(_PATIENCE_MS)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", self._note)
        self.page.goto(f"{address}/login")
        self.page.locator("body.ready").wait_for()
        self.page.fill("#login", login)
        self.page.fill("#password", password)
        self.page.click("#submit")
        self.page.locator(".qp-top").wait_for()

    def _note(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.faults.append(f"request to {request.url}")

    def keep(self, path: Path) -> None:
        """A picture of the screen."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path)

    def leave(self) -> None:
        """Close the browser's window; nothing must have gone wrong or outside."""
        self.page.context.close()
        assert self.faults == []

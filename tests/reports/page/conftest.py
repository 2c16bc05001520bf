"""A headless browser for the tests of the page; without one they are skipped."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lendplan.reports.contents import Report
from lendplan.reports.page.page import page as page_of


def chromium() -> str | None:
    """Return the program of a Chromium, None where there is none."""
    named = os.environ.get("LENDPLAN_CHROMIUM")
    if named:
        return named
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@dataclass
class Opened:
    """A page in the browser, and what it did that it should not have."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def texts(self, selector: str) -> list[str]:
        """Return the texts of all elements."""
        return [text.strip() for text in self.page.locator(selector).all_inner_texts()]

    def column(self, at: int) -> list[str]:
        """Return a column of the table of enterprises, counted from 1."""
        return self.texts(f"#enterprises tbody tr > :nth-child({at})")

    def await_text(self, selector: str, pattern: str) -> None:
        """Wait until an element's text has a pattern; the page's own policy forbids waiting for a function."""
        self.page.locator(selector).filter(has_text=re.compile(pattern)).wait_for(
            state="attached", timeout=5_000
        )

    def await_point(self, number: int) -> None:
        """Wait until a point is shown, counted from 1."""
        self.page.wait_for_selector(f'html[data-shown="{number}"]')


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    program = chromium()
    if program is None:
        pytest.skip("no Chromium on this machine; LENDPLAN_CHROMIUM names one elsewhere")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    """Open a report as a page; at the end nothing may have been asked of a network, and nothing complained of."""
    pages: list[Opened] = []

    def open_page(report: Report, *, address: str = "", **context: Any) -> Opened:
        file = tmp_path / f"report{len(pages)}.html"
        file.write_text(page_of(report), encoding="utf-8")
        context.setdefault("viewport", {"width": 1280, "height": 900})
        found = Opened(browser.new_context(offline=True, **context).new_page())
        found.page.on("console", lambda message: found.complaints.append(f"{message.type}: {message.text}"))
        found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
        found.page.on("request", lambda request: found.requests.append(request.url))
        found.page.goto(file.as_uri() + address)
        if context.get("java_script_enabled", True):
            found.page.wait_for_selector("html[data-shown]")
        pages.append(found)
        return found

    yield open_page
    for found in pages:
        found.page.context.close()
        assert found.complaints == []
        assert all(url.startswith("file:") and "/report" in url for url in found.requests)
        assert len(found.requests) >= 1

"""A real browser for the tests of pages, and what a page did that it should not have done."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

# Names under which the browser is installed.
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
# Set where a browser was installed for the tests: they then fail without one.
NEEDED = "TEXTGEN_NEEDS_BROWSER"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def skip(reason: str, needed: str = NEEDED) -> None:
    """Skip a test, or let it fail where a variable says that its browser was installed for it."""
    if os.environ.get(needed):
        pytest.fail(f"{reason}, although {needed} is set")
    pytest.skip(reason)


@contextmanager
def started_browser() -> Iterator[Any]:
    """Start a browser, or skip the test and say what is missing."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        skip("no browser: install chromium, as with apt-get install chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        skip("playwright is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page in a browser.

    Attributes:
        page: the page, as playwright has it.
        said: messages on its console, and errors.
        asked: addresses that it asked for, without its own file and what it made itself.
    """

    page: Any
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def text(self, selector: str) -> str:
        """Return the text of an element."""
        return str(self.page.text_content(selector))

    def until(self, condition: str) -> None:
        """Wait until an expression of JavaScript is true."""
        # As a function, since the page forbids that texts are run as programs.
        self.page.wait_for_function(f"() => {condition}", timeout=20_000)

    def write(self, **values: object) -> str:
        """Set the fields of writing by their names, write, and return the whole text."""
        for name, value in values.items():
            self.page.fill(f"#{name}", str(value))
        self.page.click("#go")
        self.until("document.getElementById('stop').disabled")
        return str(self.page.input_value("#sheet"))

    def watch(self) -> None:
        """Go to the part where one watches, and wait until the text is read."""
        self.page.click("#tab-watch")
        self.until("document.querySelector('#equation .line') !== null")


@contextmanager
def opened(
    browser: Any, path: Path, *, script: str = "", width: int = 1200, **options: Any
) -> Iterator[Opened]:
    """Open a page in a context of its own.

    Args:
        browser: the browser.
        path: the page.
        script: what runs before the page.
        width: width of the window in pixels.
        options: of the context.
    """
    size = {"width": width, "height": 900}
    context = browser.new_context(viewport=size, offline=True, **options)
    page = context.new_page()
    page.set_default_timeout(20_000)
    found = Opened(page)
    page.on("console", lambda message: found.said.append(message.text))
    page.on("pageerror", lambda error: found.said.append(str(error)))
    page.on("request", lambda request: found.asked.append(request.url))
    if script:
        page.add_init_script(script)
    page.goto(path.as_uri())
    yield found
    context.close()
    own = (path.as_uri(), "blob:", "data:")
    found.asked = [address for address in found.asked if not address.startswith(own)]
    assert found.said == []
    assert found.asked == []

"""A real browser without a window, on the node's page, and what it was up to."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

PATIENCE = 90.0
SWITCHES = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--hide-scrollbars",
)  # fmt: skip


class Page:
    """The node's page in a browser. `execute` runs JavaScript in it."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver
        self.size(1440, 1000)

    def open(self, url: str, fragment: str = "") -> None:
        """Load the page of a node and wait until it shows the chain."""
        self.driver.get("about:blank")
        self.driver.get(f"{url}/{fragment}")
        self.until("return document.body.dataset.shown !== undefined")

    def execute(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def until(self, script: str, *arguments: Any) -> Any:
        """What a script returns as soon as it is true."""
        wait = WebDriverWait(self.driver, PATIENCE, poll_frequency=0.05)
        return wait.until(lambda _: self.execute(script, *arguments), script)

    def text(self, selector: str) -> str:
        return str(self.execute("return document.querySelector(arguments[0]).innerText", selector))

    def until_text(self, selector: str, expected: str) -> None:
        """Wait until an element has a text in it."""
        self.until(
            "return document.querySelector(arguments[0])?.innerText.includes(arguments[1])",
            selector,
            expected,
        )

    def rows(self, selector: str) -> list[list[str]]:
        """The cells of a table's rows, as they are read."""
        return list(
            self.execute(
                "return [...document.querySelectorAll(arguments[0] + ' tbody tr')]"
                ".map((row) => [...row.cells].map((cell) => cell.innerText.trim()))",
                selector,
            )
        )

    def press(self, key: str) -> None:
        """A key, where the focus is."""
        self.driver.switch_to.active_element.send_keys(key)

    def type_into(self, selector: str, text: str) -> None:
        field = self.driver.find_element(By.CSS_SELECTOR, selector)
        field.clear()
        field.send_keys(text, Keys.ENTER)

    def click(self, selector: str) -> None:
        """Click on an element, which may be made anew meanwhile: with each block lists are."""
        while True:
            with suppress(StaleElementReferenceException):
                self.driver.find_element(By.CSS_SELECTOR, selector).click()
                return

    def size(self, width: int, height: int) -> None:
        told = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", told)

    def prefer(self, **features: str) -> None:
        """What the user has asked the system for: `prefers_color_scheme="dark"`."""
        told = [{"name": name.replace("_", "-"), "value": features[name]} for name in features]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": told})

    def console(self) -> list[str]:
        """Messages since the last time."""
        return [entry["message"] for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]  # of selenium

    def hosts(self) -> set[str]:
        """Hosts and ports that were asked for anything since the last time."""
        found = set()
        for entry in self.driver.get_log("performance"):  # type: ignore[no-untyped-call]  # of selenium
            message = json.loads(entry["message"])["message"]
            parameters = message["params"]
            if message["method"] == "Network.requestWillBeSent":
                found.add(urlsplit(parameters["request"]["url"]).netloc)
            elif message["method"] == "Network.webSocketCreated":
                found.add(urlsplit(parameters["url"]).netloc)
        return found - {""}


@contextmanager
def browser(profile: Path) -> Iterator[Page]:
    """A browser with an empty profile. Without one the test is skipped; under CI it fails."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        missing = "no chromium and chromedriver: `sh .ci/chromium` installs them"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    options = Options()
    options.binary_location = chromium
    for switch in (*SWITCHES, f"--user-data-dir={profile}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(chromedriver))
    try:
        yield Page(driver)
    finally:
        driver.quit()

"""A clinician at his desk: Chromium in a process of its own, so in the network it is started in.

`python -m tests.ui.clinician SERVER NAME LOGIN PASSWORD SIGNED DRAFT` signs in, opens a signed
report, asks for a draft, and prints what he got as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from playwright.sync_api import expect, sync_playwright

from tests.ui.conftest import CHROMIUM, CHROMIUM_ARGS


def read(server: str, name: str, login: str, password: str, signed: str, draft: str) -> Any:
    """What his browser shows, and what it was refused."""
    found: dict[str, Any] = {"errors": []}
    resolved = f"--host-resolver-rules=MAP {name} {server}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*CHROMIUM_ARGS, resolved]
        )
        # The tests' authority is not one of the browser's; httpx verifies the certificate.
        context = browser.new_context(ignore_https_errors=True, locale="en-US")
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: found["errors"].append(str(error)))
        page.goto(f"https://{name}/sign-in")
        page.locator("input[autocomplete=username]").fill(login)
        page.locator("input[type=password]").first.fill(password)
        page.keyboard.press("Enter")
        page.wait_for_url(f"https://{name}/")
        page.goto(f"https://{name}/?lang=en#{signed}")
        page.reload()
        expect(page.locator(".rd-signature")).to_be_visible(timeout=60_000)
        found["signature"] = page.locator(".rd-signature").inner_text()
        found["cookies"] = [
            (cookie["name"], cookie["secure"], cookie["httpOnly"]) for cookie in context.cookies()
        ]
        ask = "async id => (await fetch(`/api/cases/${id}`)).status"
        found["signed"], found["draft"] = page.evaluate(ask, signed), page.evaluate(ask, draft)
        browser.close()
    return found


if __name__ == "__main__":
    print(json.dumps(read(*sys.argv[1:])))

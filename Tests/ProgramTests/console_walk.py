"""Every page of the console in a browser: both languages, three widths, by day and by night.

usage: console_walk.py PROGRAM [DIRECTORY]

Says on standard output what is wrong with each page, and then how many were looked at. With DIRECTORY, pictures of the pages
are left there.
"""
import os
import sys

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from console_gateway import Gateway

WIDTHS = [390, 1024, 1600]
PAGES = [
    "accounts/acme", "products/lamp", "products/lamp/settings", "products/lamp/devices/lamp-1", "accounts/acme/codes?assign=lamp",
    "near-expiry?account=acme", "accounts", "accounts/acme/assignments", "accounts/acme/purchases",
    "accounts/acme/top-ups", "accounts/acme/top-ups/changes", "accounts/acme/contacts", "accounts/acme/report",
    "accounts/acme/alerts", "accounts/acme/alerts/rules", "accounts/acme/alerts/mail", "accounts/other/alerts",
    "products?account=acme", "products/lamp/codes", "products/lamp/usage", "products/lamp/import",
    "products/lamp/devices/lamp-1/history",
    "products/lamp/devices/lamp-1/messages", "products/lamp/devices/lamp-1/upgrades",
    "products/lamp/devices/lamp-1/trace", "packages", "events", "keys", "webhooks", "connections", "health",
    "backups", "settings", "products/evil/devices/evil-1", "products/evil", "products/evil/settings",
    "accounts/other", "accounts/other/contacts", "products", "near-expiry", "products/lamp/firmware", "products/lamp/campaigns",
    "products/lamp/campaigns/spring", "products/lamp/connecting", "products/evil/connecting", "accounts/acme/authorities",
    "products/meter?like=m-099999", "products/meter?online=true",
]
AXE = {"resultTypes": ["violations"]}


class Walk:
    def __init__(self, page, directory):
        self.page = page
        self.directory = directory
        self.faults = []
        self.count = 0
        self.name = ""
        self.axe = Axe()
        page.on("console", self.heard)
        page.on("pageerror", lambda error: self.fault(f"error {error}"))
        page.on("requestfailed", self.failed)
        page.add_init_script(
            "document.addEventListener('securitypolicyviolation', (event) => console.error('policy ' + event.violatedDirective))")

    def heard(self, message):
        if message.type in ("error", "warning"):
            self.fault(f"console {message.text}")

    def failed(self, request):
        # A stream ends with its page.
        if "/console/live/" not in request.url:
            self.fault(f"failed {request.url}")

    def fault(self, text):
        self.faults.append(f"{self.name}: {text}")

    def look(self, url, name, axes):
        """Loads a page, and looks at it at each width and in both colours; axe at those of `axes`."""
        self.name = name
        answer = self.page.goto(url, wait_until="load")
        if answer.status != 200:
            self.fault(f"status {answer.status}")
        # No form was sent: nothing was refused, unless a page asked for what there is not.
        for text in self.page.locator("[role=alert]").all_inner_texts():
            self.fault(f"refused: {text}")
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            for scheme in ["light", "dark"]:
                self.page.emulate_media(color_scheme=scheme)
                self.name = f"{name} {width} {scheme}"
                wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                if wide > 0:
                    self.fault(f"{wide} pixels too wide")
                if (width, scheme) in axes:
                    self.run_axe()
                if self.directory:
                    path = self.name.replace("/", "_").replace("?", "_").replace(" ", "-")
                    self.page.screenshot(path=os.path.join(self.directory, path + ".png"), full_page=True)
                self.count += 1

    def run_axe(self):
        for violation in self.axe.run(self.page, options=AXE).response["violations"]:
            if violation["impact"] in ("serious", "critical"):
                nodes = " ".join(node["html"][:120] for node in violation["nodes"][:2])
                self.fault(f"axe {violation['id']} {nodes}")


# At which width and in which colours axe looks at a page: both colours, and both layouts, over the two languages.
AXES = {"en": [(1024, "light")], "zh": [(390, "dark")]}


def main():
    program = sys.argv[1]
    directory = sys.argv[2] if len(sys.argv) > 2 else None
    gateway = Gateway(program)
    gateway.furnish(devices=100_000)
    faults, count = [], 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for language, locale in [("en", "en-GB"), ("zh", "zh-CN")]:
            page = browser.new_context(locale=locale).new_page()
            walk = Walk(page, directory)
            walk.look(gateway.url + "/console/sign-in", f"{language} sign-in", AXES[language])
            page.fill("#token", gateway.token)
            page.click("button.primary")
            page.wait_for_url("**/console/accounts")
            for path in PAGES:
                walk.look(f"{gateway.url}/console/{path}", f"{language} {path}", AXES[language])
                if page.get_attribute("html", "lang") != language:
                    walk.fault("another language")
                if page.evaluate("document.images.length + document.scripts.length") != 1:
                    walk.fault("markup out of the books")
            faults += walk.faults
            count += walk.count
        browser.close()
    for fault in faults:
        print(fault)
    print("pages", count)
    print("exit code", gateway.end())


main()

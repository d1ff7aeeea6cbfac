"""The console by keyboard alone, on a wide screen and on a phone.

usage: console_keyboard.py PROGRAM

Says on standard output what is wrong with a stop, then how many pages were gone through, and what was done.
"""
import sys

from playwright.sync_api import expect, sync_playwright

from console_gateway import Gateway

SIZES = [("wide", 1280, 900, "light"), ("phone", 390, 844, "dark")]
PAGES = [
    "accounts", "accounts/acme", "accounts/acme/codes?assign=lamp", "accounts/acme/purchases", "accounts/acme/alerts/rules",
    "accounts/acme/authorities", "products?account=acme", "products/lamp", "products/lamp/settings", "products/lamp/import",
    "products/lamp/campaigns/spring", "products/lamp/connecting", "products/lamp/devices/lamp-1", "near-expiry?account=acme", "events",
    "webhooks",
]
# The parts of a date and its calendar are stops of one field.
STOPS_OF_FIELD = 8
STOPS_MAXIMUM = 600

# What Tab has to come to: what there is to follow, press, choose, fill in, fold out and scroll.
WANTED = """() => {
  const all = [...document.querySelectorAll("*")];
  const wanted = "a[href], button:not([disabled]), input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  return all.flatMap((one, index) => one.matches(wanted) && one.checkVisibility({ visibilityProperty: true }) ? [index] : []);
}"""

# Where the focus is: which element, and what is wrong with how it is shown; null on the page itself.
STOP = """() => {
  const at = document.activeElement;
  if (!at || at === document.body || at === document.documentElement) return null;
  const index = [...document.querySelectorAll("*")].indexOf(at);
  const name = `${at.localName} ${(at.innerText || at.name || at.id || "").trim().slice(0, 30)}`;
  const style = getComputedStyle(at);
  const faults = [];
  const thickness = style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth);
  if (thickness < 2) faults.push("no outline");
  if (at.tabIndex > 0) faults.push("out of turn");
  const reach = thickness + parseFloat(style.outlineOffset);
  const box = at.getBoundingClientRect();
  const outer = { left: box.left - reach, top: box.top - reach, right: box.right + reach, bottom: box.bottom + reach };
  if (outer.right <= 0 || outer.bottom <= 0 || outer.left >= innerWidth || outer.top >= innerHeight) faults.push("out of sight");
  // What scrolls or cuts off may leave one side of it out, as when a wide table is scrolled to an edge.
  let clip = { left: 0, top: -Infinity, right: innerWidth, bottom: Infinity };
  for (let one = at.parentElement; one && one !== document.body; one = one.parentElement) {
    const { overflowX, overflowY } = getComputedStyle(one);
    if (overflowX === "visible" && overflowY === "visible") continue;
    const edge = one.getBoundingClientRect();
    const left = edge.left + one.clientLeft, top = edge.top + one.clientTop;
    clip = {
      left: Math.max(clip.left, left), top: Math.max(clip.top, top),
      right: Math.min(clip.right, left + one.clientWidth), bottom: Math.min(clip.bottom, top + one.clientHeight) };
  }
  // As does a link that is longer than what it is in.
  const fits = outer.right - outer.left <= clip.right - clip.left;
  const cut = [
    fits && outer.left < clip.left - 0.5, outer.top < clip.top - 0.5, fits && outer.right > clip.right + 0.5,
    outer.bottom > clip.bottom + 0.5,
  ].filter(Boolean).length;
  if (cut > 1) faults.push(`${cut} sides of the outline are cut off`);
  // Against what is behind it (WCAG 2.2, 1.4.11): 3 to 1 at least.
  const paint = document.createElement("canvas").getContext("2d");
  const light = (colours) => {
    paint.clearRect(0, 0, 1, 1);
    for (const colour of colours) { paint.fillStyle = colour; paint.fillRect(0, 0, 1, 1); }
    const [red, green, blue] = [...paint.getImageData(0, 0, 1, 1).data].map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = [];
  for (let one = reach > thickness - 0.5 ? at.parentElement : at; one; one = one.parentElement) behind.unshift(getComputedStyle(one).backgroundColor);
  const [bright, dark] = [light(behind), light([...behind, style.outlineColor])].sort((one, other) => other - one);
  if ((bright + 0.05) / (dark + 0.05) < 3) faults.push("an outline that is hard to see");
  return { index, name, faults };
}"""


class Keys:
    """A person without a mouse. Each stop is looked at."""

    def __init__(self, page):
        self.page, self.faults, self.place = page, [], ""

    def stop(self):
        found = self.page.evaluate(STOP)
        for fault in found["faults"] if found else []:
            text = f"{self.place}: {found['name']}: {fault}"
            if text not in self.faults:
                self.faults.append(text)
        return found

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text):
        self.press("Control+a")
        self.page.keyboard.type(text)

    def through(self, key="Tab"):
        """All stops from where the focus is to the end of the page, or to the first of them again."""
        stops, here, stays = [], None, 0
        while len(stops) < STOPS_MAXIMUM:
            self.press(key)
            found = self.stop()
            if found is None or stops and found["index"] == stops[0]:
                return stops
            stays = stays + 1 if found["index"] == here else 0
            if stays > STOPS_OF_FIELD:
                self.faults.append(f"{self.place}: {found['name']}: a trap")
                return stops
            here = found["index"]
            if not stays:
                stops.append(here)
        self.faults.append(f"{self.place}: no end")
        return stops

    def go_to(self, selector, text="", key="Tab"):
        """Presses Tab until the focus is there."""
        for _ in range(STOPS_MAXIMUM):
            self.press(key)
            self.stop()
            if self.page.evaluate(
                    "([selector, text]) => document.activeElement.matches(selector) && document.activeElement.innerText.includes(text)",
                    [selector, text]):
                return
        raise AssertionError(f"{self.place}: Tab does not come to {selector} {text}")


def focused(keys):
    keys.stop()
    return keys.page.evaluate("document.activeElement.name || document.activeElement.getAttribute('role')")


def sign_in(keys):
    page = keys.page
    keys.place = "sign-in"
    page.goto(gateway.url + "/console/sign-in")
    # The field has the focus.
    page.keyboard.type(gateway.token)
    keys.press("Enter")
    page.wait_for_url("**/console/accounts")


def pages(keys):
    """Each page is gone through, forth and back."""
    page = keys.page
    for path in PAGES:
        keys.place = f"{page.viewport_size['width']} {path}"
        page.goto(f"{gateway.url}/console/{path}")
        wanted = page.evaluate(WANTED)
        forth = keys.through()
        missing = [page.evaluate("(index) => document.querySelectorAll('*')[index].outerHTML.slice(0, 100)", index)
                   for index in wanted if index not in forth]
        if missing:
            keys.faults.append(f"{keys.place}: not reached: {missing[:3]}")
        if page.evaluate("(index) => document.querySelectorAll('*')[index].className", forth[0]) != "skip":
            keys.faults.append(f"{keys.place}: the first stop does not lead past the menu")
        page.goto(f"{gateway.url}/console/{path}")
        back = keys.through("Shift+Tab")
        if back != forth[::-1]:
            keys.faults.append(f"{keys.place}: back is another way than forth")


def skip(keys):
    page = keys.page
    page.goto(f"{gateway.url}/console/accounts/acme")
    keys.press("Tab", "Enter", "Tab")
    keys.stop()
    print("skipped to", page.evaluate("document.activeElement.closest('main')?.id"))


def product_and_device(keys, number):
    page = keys.page
    page.goto(f"{gateway.url}/console/accounts")
    keys.go_to(".menu a", "Products")
    keys.press("Enter")
    page.wait_for_url("**/console/products")
    keys.place = "products"
    keys.go_to("main td a", "Lamp")
    keys.press("Enter")
    page.wait_for_url("**/console/products/lamp")
    keys.place = "products/lamp"
    # A list that is opened and closed again holds nothing fast, and changes nothing.
    keys.go_to("#f-state")
    keys.press("Space", "Escape", "Tab")
    print("behind the list", page.evaluate("document.activeElement.id"), repr(page.input_value("#f-state")))
    keys.press("Shift+Tab")
    keys.go_to("#f-like", key="Shift+Tab")
    keys.type(f"lamp-{number}")
    keys.press("Enter")
    page.wait_for_url(f"**like=lamp-{number}**")
    keys.go_to("main td a", f"lamp-{number}")
    keys.press("Enter")
    page.wait_for_url(f"**/devices/lamp-{number}")


def carry_out(keys, number):
    """A form is folded out by Space, sent by Space; one that is refused has the focus where it is to be mended."""
    page = keys.page
    keys.place = "a device"
    keys.go_to("summary", "Rename")
    keys.press("Space")
    keys.go_to("details[open] button", "Save")
    keys.go_to("details[open] input[name=name]", key="Shift+Tab")
    keys.type(f"Hall {number}")
    keys.go_to("details[open] button", "Save")
    keys.press("Space")
    expect(page.locator(".notice")).to_contain_text("Done.")
    print("renamed", gateway.send("GET", f"/v1/products/lamp/devices/lamp-{number}")["name"])
    keys.go_to("summary", "Delete this device")
    keys.press("Enter")
    keys.go_to("details[open] input[name=_typed]")
    keys.type("another")
    keys.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    print("refused, and the focus is on", focused(keys))
    keys.type(f"lamp-{number}")
    keys.press("Enter")
    page.wait_for_url("**/console/products/lamp")
    print("deleted", gateway.ask("GET", f"/v1/products/lamp/devices/lamp-{number}")[0])


def choose(keys):
    """Arrows pass by what is not meant: it is chosen by the button."""
    page = keys.page
    keys.place = "a choice"
    page.goto(f"{gateway.url}/console/accounts/acme/codes")
    keys.go_to("#assign")
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    chosen = page.input_value("#assign")
    keys.go_to("button", "Choose")
    keys.press("Space")
    page.wait_for_url("**assign=**")
    print("chosen", chosen, page.url.split("?")[1] == f"assign={chosen}", page.input_value("#assign") == chosen)
    keys.go_to("input[name=quantity]")
    keys.type("1000000")
    keys.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    print("refused, and the focus is on", focused(keys))


def mend(keys):
    """A field that does not fit has the focus, behind those that do."""
    page = keys.page
    keys.place = "a field"
    page.goto(f"{gateway.url}/console/products/meter/connecting")
    keys.go_to("summary", "Change")
    keys.press("Space")
    keys.go_to("textarea[name=down]")
    keys.type("a/#/b")
    keys.go_to("details[open] button", "Save")
    keys.press("Space")
    expect(page.get_by_role("alert")).to_be_visible()
    print("refused, and the focus is on", focused(keys))


def language_and_out(keys):
    page = keys.page
    keys.place = "the header"
    page.goto(f"{gateway.url}/console/events")
    keys.go_to(".languages a", "中文")
    keys.press("Enter")
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    keys.go_to("header button", "退出")
    keys.press("Space")
    page.wait_for_url("**/console/sign-in")
    keys.place = "sign-in"
    stops = {*keys.through(), *keys.through("Shift+Tab")}
    print("signed out", page.title(), stops == {*page.evaluate(WANTED)})


gateway = Gateway(sys.argv[1])
gateway.furnish()
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
    for number, (name, width, height, scheme) in enumerate(SIZES):
        context = browser.new_context(locale="en-GB", viewport={"width": width, "height": height}, color_scheme=scheme)
        context.set_default_timeout(60_000)
        keys = Keys(context.new_page())
        print(name)
        sign_in(keys)
        pages(keys)
        skip(keys)
        product_and_device(keys, 8 + number)
        carry_out(keys, 8 + number)
        choose(keys)
        mend(keys)
        language_and_out(keys)
        for fault in keys.faults:
            print(fault)
        context.close()
    browser.close()
print("exit code", gateway.end())

"""What people do on pages of the console, in a browser: a file that is sent, corrections, metadata, limits.

usage: console_forms.py PROGRAM
"""
import sys

from playwright.sync_api import expect, sync_playwright

from console_gateway import Gateway

gateway = Gateway(sys.argv[1])
gateway.furnish()


def go(page, path):
    answer = page.goto(f"{gateway.url}/console/{path}")
    assert answer.status == 200, f"{path}: {answer.status}"


def choose(page, rows):
    text = "dk,secret,name\n" + "".join(rows)
    page.set_input_files("[name=_file]", {"name": "devices.csv", "mimeType": "text/csv", "buffer": text.encode()})


def upload(page):
    go(page, "products/meter/import")
    page.evaluate("""() => {
      const bar = document.querySelector("progress");
      window.seen = [];
      new MutationObserver(() => { if (!bar.hidden) window.seen.push(bar.position); })
        .observe(bar, { attributes: true });
    }""")
    choose(page, [f"big-{number},,{'n' * 50}\n" for number in range(3_000)])
    with page.expect_download() as download:
        page.get_by_role("button", name="Import devices").click()
    print("secrets", open(download.value.path()).read().count("\n"))
    expect(page.get_by_text("All devices of the file were imported.")).to_be_visible()
    seen = page.evaluate("window.seen")
    print("progress", len(seen) > 0 and max(seen) == 1, page.locator("progress").is_hidden())
    # Another file, on the same page: with faults, which are all named.
    choose(page, ["one-1,,\n", "two 2,,\n", "three-3,,\n", "four 4,,\n"])
    page.get_by_role("button", name="Import devices").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("line 3")
    expect(alert).to_contain_text("line 5")
    # And mended, on the page that said so.
    choose(page, ["one-1,,\n", "two-2,,\n", "three-3,,\n", "four-4,,\n"])
    with page.expect_download() as download:
        page.get_by_role("button", name="Import devices").click()
    print("mended", open(download.value.path()).read().count("\n"))
    print("known", gateway.send("GET", "/v1/products/meter")["devices"]["known"])


def correct(page, path, row, title, cause):
    go(page, path)
    line = page.locator("tbody tr", has_text=row).first
    line.locator("summary", has_text=title).click()
    line.locator("[name=cause]").fill(cause)
    line.get_by_role("button", name=title).click()
    expect(page.get_by_role("status").first).to_contain_text("Done.")
    return page.locator("tbody tr", has_text=row).first


def corrections(page):
    line = correct(page, "accounts/acme/purchases", "plus", "Void what is not consumed", "bought twice")
    print("purchase", line.locator("summary").count())
    line = correct(page, "accounts/acme/assignments", "lamp", "Take back what is not consumed", "wrong product")
    print("assignment", gateway.send("GET", "/v1/products/lamp")["codes"]["assigned"], line.locator("summary").count())
    correct(page, "accounts/acme/top-ups", "100,000", "Void what is not consumed", "given back")
    print("pack", gateway.send("GET", "/v1/accounts/acme/topups")["items"][0]["voided"])
    go(page, "products/lamp/devices/lamp-3/history")
    page.locator("summary", has_text="Take back the latest activation").click()
    page.fill("[name=cause]", "never delivered")
    page.fill("[name=_typed]", "lamp-3")
    page.get_by_role("button", name="Take back the latest activation").click()
    expect(page.get_by_role("status").first).to_contain_text("Done.")
    print("activation", gateway.send("GET", "/v1/products/lamp/devices/lamp-3")["state"])
    causes = [event.get("cause") for event in gateway.send("GET", "/v1/events?limit=1000")["items"]]
    print("causes", [cause for cause in causes if cause and " " in cause])


def metadata(page):
    for path, document in [
        ("accounts/acme", "accounts/acme"), ("products/lamp/settings", "products/lamp"),
        ("products/lamp/devices/lamp-1", "products/lamp/devices/lamp-1"),
    ]:
        go(page, path)
        for name, value in [("room", "hall"), ("floor", "2"), ("room", "attic")]:
            page.fill("[name=_key]:visible", name)
            page.fill("[name=_value]:visible", value)
            page.locator("form", has=page.locator("[name=_value]:visible")).get_by_role("button", name="Save").click()
            expect(page.get_by_role("status").first).to_contain_text("Done.")
        page.locator("tr", has_text="floor").get_by_role("button", name="Remove").click()
        expect(page.locator("tr", has_text="floor")).to_have_count(0)
        print(document, gateway.send("GET", f"/v1/{document}")["metadata"])
    page.fill("[name=_key]:visible", "no such name!")
    page.fill("[name=_value]:visible", "x")
    page.locator("form", has=page.locator("[name=_value]:visible")).get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_be_visible()
    print("refused", page.input_value("[name=_key]:visible"))


def limits(page):
    """Members of members: both names in one field; what is left empty is not limited."""
    for path, document in [("lamp/settings", "lamp"), ("lamp/devices/lamp-1", "lamp/devices/lamp-1")]:
        go(page, f"products/{path}")
        form = page.locator("form", has=page.locator("[name='messages.perSecond']"))
        form.locator("[name='messages.burst']").fill("20")
        form.get_by_role("button", name="Save").click()
        fault = page.locator("[id$='messages.perSecond-fault']")
        expect(fault).to_contain_text("is missing")
        assert form.locator("[name='messages.burst']").input_value() == "20"
        form.locator("[name='messages.perSecond']").fill("10")
        form.locator("[name=excess]").select_option(label="is refused")
        form.locator("[name=packetBytes]").fill("4096")
        form.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status").first).to_contain_text("Done.")
        found = gateway.send("GET", f"/v1/products/{document}")["limits"]
        print(document, {name: value for name, value in found.items() if value is not None})
        assert form.locator("[name='messages.perSecond']").input_value() == "10"
        page.get_by_role("button", name="Remove these limits").click()
        expect(page.get_by_role("status").first).to_contain_text("Done.")
        print("removed", gateway.send("GET", f"/v1/products/{document}")["limits"])


def roles(browser):
    """Only the owner corrects."""
    page = browser.new_context(locale="en-GB").new_page()
    go(page, "sign-in")
    page.fill("#token", gateway.keys["operator"])
    page.click("button.primary")
    page.wait_for_url("**/console/accounts")
    go(page, "accounts/other")
    go(page, "accounts/acme/purchases")
    print("operator", page.locator("summary", has_text="Void").count())
    # An application reads what it may not change.
    gateway.send("PUT", "/v1/products/lamp/limits", {"bytes": {"perSecond": 500}, "excess": "disconnect"})
    page = browser.new_context(locale="zh-CN").new_page()
    go(page, "sign-in")
    page.fill("#token", gateway.keys["reader"])
    page.click("button.primary")
    page.wait_for_url(lambda url: "sign-in" not in url)
    go(page, "products/lamp/settings")
    print("application", page.locator("[name='bytes.perSecond']").count(), page.locator("dl", has_text="每秒字节数").inner_text().split())


with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
    page = browser.new_context(locale="en-GB").new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: message.type == "error" and "422" not in message.text and errors.append(message.text))
    go(page, "sign-in")
    page.fill("#token", gateway.token)
    page.click("button.primary")
    page.wait_for_url("**/console/accounts")
    for part in [upload, metadata, limits, corrections]:
        part(page)
    roles(browser)
    print("errors", errors)
    browser.close()
print("exit code", gateway.end())

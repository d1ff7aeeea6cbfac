"""What people do on pages of the console, in a browser: files that are sent, corrections, metadata, limits, firmware, states,
topics, authorities.

usage: console_forms.py PROGRAM
"""
import hashlib
import sys

from playwright.sync_api import expect, sync_playwright

from console_gateway import Gateway, authority

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


def done(page):
    expect(page.get_by_role("status").first).to_contain_text("Done.")


def firmware(page):
    """An image goes through the form as it is read; what is too large is not sent."""
    go(page, "products/lamp/firmware")
    page.locator("summary", has_text="Upload a firmware image").click()
    page.fill("[name=firmware]", "3.0")

    def send(count):
        image = hashlib.shake_256(b"image").digest(count)
        page.set_input_files("[name=_file]", {"name": "lamp.bin", "mimeType": "application/octet-stream", "buffer": image})
        page.get_by_role("button", name="Upload a firmware image").click()
        return hashlib.sha256(image).hexdigest()

    send(4_000_001)
    print("too large", page.locator("form[enctype] [role=status]").inner_text())
    digest = send(3_000_000)
    done(page)
    found = gateway.send("GET", "/v1/products/lamp/firmware/3.0")
    print("image 3.0", found["sizeBytes"], found["sha256"] == digest, page.get_by_text(digest).count() == 1)


def state(page):
    go(page, "products/lamp/devices/lamp-2")
    for title, text in [("Replace what", '{"on": true, "level": 2}'), ("Change some", '{"on": false}')]:
        page.locator("summary", has_text=title).click()
        form = page.locator("details[open]", has_text=title).locator("form")
        form.locator("[name=desired]").fill(text)
        form.get_by_role("button", name="Save").click()
        done(page)
    found = gateway.send("GET", "/v1/products/lamp/devices/lamp-2/state")
    print("state", found["desired"], found["desiredVersion"])
    gateway.send("PATCH", "/v1/products/lamp/devices/lamp-2/state", {"desired": {"x": 1}})
    page.locator("summary", has_text="Change some").click()
    form = page.locator("details[open]", has_text="Change some").locator("form")
    form.locator("[name=desired]").fill("{'on': 1}")
    form.get_by_role("button", name="Save").click()
    expect(page.locator("[id$='desired-fault']")).to_be_visible()
    print("refused", page.locator("details[open] [name=desired]").input_value())


def dialect(page):
    go(page, "products/meter/connecting")
    page.locator("summary", has_text="Change").click()
    page.get_by_label("jwt").check()
    page.locator("[name=up]").fill("a/#/b")
    page.get_by_role("button", name="Save").click()
    print("pattern", page.locator("[id$='up-fault']").inner_text())
    page.locator("[name=up]").fill("a/${dk}")
    page.get_by_role("button", name="Save").click()
    done(page)
    found = gateway.send("GET", "/v1/products/meter")["dialect"]
    print("dialect", found["proofs"], found["up"], found["down"])


def authorities(page):
    """A certificate comes out of a file; what removing ends is said, and its name typed."""
    go(page, "accounts/acme/authorities")
    code = page.locator("dd code").first.inner_text()
    authority("Second factory", code)
    page.fill("[name=name]", "Second")
    page.set_input_files("[data-fills$=certificate]", "ca.pem")
    page.set_input_files("[data-fills$=proof]", "proof.pem")
    expect(page.locator("[name=proof]")).to_have_value(open("proof.pem").read())
    page.get_by_role("button", name="Register an authority").click()
    done(page)
    line = page.locator("tbody tr", has_text="Second")
    line.locator("summary", has_text="Disable").click()
    expect(line.get_by_text("none comes in until it is enabled")).to_be_visible()
    line.get_by_role("button", name="Disable").click()
    done(page)
    listed = gateway.send("GET", "/v1/accounts/acme/authorities")["items"]
    print("authority", *[(item["name"], item["on"]) for item in listed if item["name"] == "Second"][0])
    for typed in ["Factory", "Second"]:
        line = page.locator("tbody tr", has_text="Second")
        if not line.locator("[name=_typed]").is_visible():
            line.locator("summary", has_text="Remove").click()
        line.locator("[name=_typed]").fill(typed)
        line.get_by_role("button", name="Remove").click()
        if typed == "Factory":
            expect(page.locator("tbody [role=alert]")).to_have_count(1)
            print("typed wrong", 1)
    done(page)
    print("authorities", [item["name"] for item in gateway.send("GET", "/v1/accounts/acme/authorities")["items"]])


def campaign(page):
    go(page, "products/lamp/campaigns")
    page.get_by_role("link", name="spring").click()
    page.get_by_role("button", name="Pause").click()
    done(page)
    page.get_by_role("button", name="Resume").click()
    done(page)
    page.locator("summary", has_text="Stop this campaign").click()
    page.fill("[name=_typed]", "spring")
    page.get_by_role("button", name="Stop this campaign").click()
    done(page)
    print("campaign", gateway.send("GET", "/v1/products/lamp/campaigns/spring")["state"])


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
    page.on("console", lambda message: message.type == "error" and not {"409", "422"} & set(message.text.split()) and errors.append(message.text))
    go(page, "sign-in")
    page.fill("#token", gateway.token)
    page.click("button.primary")
    page.wait_for_url("**/console/accounts")
    for part in [upload, metadata, limits, firmware, state, dialect, authorities, campaign, corrections]:
        part(page)
    roles(browser)
    print("errors", errors)
    browser.close()
print("exit code", gateway.end())

"""What the origin's documents say of pages, fields, searches and notifications, done in a browser.

usage: console_sentences.py PROGRAM

A line for each sentence that holds, by its name in Console.md; the others say why not, on standard error.
"""
import socket
import sys
import time
import traceback

from playwright.sync_api import expect, sync_playwright

from console_gateway import Gateway
from gateway_process import connect_packet, until

gateway = Gateway(sys.argv[1])
gateway.furnish(devices=100_000)
TODAY = time.strftime("%Y-%m-%d", time.gmtime())
TOMORROW = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86_400))
sentences = []


def sentence(name):
    return lambda check: sentences.append((name, check))


def go(page, path):
    answer = page.goto(f"{gateway.url}/console/{path}")
    assert answer.status == 200, f"{path}: {answer.status}"


def figure(page, name):
    text = page.locator(".figure", has=page.get_by_text(name, exact=True)).locator("dd").first.inner_text()
    return int(text.split("\n")[0].replace(",", ""))


def column(page, number):
    return [cell.strip() for cell in page.locator(f"main tbody td:nth-child({number})").all_inner_texts()]


def search(page, **fields):
    for name, value in fields.items():
        page.fill(f"#f-{name}", value)
    page.click(".filters button")
    page.wait_for_load_state()


def show(page, title):
    page.locator("summary", has_text=title).first.click()


@sentence("total-used-remaining")
def _(page):
    go(page, "accounts/acme")
    total, used, remaining = (figure(page, name) for name in ["Total", "Used", "Remaining"])
    assert (total, used) == (120, 7) and total == used + remaining


@sentence("unassigned-view")
def _(page):
    go(page, "accounts/acme")
    assert figure(page, "Unassigned activation codes") == 100
    page.locator(".figure", has_text="Unassigned").get_by_role("link", name="View").click()
    row = page.locator("tr", has_text="plus")
    expect(row).to_contain_text("1825 days, 3,000 messages a day, 1 OTA a month, stored for 7 days")
    expect(row.locator("td").last).to_have_text("70")


@sentence("near-expiry-view")
def _(page):
    go(page, "accounts/acme")
    assert figure(page, "Devices with near-expiry activation codes") == 7
    page.locator(".figure", has_text="near-expiry").get_by_role("link", name="View").click()
    expect(page.locator("tbody tr")).to_have_count(7)


@sentence("near-expiry-search")
def _(page):
    for field, value, hits in [
        ("productName", "Lam", 7), ("productName", "Meter", 0), ("product", "lamp", 7), ("product", "meter", 0),
        ("device", "lamp-3", 1), ("activatedFrom", TODAY, 7), ("activatedTo", TODAY, 0), ("expiresFrom", TODAY, 7),
        ("expiresTo", TOMORROW, 0),
    ]:
        go(page, "near-expiry?account=acme")
        search(page, **{field: value})
        count = page.locator("tbody tr").count()
        assert count == hits, f"{field} {value}: {count}"


@sentence("near-expiry-switch")
def _(page):
    go(page, "near-expiry?account=acme")
    row = page.locator("tr", has_text="lamp-4")
    row.get_by_role("button", name="Turn off").click()
    expect(row.get_by_role("button", name="Turn on")).to_be_visible()
    assert gateway.send("GET", "/v1/products/lamp/devices/lamp-4")["exceptedFromRenewal"]
    row.get_by_role("button", name="Turn on").click()
    expect(row.get_by_role("button", name="Turn off")).to_be_visible()


@sentence("near-expiry-switch-disabled")
def _(page):
    gateway.send("PATCH", "/v1/products/lamp", {"autoRenewal": False})
    go(page, "near-expiry?account=acme")
    button = page.locator("tr", has_text="lamp-4").get_by_role("button")
    expect(button).to_be_disabled()
    expect(page.locator("tr", has_text="lamp-4")).to_contain_text("Automatic renewal is off for the product.")
    gateway.send("PATCH", "/v1/products/lamp", {"autoRenewal": True})


@sentence("assign")
def _(page):
    go(page, "accounts/acme/codes")
    expect(page.locator("main")).to_contain_text("can’t be revoked")
    page.select_option("#assign", "meter")
    expect(page.locator("[data-maximum]")).to_be_visible()
    page.wait_for_load_state()
    assert page.locator("[data-maximum]").inner_text() == "70"
    page.fill("[name=quantity] >> nth=0", "11")
    page.select_option("[name=package] >> nth=0", "plus")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("status")).to_contain_text("Done.")
    assert gateway.send("GET", "/v1/products/meter")["codes"]["assigned"] == 11


@sentence("assign-too-many")
def _(page):
    go(page, "accounts/acme/codes?assign=lamp")
    assert page.locator("[data-maximum]").inner_text() == "30"
    page.fill("[name=quantity] >> nth=0", "31")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("alert")).to_contain_text("30")
    assert page.input_value("[name=quantity] >> nth=0") == "31"


@sentence("assign-one-allowance")
def _(page):
    go(page, "accounts/acme/codes?assign=lamp")
    # Of 59 codes of the other package none can be had.
    assert page.locator("[data-maximum]").inner_text() == "30"
    expect(page.locator("main")).to_contain_text("Each product has one package allowance")


@sentence("assign-from-details")
def _(page):
    go(page, "products/lamp/codes")
    page.fill("[name=quantity] >> nth=0", "2")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("status")).to_contain_text("Done.")
    assert figure(page, "Activation codes") == 22


@sentence("assignment-history")
def _(page):
    go(page, "accounts/acme/assignments")
    assert column(page, 5) == ["2", "11", "20"], column(page, 5)
    for text, products in [("Met", ["meter"]), ("lamp", ["lamp", "lamp"]), ("nothing", [])]:
        search(page, product=text)
        assert column(page, 3) == products, (text, column(page, 3))


@sentence("product-code-list")
def _(page):
    go(page, "products?account=acme")
    row = page.locator("tbody tr", has_text="Lamp")
    cells = row.locator("td").all_inner_texts()
    assert cells[3:6] == ["22", "7", "15"], cells
    assert "20 days, 1,500 messages a day" in cells[6]
    row.get_by_role("link", name="Details").click()
    page.wait_for_url("**/products/lamp/codes")


@sentence("consumed-search")
def _(page):
    for field, value, hits in [
        ("device", "lamp-3", 1), ("activatedFrom", TODAY, 7), ("activatedTo", TODAY, 0), ("expiresFrom", TODAY, 7),
        ("expiresTo", TOMORROW, 0),
    ]:
        go(page, "products/lamp/codes")
        search(page, **{field: value})
        assert page.locator("tbody tr").count() == hits, f"{field} {value}"


@sentence("activation-history")
def _(page):
    go(page, "products/lamp/codes?device=lamp-1")
    code = column(page, 2)[0]
    page.locator("tbody").get_by_role("link", name="Activation history").click()
    page.wait_for_url("**/devices/lamp-1/history")
    assert column(page, 2) == [code]


@sentence("renewal-on-by-default")
def _(page):
    go(page, "products/meter/settings")
    card = page.locator("section", has=page.get_by_role("heading", name="Automatic renewal", exact=True))
    expect(card.locator(".badge").first).to_have_text("On")


@sentence("renewal-blacklist")
def _(page):
    go(page, "near-expiry?account=acme")
    page.locator("tr", has_text="lamp-5").get_by_role("link", name="lamp", exact=True).click()
    page.wait_for_url("**/products/lamp/settings")
    page.get_by_label("DeviceKey (DK)").fill("lamp-5")
    page.get_by_role("button", name="Add to the blacklist").click()
    expect(page.locator("tbody tr", has_text="lamp-5")).to_be_visible()
    assert [d["dk"] for d in gateway.send("GET", "/v1/products/lamp/blacklist")["items"]] == ["lamp-5"]
    page.locator("tbody tr", has_text="lamp-5").get_by_role("button", name="Remove").click()
    expect(page.locator("tbody tr", has_text="lamp-5")).to_have_count(0)


@sentence("renewal-off")
def _(page):
    go(page, "products/lamp/settings")
    page.get_by_role("button", name="Turn automatic renewal off").click()
    expect(page.get_by_role("button", name="Turn automatic renewal on")).to_be_visible()
    assert not gateway.send("GET", "/v1/products/lamp")["autoRenewal"]
    page.get_by_role("button", name="Turn automatic renewal on").click()
    expect(page.get_by_role("button", name="Turn automatic renewal off")).to_be_visible()


@sentence("contacts")
def _(page):
    go(page, "accounts/acme/contacts")
    expect(page.locator("main")).to_contain_text("Alerts go to the account’s own address")
    page.get_by_label("E-mail address").fill("carol@example.org")
    page.get_by_label("Name").fill("Carol")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("tbody tr", has_text="carol@example.org")).to_contain_text("Carol")
    # A wrong address is said beside its field; the browser is asked not to look itself.
    page.evaluate("document.querySelector('form.form').noValidate = true")
    page.get_by_label("E-mail address").fill("carol")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".fault")).to_contain_text("e-mail")


def alert_row(page, rule, product):
    """Waits for what the gateway finds about a second behind a change."""
    row = page.locator("tr", has_text=rule).filter(has_text=product).first
    for _ in range(120):
        go(page, "accounts/acme/alerts")
        if row.count() and "Waiting" not in row.inner_text() and "Being sent" not in row.inner_text():
            return row
        time.sleep(0.5)
    raise AssertionError(page.inner_text("main"))


@sentence("alerts")
def _(page):
    row = alert_row(page, "Activation codes end soon", "Lamp")
    expect(page.locator(".card", has_text="Open alerts").locator("tbody tr")).not_to_have_count(0)
    text = page.locator("tr", has_text="Activation codes end soon").last.inner_text()
    for word in ["ann@example.org Sent", "bob@example.org Given up"]:
        assert word in text, text
    assert row.get_by_role("link", name="Lamp").get_attribute("href") == "/console/products/lamp"


@sentence("alert-rules")
def _(page):
    go(page, "accounts/acme/alerts/rules")
    row = page.locator(".card", has_text="Few activation codes left")
    expect(row).to_contain_text("The gateway’s configuration")
    expect(page.locator(".card", has_text="Activation codes end soon")).to_contain_text("This account")
    assert not row.get_by_role("button", name="Reset").count()
    row.locator("summary").click()
    row.get_by_label("Number at least").fill("1000000001")
    row.evaluate("(row) => row.querySelector('form').noValidate = true")
    row.get_by_role("button", name="Save").click()
    expect(row.locator(".fault")).to_contain_text("1000000000")
    row.get_by_label("Number at least").fill("500")
    row.get_by_label("Percent at least").fill("100")
    row.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Done.")
    expect(row).to_contain_text("This account")
    alert_row(page, "Few activation codes left", "Lamp")
    go(page, "accounts/acme/alerts/rules")
    row.get_by_role("button", name="Reset").click()
    expect(row).to_contain_text("The gateway’s configuration")


@sentence("alert-mail")
def _(page):
    go(page, "accounts/acme/alerts/mail")
    page.select_option("#f-delivery", "given-up")
    page.click(".filters button")
    page.wait_for_load_state()
    rows = page.locator("main tbody tr")
    count = rows.count()
    expect(rows.first).to_contain_text("there is no such mailbox")
    rows.first.get_by_role("button", name="Send again").click()
    expect(page.get_by_role("status")).to_contain_text("Done.")

    def attempts():
        found = gateway.send("GET", "/v1/notifications?account=acme&delivery=given-up")["items"]
        return len(found) >= count and any(mail["attempts"] == 2 for mail in found)
    until(attempts, "a second attempt")


@sentence("alert-language")
def _(page):
    for language in ["zh", "en"]:
        go(page, "accounts/acme/alerts/rules")
        expect(page.locator(".card", has_text="Who is told")).to_contain_text("ann@example.org")
        page.get_by_label("Language of the mail").select_option(language)
        page.locator(".card", has_text="Who is told").get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_contain_text("Done.")
        assert gateway.send("GET", "/v1/accounts/acme/alert-language")["language"] == language


@sentence("alert-test")
def _(page):
    go(page, "accounts/acme/alerts/rules")
    card = page.locator(".card", has_text="Test message")
    card.get_by_label("E-mail address").fill("ann@example.org")
    card.get_by_role("button").click()
    expect(page.get_by_role("status")).to_contain_text("2.0.0 taken")


@sentence("contacts-of-sub-accounts")
def _(page):
    other = page.context.browser.new_context(locale="en-GB").new_page()
    sign_in(other, gateway.keys["sub"])
    go(other, "accounts/acme/contacts")
    other.get_by_label("E-mail address").fill("dave@example.org")
    other.get_by_role("button", name="Save").click()
    expect(other.locator("tbody tr", has_text="dave@example.org")).to_be_visible()
    other.context.close()


@sentence("total-and-remain-of-projects")
def _(page):
    go(page, "accounts")
    row = page.locator("tbody tr").filter(has=page.locator("code", has_text="acme").filter(has_text="acme")).first
    assert row.locator("td").nth(4).inner_text() == "120", row.inner_text()


@sentence("product-page-fields")
def _(page):
    go(page, "products/lamp")
    assert figure(page, "Activation codes") == 22 and figure(page, "Devices") == 12
    assert figure(page, "Activated devices") == 6 and figure(page, "Current online devices") == 0


@sentence("product-cards")
def _(page):
    go(page, "accounts/acme")
    card = page.locator(".cards li", has_text="Lamp")
    assert card.locator("dd").all_inner_texts()[:2] == ["22", "15"]


@sentence("package-allowance")
def _(page):
    go(page, "packages")
    cells = page.locator("tbody tr", has_text="plus").locator("td").all_inner_texts()
    assert cells[2:] == ["1,825", "3,000", "1", "7"], cells


@sentence("upgrade-all-devices")
def _(page):
    go(page, "products/lamp/codes")
    show(page, "Upgrade the package")
    expect(page.locator("main")).to_contain_text("All devices of the product get the higher package.")
    page.locator("details[open] select[name=package]").select_option("plus")
    page.get_by_role("button", name="Upgrade the package").click()
    expect(page.get_by_role("status")).to_contain_text("Done.")
    assert gateway.send("GET", "/v1/products/lamp")["package"] == "plus"


@sentence("ota-top-up")
def _(page):
    go(page, "accounts/acme/top-ups")
    show(page, "Add a top-up pack")
    page.locator("details[open] select[name=kind]").select_option("ota")
    page.locator("details[open] input[name=quantity]").fill("12")
    page.locator("details[open] input[name=expiresAt]").fill("2040-01-01")
    page.locator("details[open] button").click()
    expect(page.get_by_role("status")).to_contain_text("Done.")
    assert figure(page, "OTA attempts left in packs") == 12


@sentence("stored-messages")
def _(page):
    go(page, "products/lamp/devices/lamp-1/messages")
    expect(page.locator("#f-from")).to_be_visible()
    go(page, "products/lamp/settings")
    page.select_option("select[name=messageLog]", "true")
    page.locator("form", has=page.locator("[name=messageLog]")).get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Done.")
    assert gateway.send("GET", "/v1/products/lamp")["messageLog"]


@sentence("delete-product")
def _(page):
    gateway.send("POST", "/v1/products", {"pk": "gone", "name": "Gone", "account": "acme"})
    go(page, "products/gone/settings")
    expect(page.locator("main")).to_contain_text("are not returned")
    button = page.get_by_role("button", name="Delete this product")
    page.locator("[id='deleteProduct:gone-typed']").fill("other")
    button.click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.locator("[id='deleteProduct:gone-typed']").fill("gone")
    page.get_by_role("button", name="Delete this product").click()
    page.wait_for_url("**/products?account=acme")
    expect(page.locator("tbody tr", has_text="Gone")).to_have_count(0)


@sentence("delete-device")
def _(page):
    go(page, "products/lamp/devices/lamp-7")
    consumed = gateway.send("GET", "/v1/products/lamp")["codes"]["consumed"]
    show(page, "Delete this device")
    page.get_by_label("To confirm, type lamp-7").fill("lamp-7")
    page.get_by_role("button", name="Delete this device").click()
    page.wait_for_url("**/products/lamp")
    assert gateway.send("GET", "/v1/products/lamp")["codes"]["consumed"] == consumed


@sentence("secret-once")
def _(page):
    go(page, "products/lamp/settings")
    page.get_by_role("button", name="Rotate the secret").click()
    notice = page.locator(".notice")
    expect(notice).to_contain_text("it is not shown again")
    secret = gateway.send("GET", "/v1/products/lamp/secret")["secret"]
    expect(notice).to_contain_text(secret)
    page.reload()
    assert secret not in page.content()


@sentence("import-faults")
def _(page):
    go(page, "products/meter/import")
    bad = b"dk,secret,name\nm-1,,One\nm-2 x,,Two\n"
    page.set_input_files("[name=_file]", {"name": "devices.csv", "mimeType": "text/csv", "buffer": bad})
    page.get_by_role("button", name="Import devices").click()
    expect(page.get_by_role("alert")).to_contain_text("line 3")
    good = b"dk,secret,name\nm-1,,One\nm-2,,Two\n"
    page.set_input_files("[name=_file]", {"name": "devices.csv", "mimeType": "text/csv", "buffer": good})
    with page.expect_download() as download:
        page.get_by_role("button", name="Import devices").click()
    text = open(download.value.path()).read()
    assert text.startswith("dk,secret,name") and text.count("\n") == 3, text


@sentence("export")
def _(page):
    go(page, "products/lamp")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as CSV").click()
    lines = open(download.value.path()).read().splitlines()
    assert lines[0].startswith("dk,pk,name,state,") and len(lines) == 12, lines


@sentence("live-events")
def _(page):
    go(page, "events")
    expect(page.locator("[data-standing]")).to_contain_text("Connected")
    gateway.send("PATCH", "/v1/accounts/acme", {"name": "Acme Ltd"})
    expect(page.locator(".stream li").first).to_contain_text("account-updated")
    page.fill("#live-filter", "no such thing")
    expect(page.locator(".stream li").first).to_be_hidden()
    gateway.send("PATCH", "/v1/accounts/acme", {"name": "Acme"})


@sentence("events")
def _(page):
    go(page, "events")
    last = gateway.send("GET", "/v1/events?order=newest-first&limit=1")["items"][0]["sequence"]
    numbers = [int(text.replace(",", "")) for text in column(page, 1)]
    assert numbers[0] == last and numbers == sorted(numbers, reverse=True), numbers
    page.select_option("#f-change", "product-created")
    page.fill("#f-account", "other")
    page.locator("form.filters button").click()
    page.wait_for_url("**change=product-created**")
    expect(page.locator("main tbody tr")).to_have_count(1)
    expect(page.locator("main tbody tr")).to_contain_text("evil")


@sentence("search-in-many")
def _(page):
    go(page, "products/meter")
    search(page, like="m-099998")
    assert column(page, 1) == ["m-099998"], column(page, 1)
    search(page, like="m-09999")
    assert column(page, 1)[0] == "m-099990", column(page, 1)


@sentence("data-centre")
def _(page):
    gateway.send("POST", "/v1/accounts", {"id": "far", "name": "Far", "kind": "enterprise", "dataCentre": "west"})
    gateway.send("POST", "/v1/products", {"pk": "away", "name": "Away", "account": "far", "dataCentre": "west"})
    gateway.send("POST", "/v1/accounts/far/purchases", {"package": "basic", "quantity": 3, "product": "away"})
    gateway.send("POST", "/v1/products/away/devices", {"devices": [{"dk": "away-1", "secret": "s"}]})
    # It connects here, which is not its home, and is counted there.
    with socket.create_connection(("127.0.0.1", gateway.port())) as device:
        device.sendall(connect_packet("away", "away-1", "s"))
        assert device.recv(4) == b"\x20\x02\x00\x00"
    go(page, "accounts/far")
    expect(page.locator(".facts", has_text="Data centre")).to_contain_text("west")
    assert (figure(page, "Total"), figure(page, "Used"), figure(page, "Remaining")) == (3, 1, 2)
    go(page, "products/away/codes")
    assert column(page, 7) == ["main"], column(page, 7)
    go(page, "accounts/acme")
    expect(page.locator(".facts", has_text="Data centre")).to_contain_text("main")
    assert figure(page, "Total") == 120


@sentence("report")
def _(page):
    go(page, "accounts/acme")
    page.locator("main").get_by_role("link", name="Monthly report").click()
    page.wait_for_url("**/accounts/acme/report")
    month = time.strftime("%Y-%m", time.gmtime())
    expect(page.locator("h1")).to_have_text(f"Acme: {month}")
    codes = page.locator(".report section", has=page.get_by_role("heading", name="Codes", exact=True))
    assert codes.locator("tfoot td").first.inner_text() == "120"
    assert codes.locator("tbody th").count() == 2
    # The account was made in this month, which runs: there is none beside it.
    assert page.locator("a[rel=prev], a[rel=next]").count() == 0
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as CSV").click()
    rows = open(download.value.path()).read().splitlines()
    assert download.value.suggested_filename == f"report-acme-{month}.csv"
    assert len(rows) == 4 and rows[3].startswith(f"{month},acme,,total,120,"), rows


@sentence("report-printed")
def _(page):
    go(page, "accounts/acme/report")
    page.emulate_media(media="print", color_scheme="dark")
    for part in [".bar", ".menu", ".pages", ".crumbs"]:
        assert not page.locator(part).first.is_visible(), part
    colours = page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")
    assert colours == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"], colours
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.emulate_media(media="screen", color_scheme="light")


@sentence("chinese")
def _(page):
    go(page, "accounts/acme")
    page.get_by_role("link", name="中文").click()
    for word in ["总数", "已使用", "剩余可用", "未分配激活码", "激活码临期设备", "查看", "激活码分配记录", "接警人设置"]:
        expect(page.locator("body")).to_contain_text(word)
    go(page, "accounts/acme/codes")
    expect(page.locator("main")).to_contain_text("激活码分配后不可撤销，请谨慎操作！")
    page.get_by_role("link", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")


@sentence("without-scripts")
def _(page):
    context = page.context.browser.new_context(locale="en-GB", java_script_enabled=False)
    other = context.new_page()
    sign_in(other, gateway.token)
    go(other, "accounts/acme/codes")
    other.select_option("#assign", "meter")
    other.get_by_role("button", name="Choose").click()
    other.fill("[name=quantity] >> nth=0", "1")
    other.get_by_role("button", name="Confirm").click()
    expect(other.get_by_role("status")).to_contain_text("Done.")
    assert gateway.send("GET", "/v1/products/meter")["codes"]["assigned"] == 12
    context.close()


@sentence("roles")
def _(page):
    for key, sees, not_sees in [
        ("acme", ["Overview", "Recipients of alerts", "Keys"], ["Accounts", "Backups", "Health", "Buy activation codes"]),
        ("reader", ["Overview", "Products"], ["Keys", "Webhooks", "Events", "Confirm"]),
        ("operator", ["Accounts", "Health", "Connections"], ["Backups"]),
    ]:
        context = page.context.browser.new_context(locale="en-GB")
        other = context.new_page()
        sign_in(other, gateway.keys[key])
        go(other, "accounts/acme/codes")
        text = other.inner_text("body")
        for word in sees:
            assert word in text, f"{key} does not see {word}"
        for word in not_sees:
            assert not other.get_by_text(word, exact=True).count(), f"{key} sees {word}"
        context.close()


def sign_in(page, token):
    page.goto(gateway.url + "/console/sign-in")
    page.fill("#token", token)
    page.click("button.primary")
    page.wait_for_selector("nav.menu")


with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
    page = browser.new_context(locale="en-GB", viewport={"width": 1200, "height": 900}).new_page()
    page.set_default_timeout(20_000)
    expect.set_options(timeout=20_000)
    sign_in(page, gateway.token)
    for name, check in sentences:
        try:
            check(page)
            print(name, flush=True)
        except Exception:
            print(name, traceback.format_exc(limit=-2)[-1500:], file=sys.stderr)
    browser.close()
print("exit code", gateway.end())

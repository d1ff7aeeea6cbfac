"""What an attacker tries against the console, request by request, on standard output.

usage: console_security.py PROGRAM [CERTIFICATE KEY]
"""
import http.client
import sys
import urllib.parse

from console_gateway import EVIL, Gateway
from console_person import Person
from gateway_process import PATIENCE

gateway = None


def plain():
    # Fixation: an id that is brought along is not taken over, and each sign-in makes another.
    person = Person(gateway, {"tollgate-session": "a" * 64})
    print("signed in", person.sign_in(gateway.token), person.headers["Location"])
    first = person.session()
    person.sign_in(gateway.token)
    print("new ids", first != "a" * 64 and person.session() != first, len(first))
    print("the former one ended", Person(gateway, {"tollgate-session": first}).ask("GET", "/console/accounts"))
    print("flags", sorted(flag.strip() for flag in person.set[0].split(";")[1:]))

    # Forms: the session's token, and the origin.
    person.ask("GET", "/console/accounts")
    token = person.hidden("_token")
    fields = {"_operation": "createAccount", "_form": "createAccount", "name": "x", "kind": "individual", "_token": token}
    for name, changed, headers in [
        ("no token", {"_token": ""}, {}), ("a wrong token", {"_token": "0" * 64}, {}),
        ("no origin", {}, {"Origin": None}), ("another origin", {}, {"Origin": "https://evil.example"}),
        ("an opaque origin", {}, {"Origin": "null"}),
    ]:
        print(name, person.ask("POST", "/console/accounts", {**fields, **changed}, headers))
    other = Person(gateway)
    other.sign_in(gateway.token)
    print("another session's token", other.ask("POST", "/console/accounts", fields))
    stranger = Person(gateway)
    stranger.ask("GET", "/console/sign-in")
    print("sign-in from elsewhere", stranger.ask(
        "POST", "/console/sign-in", {"_token": stranger.hidden("_token"), "token": gateway.token},
        {"Origin": "https://evil.example"}))
    print("sign-in without its cookie", Person(gateway).ask(
        "POST", "/console/sign-in", {"_token": "0" * 64, "token": gateway.token}))
    print("none was made", [a["id"] for a in gateway.send("GET", "/v1/accounts")["items"]])

    # Where a sign-in leads.
    for place in ["https://evil.example/", "//evil.example", "/\\evil.example", "/v1/accounts", "/console/../v1", "/console//evil",
                  "/console/keys?a=b"]:
        person = Person(gateway)
        person.sign_in(gateway.token, "/console/sign-in?next=" + urllib.parse.quote(place, safe=""))
        print("next", place, person.headers["Location"])
    person.ask("GET", "/console/language/zh?back=https://evil.example/")
    print("language leads to", person.headers["Location"])

    # Another tenant's pages, by their names.
    person = Person(gateway)
    person.sign_in(gateway.keys["other"])
    seen = []
    for path in ["accounts/acme", "accounts/acme/codes", "accounts/acme/assignments", "accounts/acme/purchases",
                 "accounts/acme/top-ups", "accounts/acme/contacts", "accounts/acme/report",
                 "accounts/acme/report.csv", "accounts/acme/alerts", "accounts/acme/alerts/mail", "products/lamp", "products/lamp/settings",
                 "products/lamp/codes", "products/lamp/usage", "products/lamp/import", "products/lamp/devices/lamp-1",
                 "products/lamp/devices/lamp-1/messages", "csv/listDevices?pk=lamp", "csv/listPurchases?account=acme",
                 "live/traceDevice?pk=lamp&dk=lamp-1", "products/lamp/firmware", "products/lamp/campaigns/spring",
                 "products/lamp/connecting", "accounts/acme/authorities", "accounts", "connections", "health", "backups", "settings"]:
        seen.append(person.ask("GET", f"/console/{path}"))
        if "Lamp" in person.text or "Acme" in person.text:
            print("leaks", path)
    print("others' pages", seen)
    person.ask("GET", "/console/accounts/other")
    for operation, path in [("deleteProduct", {"p.pk": "lamp"}), ("disableDevice", {"p.pk": "lamp", "p.dk": "lamp-1"}),
                            ("buyCodes", {"p.account": "other", "package": "basic", "quantity": "1"})]:
        print(operation, person.ask("POST", "/console/accounts/other", {
            "_token": person.hidden("_token"), "_operation": operation, "_form": operation, **path}))
    person.ask("GET", "/console/near-expiry?account=acme")
    print("near expiry of others", "lamp" in person.text)

    # Markup in the books is text on pages.
    owner = Person(gateway)
    owner.sign_in(gateway.token)
    found = []
    for path in ["accounts", "accounts/other", "accounts/other/contacts", "products", "products/evil", "products/evil/settings",
                 "products/evil/devices/evil-1", "keys", "webhooks", "events", "near-expiry",
                 "products?name=" + urllib.parse.quote(EVIL[:30]), "near-expiry?productName=" + urllib.parse.quote(EVIL[:30])]:
        owner.ask("GET", f"/console/{path}")
        found.append("&lt;img" in owner.text and "<img" not in owner.text and "<script>" not in owner.text and "\u202e" not in owner.text)
    print("escaped", found)

    # What a page may do, and who may frame it.
    for name in ["Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options", "Referrer-Policy", "Cache-Control"]:
        print(name, owner.headers[name])

    # A revoked key ends its sessions, and so does signing out.
    person = Person(gateway)
    person.sign_in(gateway.keys["acme"])
    print("before", person.ask("GET", "/console/accounts/acme"))
    gateway.send("POST", "/v1/keys/" + gateway.keys["acme"].split(".")[0] + "/revoke")
    print("revoked", person.ask("GET", "/console/accounts/acme"), person.headers["Location"].split("?")[0])
    owner.ask("GET", "/console/keys")
    former = owner.session()
    # A stream that is open ends with its session: what happens afterwards is not in it.
    place = urllib.parse.urlsplit(gateway.url)
    stream = http.client.HTTPConnection(place.hostname, place.port, timeout=PATIENCE)
    stream.request("GET", "/console/live/listEvents", headers={
        "Cookie": f"tollgate-session={former}", "Accept": "text/event-stream"})
    answer = stream.getresponse()
    gateway.send("POST", "/v1/accounts", {"id": "before-it", "name": "B", "kind": "individual"})
    heard = b""
    while b"before-it" not in heard:
        heard += answer.read1()
    print("signed out", owner.ask("POST", "/console/sign-out", {"_token": owner.hidden("_token")}),
          Person(gateway, {"tollgate-session": former}).ask("GET", "/console/keys"))
    gateway.send("POST", "/v1/accounts", {"id": "behind-it", "name": "B", "kind": "individual"})
    heard = b""
    try:
        while more := answer.read1():
            heard += more
        ended = "in order"
    except (http.client.IncompleteRead, ConnectionError):
        ended = "broken off"
    print("its stream", ended, b"behind-it" in heard)


def encrypted():
    person = Person(gateway)
    person.sign_in(gateway.token)
    print("cookies", sorted(name for name, value in person.cookies.items() if value))
    print("flags", sorted(flag.strip() for flag in person.set[0].split(";")[1:]))
    print("a plain origin", person.ask(
        "POST", "/console/sign-out", {"_token": "0"}, {"Origin": gateway.url.replace("https", "http")}))


if len(sys.argv) > 2:
    gateway = Gateway(sys.argv[1], [
        "--set", f"admin.tls.certificate={sys.argv[2]}", "--set", f"admin.tls.key={sys.argv[3]}"])
    encrypted()
else:
    gateway = Gateway(sys.argv[1])
    gateway.furnish()
    plain()
print("exit code", gateway.end())

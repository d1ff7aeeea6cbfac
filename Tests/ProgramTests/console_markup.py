"""Markup in every text that the gateway keeps: what pages, CSV and JSON make of it.

usage: console_markup.py PROGRAM

Which texts there are the API's document says (/openapi.json): one that no answer had markup in is named, so that a new field
is not forgotten here. Then all pages of the console are looked at that links lead to.
"""
import html.parser
import http.server
import json
import os
import re
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

import console_gateway
from console_gateway import EVIL, Gateway, authority
from console_person import Person
from gateway_process import credentials, until
from mqtt_client import connected

# Turns the direction of writing: pages show it as an escape.
TURN = "\u202e"
# Without a slash, and without a line's end: for a name of a certificate, of a directory.
SHORT = "<img src=x onerror=evil()>"
# What the gateway writes itself, or what has a form of its own that has no room for markup.
OWN = {
    "actor", "address", "change", "cipher", "code", "createdBy", "cursor", "listener", "month", "origin", "protocolVersion",
    "remedy", "requestedBy", "version", "error", "key",
}
# Of a gateway in a cluster, of checks, and of what the gateway says of itself in its own words.
OWN_DOCUMENTS = {
    "Check", "Cluster", "Decision", "Digests", "NodeFigures", "Online", "Readiness", "showDocument", "showAuthorityCode",
}
# Base64 or hexadecimal digits of something.
DIGITS = {
    "StoredMessage.payloadBase64", "Authority.crlNumber", "ShownAuthority.crlNumber", "ShownAuthority.certificate",
    "Firmware.signature", "ProductSecret.secret",
}
# Those that have none here, and why.
ELSEWHERE = {
    "Backup.problem": "a disk would have to fill meanwhile", "Connection.clientId": "a device's is its ProductKey and DeviceKey",
}


def evil(name):
    """Markup, with a name behind it by which it is found on pages."""
    return EVIL + name


class Receiver(http.server.BaseHTTPRequestHandler):
    """Answers webhooks with markup."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = evil("webhook-answer").encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def furnish(gateway, port):
    """One account, all of whose texts are markup; what the paths are made of."""
    send = gateway.send
    send("POST", "/v1/packages", {"id": "evil", "name": evil("package"), "validityDays": 20, "otaPerMonth": 3, "storageDays": 7})
    send("POST", "/v1/accounts", {"id": "evil", "name": evil("account"), "kind": "enterprise", "email": "eve@example.org"})
    send("PATCH", "/v1/accounts/evil/metadata", {"note": evil("account-metadata")})
    send("PUT", "/v1/accounts/evil/contacts/adam@example.org", {"name": evil("contact")})
    send("POST", "/v1/products", {"pk": "evil", "name": evil("product"), "account": "evil"})
    send("PATCH", "/v1/products/evil", {"messageLog": True})
    send("PATCH", "/v1/products/evil/metadata", {"note": evil("product-metadata")})
    send("PUT", "/v1/products/evil/dialect", {
        "up": [evil("up") + "/${dk}"], "down": [evil("down") + "/${dk}"], "proofs": ["tollgate", "alibaba-hmacsha256", "jwt"]})
    send("PUT", "/v1/products/evil/uncounted-topics", {"topics": [evil("uncounted")]})
    send("POST", "/v1/products/evil/token-keys", {
        "id": "2027", "audience": evil("audience"),
        "key": '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'})
    send("POST", "/v1/accounts/evil/purchases", {"package": "evil", "quantity": 3})
    send("POST", "/v1/accounts/evil/assignments", {"product": "evil", "quantity": 3, "package": "evil"})
    bought = send("POST", "/v1/accounts/evil/purchases", {"package": "evil", "quantity": 2})
    send("POST", f"/v1/accounts/evil/purchases/{bought['firstCode']}/void", {"cause": evil("cause")})
    send("POST", "/v1/products/evil/devices", {"devices": [
        {"dk": "evil-1", "secret": "s", "name": evil("device")}, {"dk": "evil-2", "secret": "s", "name": evil("listed")}]})
    send("PATCH", "/v1/products/evil/devices/evil-1/metadata", {"room": evil("device-metadata")})
    for dk in ["evil-1", "evil-2"]:
        send("POST", f"/v1/products/evil/devices/{dk}/activate")
    send("PUT", "/v1/products/evil/devices/evil-2/renewal", {"autoRenewal": False})
    made = send("POST", "/v1/keys", {"name": evil("key"), "role": "application", "account": "evil"})
    hook = send("POST", "/v1/webhooks", {"name": evil("webhook"), "url": f"http://127.0.0.1:{port}/", "account": "evil"})
    certificate, proof = authority(SHORT, send("GET", "/v1/accounts/evil/authority-code")["code"])
    known = send("POST", "/v1/accounts/evil/authorities", {"name": evil("authority"), "certificate": certificate, "proof": proof})
    send("PUT", f"/v1/accounts/evil/authorities/{known['id']}/rules", {"pattern": "cn:<img>${pk}.${dk}"})
    # Alerts about the product and the authority, whose mail is refused with markup.
    send("PUT", "/v1/accounts/evil/alert-rules/codes-low", {"number": 1000})
    send("PUT", "/v1/accounts/evil/alert-rules/authority-ending", {"number": 1, "days": 90})
    # A campaign for devices that have markup noted, one of which says how its upgrade went.
    send("POST", "/v1/products/evil/firmware?firmware=2.1.0", bytes(1_000), kind="application/octet-stream")
    client = connected(gateway, *credentials("evil", "evil-1", "s"))
    reader = connected(gateway, evil("client-identifier"), made["userName"], made["secret"])
    send("POST", "/v1/products/evil/campaigns", {
        "id": "spring", "firmware": "2.1.0", "perMinute": 6000, "endsAt": "2099-01-01", "metadata": "room=" + evil("device-metadata")})
    offer = "/v1/products/evil/devices/evil-1/firmware"
    until(lambda: gateway.ask("GET", offer)[0] == 200, "the campaign's upgrade")
    upgrade = send("GET", offer)["upgrade"]
    for topic, payload in [
        ("up/" + evil("topic"), evil("payload")), ("sys/state/reported", json.dumps({"reported": {evil("state"): evil("reported")}})),
        ("sys/ota/outcome", json.dumps({"id": upgrade, "outcome": "failed", "detail": evil("detail")})),
    ]:
        client.publish(f"d/evil/evil-1/{topic}", payload, qos=1).wait_for_publish()
    send("PATCH", "/v1/products/evil/devices/evil-1/state", {"desired": {evil("wish"): evil("desired")}})
    send("PATCH", "/v1/products/evil/devices/evil-1", {"name": evil("device")})
    until(lambda: send("GET", "/v1/products/evil/devices/evil-1/messages")["items"], "a stored message")
    until(lambda: send("GET", "/v1/products/evil/devices/evil-1/state")["reported"], "a reported state")
    until(lambda: send("GET", "/v1/products/evil/campaigns/spring/devices?state=failed")["items"], "the end of the upgrade")
    until(lambda: {"codes-low", "authority-ending"} <= {one["rule"] for one in send("GET", "/v1/alerts?account=evil")["items"]}, "alerts")
    until(lambda: send("GET", "/v1/notifications?account=evil&delivery=given-up")["items"], "mail that was given up")
    backup = send("POST", "/v1/backups", {"directory": os.path.join(os.getcwd(), "backups", SHORT)})
    until(lambda: send("GET", f"/v1/backups/{backup['id']}")["finishedAt"], "a backup")
    return [client, reader], {
        "account": "evil", "pk": "evil", "dk": "evil-1", "package": "evil", "key": made["id"], "webhook": hook["id"],
        "authority": known["id"], "firmware": "2.1.0", "campaign": "spring", "backup": backup["id"], "upgrade": upgrade}


class Texts:
    """Which texts answers have by the API's document, and which of them had markup."""

    def __init__(self, document):
        self.document = document
        self.found = {}

    def resolve(self, schema, key):
        if "$ref" not in schema:
            return schema, key
        name = schema["$ref"].rsplit("/", 1)[1]
        return self.document["components"]["schemas"][name], name

    @staticmethod
    def has_room(schema):
        """Whether a text of that form can have markup in it."""
        kinds = schema.get("type")
        if "string" not in (kinds if isinstance(kinds, list) else [kinds]) or "enum" in schema or "format" in schema:
            return False
        pattern = schema.get("pattern")
        return pattern is None or any(re.search(pattern, text) for text in ["<b>", "room=<b>"])

    def look(self, schema, value, key):
        """All texts of a schema are noted, also where there is no value."""
        schema, key = self.resolve(schema, key)
        for part in schema.get("anyOf", []) + schema.get("oneOf", []):
            self.look(part, value, key)
        if self.has_room(schema):
            self.found[key] = self.found.get(key, False) or isinstance(value, str) and "<" in value
        if "items" in schema:
            for item in value if isinstance(value, list) and value else [None]:
                self.look(schema["items"], item, key)
        members = value if isinstance(value, dict) else {}
        for name, part in schema.get("properties", {}).items():
            self.look(part, members.get(name), f"{key}.{name}")
        if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
            others = [part for name, part in members.items() if name not in schema.get("properties", {})]
            rest = f"{key}.*"
            self.found[rest] = self.found.get(rest, False) or "<" in json.dumps(others)


def answers(gateway, parts):
    """Each list and document of the API, in each form that it comes in; what is wrong with the heads of answers."""
    document = gateway.send("GET", "/openapi.json")
    texts, faults = Texts(document), []
    for path, item in document["paths"].items():
        operation = item.get("get")
        contents = operation["responses"].get("200", {}).get("content", {}) if operation else {}
        needed = [one["name"] for one in operation.get("parameters", []) if one["required"] and one["in"] == "query"] if operation else []
        place = re.sub(r"\{(\w+)\}", lambda found: urllib.parse.quote(str(parts.get(found[1], "1")), safe=""), path)
        if needed:
            place += "?" + urllib.parse.urlencode({name: parts[{"product": "pk"}.get(name, name)] for name in needed})
        for kind, media in contents.items():
            if kind not in ("application/json", "text/csv"):
                continue
            if kind == "application/json":
                texts.look(media["schema"], None, operation["operationId"])
            request = urllib.request.Request(
                gateway.url + place, headers={"Authorization": f"Bearer {gateway.token}", "Accept": kind})
            try:
                with urllib.request.urlopen(request) as answer:
                    headers, body = answer.headers, answer.read().decode()
                    if kind == "application/json":
                        texts.look(media["schema"], json.loads(body), operation["operationId"])
            except urllib.error.HTTPError as error:
                headers, kind = error.headers, "application/problem+json"
                # Nothing of that name is here, or the gateway is in no cluster: their texts would be missed below.
                if error.code not in (404, 409):
                    faults.append(f"{place}: {error.code} {error.read().decode()}")
            if headers["Content-Type"].split(";")[0] != kind or headers["X-Content-Type-Options"] != "nosniff":
                faults.append(f"{place} {kind}: {headers['Content-Type']} {headers['X-Content-Type-Options']}")
    own = {key for key in texts.found if key.split(".")[-1] in OWN or key.split(".")[0] in OWN_DOCUMENTS or key in DIGITS | ELSEWHERE.keys()}
    print("texts without markup", sorted(key for key, had in texts.found.items() if not had and key not in own))
    print("texts", len(texts.found) > 50)
    print("answers", faults)


class Page(html.parser.HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, place, text):
        super().__init__()
        self.place, self.faults, self.links, self.texts = place, [], set(), []
        if TURN in text:
            self.faults.append(f"{place}: turns the direction of writing")
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        is_own_script = tag == "script" and values.get("src", "").startswith("/console/assets/")
        if tag in ("img", "script", "iframe", "object", "embed", "base") and not is_own_script:
            self.faults.append(f"{self.place}: {tag}")
        for name, value in attributes:
            if name.startswith("on") or name == "style":
                self.faults.append(f"{self.place}: {name} of {tag}")
            if name in ("href", "src", "action", "formaction") and not re.match(r"/console(?:[/?]|$)|#", value or ""):
                self.faults.append(f"{self.place}: leads to {value}")
            self.texts.append(value or "")
        if tag == "a":
            self.links.add(values.get("href", ""))

    def handle_data(self, data):
        self.texts.append(data)

    def names(self):
        """Which texts it shows, by what stands behind their markup."""
        return set(re.findall(r"evil\(\)</script>([a-z][a-z-]*)", "\n".join(self.texts)))


def pages(person):
    """All pages that links lead to."""
    waiting, known, faults, shown, count = ["/console/accounts"], set(), [], set(), 0
    while waiting:
        place = waiting.pop(0).split("#")[0]
        # The same list from another line on, and another month, are the same page.
        if place in known or re.search(r"/console/(assets|language|sign-out)|cursor=|month=", place):
            continue
        known.add(place)
        status = person.ask("GET", place)
        kind = person.headers["Content-Type"]
        if status == 303 and place == "/console":
            continue
        if status != 200 or person.headers["X-Content-Type-Options"] != "nosniff":
            faults.append(f"{place}: {status} {person.headers['X-Content-Type-Options']}")
        if "csv" in place:
            if not kind.startswith("text/csv") or not person.headers["Content-Disposition"].startswith("attachment"):
                faults.append(f"{place}: {kind}")
            continue
        page = Page(place, person.text)
        faults += page.faults
        shown |= page.names()
        count += 1
        waiting += sorted(link for link in page.links if link.startswith("/console"))
    print("pages", count > 40, faults)
    return shown


def refused(person, parts):
    """What was sent is shown again, what a receiver has answered, and the lines of a file."""
    shown, faults = set(), []

    def look(what):
        page = Page(what, person.text)
        faults.extend(page.faults)
        shown.update(page.names())

    def send(place, operation, fields):
        person.ask("GET", place)
        token = person.hidden("_token")
        form = ":".join([operation] + [fields[name] for name in sorted(fields) if name.startswith("p.")])
        status = person.ask("POST", place, {"_token": token, "_operation": operation, "_form": form, **fields})
        look(f"{operation} {status}")
        if status == 303:
            person.ask("GET", person.headers["Location"])
            look(f"{operation} done")
        return status

    print("refused", [
        send("/console/products", "createProduct", {"pk": evil("refused-key"), "name": evil("refused-name"), "account": "evil"}),
        send("/console/products/evil/connecting", "setDialect", {"p.pk": "evil", "up": evil("refused-pattern") + "/#/b", "proofs": "tollgate"}),
        send("/console/products/evil/devices/evil-1", "changeState", {
            "p.pk": "evil", "p.dk": "evil-1", "desired": evil("refused-state")}),
    ])
    print("sent", send("/console/webhooks", "testWebhook", {"p.webhook": parts["webhook"]}))
    print("mail", send("/console/accounts/evil/alerts/rules", "testAlertMail", {"email": "eve@example.org"}))
    # A file with a fault in a line, which is named.
    person.ask("GET", "/console/products/evil/import")
    mark = "----------------mark"
    fields = {"_token": person.hidden("_token"), "_operation": "importDevices", "_form": "importDevices:evil", "p.pk": "evil"}
    body = "".join(f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items())
    body += f'--{mark}\r\nContent-Disposition: form-data; name="_file"; filename="{SHORT}.csv"\r\nContent-Type: text/csv\r\n\r\n'
    body += f"dk,secret,name,{SHORT}\n{SHORT},,{SHORT}\n\r\n--{mark}--\r\n"
    status = person.ask("POST", "/console/products/evil/import", headers={
        "Content-Type": f"multipart/form-data; boundary={mark}", "Origin": person.gateway.url}, body=body.encode())
    look("import")
    print("import", status)
    for place in ["/console/" + urllib.parse.quote(SHORT), "/console/products/" + urllib.parse.quote(evil("path"), safe=""),
                  "/console/products?name=" + urllib.parse.quote(evil("search")), "/console/events?change=" + urllib.parse.quote(evil("change"))]:
        person.ask("GET", place)
        look(place)
    print("after forms", faults)
    return shown


def main():
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    # A value of the configuration that has markup in it, which the page of settings shows.
    more = json.dumps(os.path.join(os.getcwd(), "backups", SHORT))
    console_gateway.CONFIGURATION = console_gateway.CONFIGURATION.replace("[%s]", f"[%s, {more}]")
    gateway = Gateway(sys.argv[1])
    clients, parts = furnish(gateway, receiver.server_address[1])
    answers(gateway, parts)
    person = Person(gateway)
    person.sign_in(gateway.token)
    print("shown", *sorted(pages(person)))
    print("shown by forms", *sorted(refused(person, parts)))
    for client in clients:
        client.loop_stop()
    print("exit code", gateway.end())


main()

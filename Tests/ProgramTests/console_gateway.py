"""A gateway for the tests of the console, and what is in its books."""
import json
import os
import socketserver
import subprocess
import threading

import gateway_process

CONFIGURATION = """shards: 1
admin: {port: 0, requestsPerSecond: 100000}
storage: {ledgerMapBytes: 1073741824, usageMapBytes: 268435456}
activation: {secretLengthMinimum: 1, freeCodes: {policy: none}}
webhooks: {allowPrivateAddresses: true, allowPlainHTTP: true}
smtp: {host: 127.0.0.1, port: %d, security: none, from: alerts@gate.example}
backup: {directories: [%s]}
firmware: {url: "https://gate.example", imageBytes: 4000000}
listeners:
  - {name: local, port: 0, tls: false}
"""
# What people may call things: markup, an event handler, an end of an attribute, and marks of the writing's direction.
EVIL = "<img src=x onerror=evil()>\"'&amp;\u202e<script>evil()</script>"


class Mail(socketserver.StreamRequestHandler):
    """A mail server that knows no Bob and no Eve, of whom it says markup, and takes all other mail."""

    def handle(self):
        self.say("220 mail.test")
        for line in self.rfile:
            verb = line.strip().upper()
            if verb.startswith(b"RCPT") and b"BOB@" in verb:
                self.say("550 5.1.1 there is no such mailbox")
            elif verb.startswith(b"RCPT") and b"EVE@" in verb:
                self.say(f"550 5.1.1 {EVIL}")
            elif verb == b"DATA":
                self.say("354 go on")
                for text in self.rfile:
                    if text.strip() == b".":
                        break
                self.say("250 2.0.0 taken")
            elif verb == b"QUIT":
                return self.say("221 until then")
            else:
                self.say("250 OK")

    def say(self, text):
        self.wfile.write(f"{text}\r\n".encode())


class MailServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Mail)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def authority(name, code):
    """An authority's certificate, and what proves it: both in PEM."""
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True)

    def request(file, common):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={common}",
                "-keyout", f"{file}.key", "-out", f"{file}.csr")

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", f"/CN={name}",
            "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", "ca.key", "-out", "ca.pem")
    request("proof", code)
    openssl("x509", "-req", "-in", "proof.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30", "-out", "proof.pem")
    return open("ca.pem").read(), open("proof.pem").read()


class Gateway(gateway_process.Gateway):
    def __init__(self, program, more=()):
        self.mail = MailServer()
        backups = json.dumps(os.path.join(os.getcwd(), "backups"))
        super().__init__(program, CONFIGURATION % (self.mail.server_address[1], backups), more=more)

    def furnish(self, devices=0):
        """Two accounts, one of them with names that are markup; products with devices in every state, one of them with so many more."""
        send = self.send
        send("POST", "/v1/packages", {"id": "basic", "name": "Basic", "validityDays": 20, "messagesPerDay": 1500})
        send("POST", "/v1/packages", {"id": "plus", "name": "Plus", "validityDays": 1825, "messagesPerDay": 3000})
        send("POST", "/v1/accounts", {"id": "acme", "name": "Acme", "kind": "enterprise", "email": "ann@example.org"})
        send("POST", "/v1/accounts", {"id": "acme-sub", "name": "Acme North", "kind": "individual", "parent": "acme"})
        send("POST", "/v1/accounts", {"id": "other", "name": EVIL.replace("\u202e", ""), "kind": "individual"})
        send("POST", "/v1/accounts/acme/purchases", {"package": "basic", "quantity": 50})
        send("POST", "/v1/accounts/acme/purchases", {"package": "plus", "quantity": 70})
        for pk, name, account in [("lamp", "Lamp", "acme"), ("meter", "Meter", "acme"), ("evil", EVIL, "other")]:
            send("POST", "/v1/products", {"pk": pk, "name": name, "account": account})
        send("POST", "/v1/accounts/acme/assignments", {"product": "lamp", "quantity": 20, "package": "basic"})
        send("POST", "/v1/accounts/other/purchases", {"package": "basic", "quantity": 5, "product": "evil"})
        rows = "".join(f"lamp-{n},secret-{n},Lamp {n}\n" for n in range(1, 13))
        send("POST", "/v1/products/lamp/devices", ("dk,secret,name\n" + rows).encode(), kind="text/csv")
        send("POST", "/v1/products/evil/devices", {"devices": [{"dk": "evil-1", "secret": "s", "name": EVIL}]})
        for n in range(1, 8):
            send("POST", f"/v1/products/lamp/devices/lamp-{n}/activate")
        send("POST", "/v1/products/evil/devices/evil-1/activate")
        send("POST", "/v1/products/lamp/devices/lamp-2/disable")
        send("PUT", "/v1/accounts/acme/contacts/bob@example.org", {"name": "Bob"})
        send("PUT", "/v1/accounts/other/contacts/eve@example.org", {"name": EVIL})
        send("POST", "/v1/accounts/acme/topups", {"kind": "messages", "quantity": 100000, "expiresAt": "2040-01-01"})
        send("POST", "/v1/webhooks", {"name": EVIL, "url": "http://127.0.0.1:9/hook", "on": False})
        # Has all products be looked at, of which one has devices near their expiry.
        send("PUT", "/v1/accounts/acme/alert-rules/near-expiry", {"number": 1, "days": 30})
        send("POST", "/v1/products/lamp/firmware?firmware=2.1.0", bytes(300_000), kind="application/octet-stream")
        send("POST", "/v1/products/lamp/campaigns", {"id": "spring", "firmware": "2.1.0", "perMinute": 60, "endsAt": "2099-01-01"})
        certificate, proof = authority("Acme factory", send("GET", "/v1/accounts/acme/authority-code")["code"])
        send("POST", "/v1/accounts/acme/authorities", {"name": "Factory", "certificate": certificate, "proof": proof})
        send("PUT", "/v1/products/evil/dialect", {"up": ["<b>/${dk}"], "down": [], "proofs": ["tollgate", "plain", "jwt"]})
        send("POST", "/v1/products/lamp/token-keys", {
            "id": "2027", "key": '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'})
        send("PUT", "/v1/products/lamp/devices/lamp-1/state", {"desired": {"on": True, "colour": {"hue": 30}}})
        for start in range(0, devices, 50_000):
            rows = "".join(f"m-{n:06},s,\n" for n in range(start, min(start + 50_000, devices)))
            send("POST", "/v1/products/meter/devices", ("dk,secret,name\n" + rows).encode(), kind="text/csv")
        self.keys = {}
        for name, role, account in [
            ("acme", "sub-account", "acme"), ("other", "sub-account", "other"), ("sub", "sub-account", "acme-sub"),
            ("reader", "application", "acme"), ("operator", "operator", None),
        ]:
            body = {"name": name, "role": role}
            if account:
                body["account"] = account
            made = send("POST", "/v1/keys", body)
            self.keys[name] = made["token"]
        send("POST", "/v1/keys", {"name": EVIL, "role": "application", "account": "other"})

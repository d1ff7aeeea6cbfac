"""Mail about alerts of a gateway from outside: what arrives when it is killed, line by line, on standard output.

usage: alert_scenarios.py PROGRAM PYTHON

PYTHON has aiosmtpd.
"""
import email
import email.header
import hmac
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading

import webhook_scenarios
from webhook_scenarios import Gateway, until


SECRET = "s3cret-s3cret-s3cret"


class MailServer:
    def __init__(self, python):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "smtp_server.py")
        self.process = subprocess.Popen(
            [python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.letters = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            document = json.loads(line)
            self.letters.append((document["to"][0], email.message_from_string(document["text"])))

    def answer(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()


def rule(gateway, is_on):
    path = "accounts/acme/alert-rules/codes-low"
    if is_on:
        gateway.ask("PUT", path, {"number": 10, "percent": 100})
    else:
        gateway.ask("DELETE", path)


def last(gateway):
    return (gateway.ask("GET", "notifications")["items"] or [{"delivery": None}])[-1]


def repeats(server):
    return [letter["Tollgate-Repeat"] is not None for _, letter in server.letters]


def killed(gateway, server):
    for path, body in [
        ("accounts", {"id": "acme", "name": "A", "kind": "enterprise", "email": "ann@example.org"}),
        ("packages", {"id": "basic", "name": "B", "validityDays": 300}),
        ("products", {"pk": "lamp", "name": "Lamp", "account": "acme"}),
        ("accounts/acme/purchases", {"package": "basic", "quantity": 10, "product": "lamp"}),
        ("products/lamp/devices", {"devices": [{"dk": "lamp-1"}]}),
        ("products/lamp/devices/lamp-1/activate", {}),
    ]:
        gateway.ask("POST", path, body)
    rule(gateway, True)
    until(lambda: last(gateway)["delivery"] == "sent", "the first mail")
    print("sent:", len(server.letters), repeats(server))
    # Begun in the books, and not sent: the courier stands still.
    os.kill(gateway.couriers()[0], signal.SIGSTOP)
    rule(gateway, False)
    until(lambda: last(gateway)["delivery"] == "under-way", "the second mail")
    print("couriers:", len(gateway.kill()))
    gateway.start()
    until(lambda: last(gateway)["delivery"] == "sent", "the second mail, after all")
    print("sent:", len(server.letters), repeats(server))
    # Sent, and not written down: the server does not answer yet.
    gateway.ask("PATCH", "accounts/acme", {"email": "slow@example.org"})
    rule(gateway, True)
    until(lambda: len(server.letters) == 3, "the third mail")
    gateway.kill()
    server.answer()
    gateway.start()
    until(lambda: len(server.letters) == 4, "the third mail once more")
    server.answer()
    until(lambda: last(gateway)["delivery"] == "sent", "the third mail is written down")
    print("sent:", len(server.letters), repeats(server))
    ids = [letter["Message-ID"] for _, letter in server.letters]
    print("the double has the same id:", ids[2] == ids[3], len(set(ids)))
    letter = last(gateway)
    print("attempts:", letter["attempts"], "unknown:", letter["unknownOutcomes"])
    fired = [one["open"] for one in gateway.ask("GET", "alerts")["items"]]
    print("alerts:", fired)
    refused(gateway, server)
    certificate(gateway, server)
    print("problems of the books:", gateway.ask("GET", "check")["problems"])
    print("exit code", gateway.end())


def certificate(gateway, server):
    """A certificate that ends soon: the operator is told once, over a crash, and when it is over."""
    with open("tollgate.yaml") as file:
        text = file.read()

    def serve(days):
        with open("tollgate.yaml", "w") as file:
            file.write(text.replace("listeners:\n", "listeners:\n  - {name: tls, port: 0, tls: true}\n") +
                       f"tls: {{certificate: localhost.pem, key: localhost.key, expiryWarningDays: {days}}}\n"
                       "alerts: {operatorAddress: ops@example.org, operatorLanguage: zh}\n")
        gateway.start()

    def told():
        return [(to, subject(letter)) for to, letter in server.letters if to.startswith("ops@")]

    gateway.end()
    serve(3650)
    until(lambda: len(told()) == 1, "the operator's mail")
    until(lambda: last(gateway)["delivery"] == "sent", "it is written down")
    gateway.kill()
    serve(3650)
    gateway.ask("GET", "check")
    gateway.end()
    serve(0)
    until(lambda: len(told()) == 2, "the operator's mail that it is over")
    until(lambda: last(gateway)["delivery"] == "sent", "it is written down")
    alerts = gateway.ask("GET", "alerts?rule=certificate-ending")["items"]
    print("certificate:", [(one["node"], one["account"], one["open"]) for one in alerts])
    print("mail:", told())


def connect(product, name, secret):
    """The code of CONNACK (MQTT 3.1.1) that a device gets which signs."""
    port = int(re.search(r"listener 'local' on \S+:(\d+)", open("serve.err").read()).group(1))
    client = f"{product}.{name}"
    text = f"clientId{client}deviceName{name}productKey{product}"
    sign = hmac.new(secret.encode(), text.encode(), "sha256").hexdigest()
    body = b"\0\4MQTT\4\xc2\0\x3c"
    for part in [f"{client}|securemode=3,signmethod=hmacsha256|", f"{name}&{product}", sign]:
        body += len(part).to_bytes(2, "big") + part.encode()
    length = bytes([len(body) % 128 | 128, len(body) // 128]) if len(body) > 127 else bytes([len(body)])
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(b"\x10" + length + body)
        return connection.recv(4)[3]


def subject(letter):
    return str(email.header.make_header(email.header.decode_header(letter["Subject"])))


def refused(gateway, server):
    """Devices that no code is left for: killed between the commit of the digest and its mail."""
    gateway.ask("PATCH", "accounts/acme", {"email": "ann@example.org"})
    gateway.ask("POST", "products", {"pk": "meter", "name": "Meter", "account": "acme"})
    devices = [{"dk": f"meter-{number}", "secret": SECRET} for number in (1, 2)]
    gateway.ask("POST", "products/meter/devices", {"devices": devices})
    before = len(server.letters)
    os.kill(gateway.couriers()[0], signal.SIGSTOP)
    codes = [connect("meter", f"meter-{number}", SECRET) for number in (1, 2, 1)]
    print("CONNACK:", codes)
    until(lambda: last(gateway)["delivery"] == "under-way", "the digest")
    alert = gateway.ask("GET", "alerts?rule=refused-for-code")["items"][-1]
    print("digest:", alert["value"], alert["open"], alert["devices"])
    gateway.kill()
    gateway.start()
    until(lambda: last(gateway)["delivery"] == "sent", "the digest, after all")
    new = [letter for _, letter in server.letters[before:]]
    print("mail:", [(subject(letter), letter["Tollgate-Repeat"] is not None) for letter in new])
    connect("meter", "meter-2", SECRET)
    gateway.ask("POST", "accounts/acme/purchases", {"package": "basic", "quantity": 10, "product": "meter"})
    until(lambda: len(server.letters) == before + 2, "the resolution")
    until(lambda: last(gateway)["delivery"] == "sent", "the resolution is written down")
    print("mail:", subject(server.letters[-1][1]), [one["open"] for one in gateway.ask("GET", "alerts?rule=refused-for-code")["items"]])
    print("CONNACK:", connect("meter", "meter-1", SECRET))


if __name__ == "__main__":
    server = MailServer(sys.argv[2])
    webhook_scenarios.CONFIGURATION += (
        f"smtp: {{host: 127.0.0.1, port: {server.port}, security: none, from: a@gate.example}}\n")
    webhook_scenarios.certificates()
    gateway = Gateway(sys.argv[1])
    try:
        killed(gateway, server)
    finally:
        server.process.kill()
        if gateway.process.poll() is None:
            gateway.process.kill()

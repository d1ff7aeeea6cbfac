"""Mail about alerts of a gateway from outside: what arrives when it is killed, line by line, on standard output.

usage: alert_scenarios.py PROGRAM PYTHON

PYTHON has aiosmtpd.
"""
import email
import json
import os
import signal
import subprocess
import sys
import threading

import webhook_scenarios
from webhook_scenarios import Gateway, until


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
    print("problems of the books:", gateway.ask("GET", "check")["problems"])
    print("exit code", gateway.end())


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

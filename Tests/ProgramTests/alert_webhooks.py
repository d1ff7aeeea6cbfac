"""Alerts of a gateway by webhook while its mail server is down: what a receiver gets, line by line, on standard output.

usage: alert_webhooks.py PROGRAM CLIENT

CLIENT is config/clients/webhook.py, which checks the signatures.
"""
import json
import os
import signal
import socket
import sys

import webhook_scenarios
from webhook_scenarios import Gateway, Receiver, client, until


class Hook:
    """A receiver, with the webhook of an account that gets alerts."""

    def __init__(self, gateway, receiver, path):
        self.gateway, self.receiver = gateway, receiver
        made = self.make("acme")
        self.id, self.module = made["id"], client(path, made["secret"])
        self.make("other")
        self.count = 0

    def make(self, account):
        return self.gateway.ask("POST", "webhooks", {
            "name": account, "account": account, "url": f"http://127.0.0.1:{self.receiver.port}/",
            "kinds": ["alert-fired", "alert-resolved"]})

    def next(self, what):
        """Waits for one more message; what it says, and whether it is signed."""
        self.count += 1
        until(lambda: len(self.receiver.messages) >= self.count, what)
        headers, body = self.receiver.messages[self.count - 1]
        headers = {name.lower(): value for name, value in headers.items()}
        event = json.loads(body)
        signed = "signed" if self.module.is_genuine(headers, body) else "not signed"
        print(f"{what}:", event["change"], event["account"], event["rule"], event["product"], event["alert"],
              event["value"], event.get("threshold"), signed)
        return headers["webhook-id"], event

    def until_written_down(self, event):
        until(lambda: self.gateway.ask("GET", f"webhooks/{self.id}")["sequence"] >= event["sequence"],
              "what was sent is written down")


def buy(gateway, quantity=1):
    gateway.ask("POST", "accounts/acme/purchases", {"package": "basic", "quantity": quantity, "product": "lamp"})


def activate(gateway, number):
    gateway.ask("POST", f"products/lamp/devices/lamp-{number}/activate", {})


def furnish(gateway):
    """Ten codes, which are just enough."""
    for path, body in [
        ("accounts", {"id": "acme", "name": "A", "kind": "enterprise", "email": "ann@example.org"}),
        ("accounts", {"id": "other", "name": "O", "kind": "enterprise"}),
        ("packages", {"id": "basic", "name": "B", "validityDays": 300}),
        ("products", {"pk": "lamp", "name": "Lamp", "account": "acme"}),
        ("products/lamp/devices", {"devices": [{"dk": f"lamp-{number}"} for number in range(1, 4)]}),
    ]:
        gateway.ask("POST", path, body)
    buy(gateway, 10)
    gateway.ask("PUT", "accounts/acme/alert-rules/codes-low", {"number": 10, "percent": 1})


def crossed(gateway, path):
    receiver = Receiver()
    furnish(gateway)
    hook = Hook(gateway, receiver, path)
    activate(gateway, 1)
    seen = [hook.next("crossed")]
    buy(gateway)
    seen.append(hook.next("crossed back"))
    activate(gateway, 2)
    seen.append(hook.next("crossed again"))
    hook.until_written_down(seen[-1][1])

    # In the books, and not sent: the courier stands still.
    os.kill(gateway.couriers()[0], signal.SIGSTOP)
    buy(gateway)
    until(lambda: not any(one["open"] for one in gateway.ask("GET", "alerts")["items"]), "it is resolved")
    print("couriers:", len(gateway.kill()))
    gateway.start()
    seen.append(hook.next("resolved before the crash"))
    hook.until_written_down(seen[-1][1])

    # Killed right behind the commit that crosses, whether the books have looked at it or not.
    os.kill(gateway.couriers()[0], signal.SIGSTOP)
    activate(gateway, 3)
    print("couriers:", len(gateway.kill()))
    gateway.start()
    seen.append(hook.next("crossed before the crash"))
    hook.until_written_down(seen[-1][1])

    # Sent, and not written down: the receiver does not answer.
    receiver.gate.clear()
    buy(gateway)
    seen.append(hook.next("not answered"))
    gateway.kill()
    receiver.gate.set()
    gateway.start()
    seen.append(hook.next("once more"))
    hook.until_written_down(seen[-1][1])

    ids = [name for name, _ in seen]
    print("ids:", len(ids), len(set(ids)), ids[-1] == ids[-2])
    told = [event["sequence"] for _, event in seen[:-1]]
    booked = [event["sequence"] for event in gateway.ask("GET", "events?limit=1000")["items"]
              if event["change"] in ("alert-fired", "alert-resolved")]
    print("as in the log, in order:", told == booked)
    print("to others:", sum(json.loads(body)["to"] != hook.id for _, body in receiver.messages))

    def mails():
        found = gateway.ask("GET", "notifications")["items"]
        return [one["delivery"] for one in found] if all(one["attempts"] for one in found) else None
    until(lambda: set(mails() or []) == {"waiting"}, "mail that was tried, and waits")
    print("mail:", mails())
    print("messages at the end:", len(receiver.messages))
    print("problems of the books:", gateway.ask("GET", "check")["problems"])
    print("exit code", gateway.end())


if __name__ == "__main__":
    # Taken, so that no other process listens there, and not listened at: the mail server is down.
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    webhook_scenarios.CONFIGURATION += (
        f"smtp: {{host: 127.0.0.1, port: {taken.getsockname()[1]}, security: none, from: a@gate.example}}\n")
    webhook_scenarios.certificates()
    gateway = Gateway(sys.argv[1])
    try:
        crossed(gateway, sys.argv[2])
    finally:
        if gateway.process.poll() is None:
            gateway.process.kill()

"""Webhooks of a gateway from outside: what a receiver gets, line by line, on standard output.

usage: webhook_scenarios.py PROGRAM SCENARIO CLIENT

CLIENT is config/clients/webhook.py, whose check of signatures is the one that is used here.
"""
import http.server
import importlib.util
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

PATIENCE = 120
CONFIGURATION = """shards: 1
admin: {port: 0, requestsPerSecond: 100000}
storage: {ledgerMapBytes: 67108864, usageMapBytes: 67108864}
webhooks: {allowPrivateAddresses: true, allowPlainHTTP: true, trustedCertificates: ca.pem}
listeners:
  - {name: local, port: 0, tls: false}
"""


def until(condition, what):
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        if time.monotonic() > end:
            sys.exit(f"waited in vain: {what}")
        time.sleep(0.01)
    return found


class Gateway:
    def __init__(self, program):
        self.program = program
        with open("tollgate.yaml", "w") as file:
            file.write(CONFIGURATION)
        self.start()

    def start(self):
        self.log = open("serve.err", "w+")
        self.process = subprocess.Popen(
            [self.program, "serve", "--config", "tollgate.yaml"], stderr=self.log, env={})
        self.url = until(self.address, "the API").group(1)
        with open("data/admin.token") as file:
            self.token = file.read().strip()

    def address(self):
        if self.process.poll() is not None:
            sys.exit("the gateway has ended: " + open("serve.err").read())
        return re.search(r"API on (\S+)", open("serve.err").read())

    def ask(self, method, path, body=None):
        request = urllib.request.Request(
            self.url + "/v1/" + path, method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"authorization": "Bearer " + self.token, "content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                text = answer.read()
                return json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            sys.exit(f"{method} {path}: {error.read().decode()}")

    def kill(self):
        couriers = self.couriers()
        self.process.kill()
        self.process.wait()
        until(lambda: not any(os.path.exists(f"/proc/{one}") for one in couriers),
              "the courier ends with its gateway")
        return couriers

    def couriers(self):
        found = []
        for name in os.listdir("/proc"):
            try:
                with open(f"/proc/{name}/stat") as file:
                    text = file.read()
                parent = text.rsplit(")", 1)[1].split()[1]
                if name.isdigit() and int(parent) == self.process.pid:
                    found.append(int(name))
            except (OSError, IndexError):
                pass
        return found

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait()


class Receiver:
    """Keeps what comes. `gate`, when it is closed, holds answers back."""

    def __init__(self, context=None, port=0):
        self.messages, self.gate = [], threading.Event()
        self.gate.set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            # A connection that stays open would outlive `stop`.
            protocol_version = "HTTP/1.0"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.messages.append((dict(self.headers.items()), body))
                outer.gate.wait()
                try:
                    self.send_response(204)
                    self.end_headers()
                except OSError:
                    pass

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def accounts(self):
        return [json.loads(body)["account"] for _, body in list(self.messages)]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def certificates():
    """An authority, a certificate of its for localhost, and one that nobody has signed."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Authority")
    openssl("req", "-x509", *key, "-keyout", "other.key", "-out", "other.pem",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    for name in ["localhost", "example.org"]:
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        with open("extensions", "w") as file:
            file.write(f"subjectAltName=DNS:{name}\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-extfile", "extensions", "-out", f"{name}.pem")


def context(name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{name}.pem", f"{name}.key")
    return context


def client(path, secret):
    os.environ["WEBHOOK_SECRET"] = secret
    spec = importlib.util.spec_from_file_location("webhook", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def webhook(gateway, url):
    # A new account may be given codes, which is an event of its own.
    return gateway.ask(
        "POST", "webhooks", {"name": "Hook", "url": url, "kinds": ["account-created"]})


def account(gateway, name):
    gateway.ask("POST", "accounts", {"id": name, "name": name, "kind": "individual"})


def https(gateway, path):
    """Over TLS with an authority of one's own; the signature is checked by the documents' client."""
    right, wrong = Receiver(context("localhost")), Receiver(context("other"))
    named = Receiver(context("example.org"))
    made = webhook(gateway, f"https://localhost:{right.port}/")
    module = client(path, made["secret"])
    account(gateway, "acme")
    until(lambda: right.messages, "an event")
    headers, body = right.messages[0]
    headers = {name.lower(): value for name, value in headers.items()}
    print("genuine:", module.is_genuine(headers, body))
    print("changed:", module.is_genuine(headers, body + b" "))
    old = headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 301)}
    print("old:", module.is_genuine(old, body))
    print("of another secret:",
          client(path, "whsec_" + "A" * 43 + "=").is_genuine(headers, body))
    print("change:", json.loads(body)["change"])
    for receiver, what in [(wrong, "of nobody"), (named, "of another name")]:
        other = webhook(gateway, f"https://localhost:{receiver.port}/")
        answer = gateway.ask("POST", f"webhooks/{other['id']}/test")
        is_told = "certificate" in answer["error"] or "subject name" in answer["error"]
        print(f"a certificate {what}:", answer["status"], is_told, len(receiver.messages))
    print("exit code", gateway.end())


def killed(gateway, path):
    """kill -9 between commit and sending, and between sending and writing down."""
    receiver = Receiver()
    port = receiver.port
    webhook(gateway, f"http://127.0.0.1:{port}/")
    # Sent, and not answered: it is not written down.
    receiver.gate.clear()
    account(gateway, "a0")
    until(lambda: len(receiver.messages) == 1, "the first event")
    print("couriers:", len(gateway.kill()))
    receiver.gate.set()
    gateway.start()
    until(lambda: len(receiver.messages) >= 2, "the first event once more")
    ids = {headers["webhook-id"] for headers, _ in receiver.messages[:2]}
    print("once more, with ids:", len(ids), receiver.accounts()[:2])
    # Nothing listens: what is committed is not sent.
    receiver.stop()
    for number in range(1, 4):
        account(gateway, f"a{number}")
    gateway.kill()
    late = Receiver(port=port)
    gateway.start()
    # The first one may come once more.
    def others():
        return [one for one in late.accounts() if one != "a0"]

    until(lambda: len(set(others())) == 3, "what was committed before")
    # At any moment.
    for round in range(5):
        for number in range(12):
            account(gateway, f"b{round}-{number}")
        time.sleep(0.02 * round)
        gateway.kill()
        gateway.start()
    until(lambda: len(set(others())) == 63, "all of them")
    made = ["a1", "a2", "a3"] + [f"b{round}-{number}" for round in range(5) for number in range(12)]
    print("all came:", list(dict.fromkeys(others())) == made)
    by_id = {}
    for headers, body in late.messages:
        if json.loads(body)["account"] != "a0":
            by_id.setdefault(headers["webhook-id"], set()).add(body)
    print("doubles are the same:", all(len(bodies) == 1 for bodies in by_id.values()), len(by_id))
    print("problems of the books:", gateway.ask("GET", "check")["problems"])
    print("exit code", gateway.end())


def links(process):
    """What a process has open, by the kernel's names, but for its standard input, output and error."""
    directory = f"/proc/{process}/fd"
    found = []
    for number in sorted(os.listdir(directory), key=int)[3:]:
        try:
            found.append(os.readlink(f"{directory}/{number}"))
        except FileNotFoundError:
            pass  # Closed meanwhile.
    return found


def unloaded(gateway, path):
    """libcurl is in the courier alone, which is started when there is something to send."""
    print("couriers at first:", len(gateway.couriers()))
    receiver = Receiver()
    webhook(gateway, f"http://127.0.0.1:{receiver.port}/")
    account(gateway, "acme")
    until(lambda: receiver.messages, "an event")
    [courier] = gateway.couriers()
    for name, process in [("gateway", gateway.process.pid), ("courier", courier)]:
        with open(f"/proc/{process}/maps") as file:
            print(f"libcurl in the {name}:", "libcurl" in file.read())
    sockets = {one for one in links(courier) if one.startswith("socket:")}
    print("the courier has the gateway's sockets:", bool(sockets & set(links(gateway.process.pid))))
    os.kill(courier, signal.SIGKILL)
    account(gateway, "other")
    until(lambda: len(receiver.messages) >= 2, "an event by another courier")
    until(lambda: gateway.couriers() not in ([], [courier]), "another courier")
    print("started again: True")
    # A terminal's and a service manager's signals go to all.
    os.kill(gateway.couriers()[0], signal.SIGTERM)
    account(gateway, "third")
    until(lambda: len(receiver.messages) >= 3, "an event in spite of SIGTERM")
    couriers = gateway.couriers()
    print("exit code", gateway.end())
    print("courier is gone:", not any(os.path.exists(f"/proc/{one}") for one in couriers))


if __name__ == "__main__":
    certificates()
    gateway = Gateway(sys.argv[1])
    try:
        {"https": https, "killed": killed, "unloaded": unloaded}[sys.argv[2]](gateway, sys.argv[3])
    finally:
        if gateway.process.poll() is None:
            gateway.process.kill()

#!/usr/bin/env python3
"""Measures a gateway whose accounts have CAs of their own: 1,000 accounts with one each, 10,000 products, a million
devices. How long it starts, what memory that takes, and what a connect costs: with a certificate by one of those, and
signed, each in a full TLS 1.3 handshake and resumed. Prints a table in Markdown.

    Benchmarks/authorities.py [--accounts 1000] [--products 10] [--devices 100] [--connects 2000] [--gateway PATH]

--products are those of an account, --devices those of a product. Exit code: 0; 2 when something could not be measured.

Needs a release build (`make build`), openssl, and about 2 GB of disk in .build-bench. The server has one core, and this
script the other one. Loopback only; ends what it started.
"""

import argparse
import concurrent.futures
import hashlib
import hmac
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SIGNERS = 50  # accounts whose devices connect, each with one device of one product


class Failure(Exception):
    pass


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Gateway:
    def __init__(self, program, scratch):
        self.program, self.scratch = program, scratch
        self.port, self.admin = free_port(), free_port()
        self.process = None
        subprocess.run([f"{ROOT}/config/development-certificates.sh", f"{scratch}/tls"], check=True, capture_output=True)

    def start(self):
        """Answers after how many seconds it was ready."""
        settings = {
            "shards": 1, "log.level": "error", "tls.certificate": f"{self.scratch}/tls/cert.pem",
            "tls.key": f"{self.scratch}/tls/key.pem", "listeners.devices.address": "127.0.0.1",
            "listeners.devices.port": self.port, "listeners.local.port": free_port(), "admin.port": self.admin,
            "admin.requestsPerSecond": 100000,
        }
        words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        begun = time.monotonic()
        core = str(min(os.sched_getaffinity(0)))
        with open(f"{self.scratch}/gateway.log", "w") as log:
            self.process = subprocess.Popen(
                ["taskset", "-c", core, self.program, "serve", "--data", f"{self.scratch}/data", *words],
                stdout=log, stderr=log, cwd=self.scratch)
        while time.monotonic() - begun < 120:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=5)
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    break
            except OSError:
                if self.process.poll() is not None:
                    break
            time.sleep(0.005)
        else:
            raise Failure("the gateway does not become ready")
        if self.process.poll() is not None:
            raise Failure(open(f"{self.scratch}/gateway.log").read())
        taken = time.monotonic() - begun
        with open(f"{self.scratch}/data/admin.token") as file:
            self.token = file.read().strip()
        self.api = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=60)
        return taken

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)

    def ask(self, method, path, body=None, kind="application/json"):
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        self.api.request(method, f"/v1/{path}", data,
                         {"Authorization": f"Bearer {self.token}", "Content-Type": kind})
        answer = self.api.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise Failure(f"{method} {path}: {answer.status} {text[:300]}")
        return text

    def memory(self, field):
        """In MiB."""
        with open(f"/proc/{self.process.pid}/status") as file:
            return next(int(line.split()[1]) / 1024 for line in file if line.startswith(f"{field}:"))

    def seconds(self):
        """Of the processor, all threads."""
        total = 0
        directory = f"/proc/{self.process.pid}/task"
        for thread in os.listdir(directory):
            with open(f"{directory}/{thread}/schedstat") as file:
                total += int(file.read().split()[0])
        return total / 1e9


def openssl(*words):
    done = subprocess.run(["openssl", *words], capture_output=True, text=True)
    if done.returncode:
        raise Failure(f"openssl {' '.join(words)}: {done.stderr}")


def authority(scratch, number, code):
    """A CA, and the proof of its key: their files' texts."""
    name = f"{scratch}/ca{number}"
    new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(*new, "-x509", "-days", "30", "-subj", f"/CN=CA {number}", "-addext", "keyUsage=critical,keyCertSign",
            "-keyout", f"{name}.key", "-out", f"{name}.pem")
    openssl(*new, "-subj", f"/CN={code}", "-keyout", f"{name}.proof.key", "-out", f"{name}.csr")
    openssl("x509", "-req", "-days", "9", "-in", f"{name}.csr", "-CA", f"{name}.pem", "-CAkey", f"{name}.key",
            "-set_serial", "1", "-out", f"{name}.proof")
    with open(f"{name}.pem") as certificate, open(f"{name}.proof") as proof:
        return certificate.read(), proof.read()


def furnish(gateway, scratch, options):
    rows = "".join(f"dev-{number:06d},the-secret-of-all\n" for number in range(options.devices))
    csv = ("dk,secret\n" + rows).encode()
    gateway.ask("POST", "packages", {"id": "basic", "name": "Basic", "validityDays": 365})
    codes = []
    for number in range(options.accounts):
        gateway.ask("POST", "accounts", {"id": f"a{number}", "name": f"Account {number}", "kind": "enterprise"})
        codes.append(json.loads(gateway.ask("GET", f"accounts/a{number}/authority-code"))["code"])
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        made = pool.map(lambda number: authority(scratch, number, codes[number]), range(options.accounts))
        begun, spent = time.monotonic(), 0.0
        for number, (certificate, proof) in enumerate(made):
            body = {"name": "CA", "certificate": certificate, "proof": proof}
            before = time.monotonic()
            gateway.ask("POST", f"accounts/a{number}/authorities", body)
            spent += time.monotonic() - before
            last = time.monotonic() - before
    print(f"authorities: {options.accounts} CAs registered, {1e3 * spent / options.accounts:.1f} ms each, the last one "
          f"{1e3 * last:.1f}", file=sys.stderr)
    for number in range(options.accounts):
        for product in range(options.products):
            pk = f"p{number}x{product}"
            gateway.ask("POST", "products", {"pk": pk, "name": pk, "account": f"a{number}"})
            gateway.ask("POST", f"products/{pk}/devices", csv, "text/csv")
        if number < SIGNERS:
            gateway.ask("POST", f"accounts/a{number}/purchases",
                        {"package": "basic", "quantity": 10, "product": f"p{number}x0"})
    print(f"authorities: furnished in {time.monotonic() - begun:.0f} s", file=sys.stderr)


def certificates(scratch, accounts):
    """Of a device of each account's."""
    for number in range(min(accounts, SIGNERS)):
        name = f"{scratch}/device{number}"
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                f"/CN=p{number}x0.dev-000000", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl("x509", "-req", "-days", "9", "-in", f"{name}.csr", "-CA", f"{scratch}/ca{number}.pem", "-CAkey",
                f"{scratch}/ca{number}.key", "-set_serial", "2", "-out", f"{name}.pem")


def connect_packet(pk, dk, is_signed):
    device = f"{pk}.{dk}"
    words = [device]
    if is_signed:
        text = f"clientId{device}deviceName{dk}productKey{pk}"
        code = hmac.new(b"the-secret-of-all", text.encode(), hashlib.sha256).hexdigest()
        words = [f"{device}|securemode=2,signmethod=hmacsha256|", f"{dk}&{pk}", code]
    fields = b"".join(len(word).to_bytes(2, "big") + word.encode() for word in words)
    body = b"\x00\x04MQTT\x04" + (b"\xc2" if is_signed else b"\x02") + b"\x00\x3c" + fields
    length = bytes([len(body)]) if len(body) < 128 else bytes([len(body) % 128 | 128, len(body) // 128])
    return b"\x10" + length + body


class Device:
    def __init__(self, gateway, scratch, number, is_signed):
        self.gateway = gateway
        self.packet = connect_packet(f"p{number}x0", "dev-000000", is_signed)
        self.context = ssl.create_default_context(cafile=f"{scratch}/tls/ca.pem")
        self.context.check_hostname = False
        if not is_signed:
            self.context.load_cert_chain(f"{scratch}/device{number}.pem", f"{scratch}/device{number}.key")
        self.session = None

    def connect(self, is_resumed):
        with socket.create_connection(("127.0.0.1", self.gateway.port)) as plain:
            with self.context.wrap_socket(plain, session=self.session if is_resumed else None) as client:
                client.sendall(self.packet)
                answer = client.recv(4)
                if answer != b"\x20\x02\x00\x00":
                    raise Failure(f"refused: {answer.hex()}")
                if is_resumed and self.session and not client.session_reused:
                    raise Failure("not resumed")
                self.session = client.session
                client.sendall(b"\xe0\x00")


def connects(gateway, scratch, options, is_signed, is_resumed):
    """Microseconds of the server's processor for one."""
    devices = [Device(gateway, scratch, number, is_signed) for number in range(min(options.accounts, SIGNERS))]
    for device in devices:
        device.connect(False)
    before = gateway.seconds()
    for number in range(options.connects):
        devices[number % len(devices)].connect(is_resumed)
    return 1e6 * (gateway.seconds() - before) / options.connects


def measure(options, scratch):
    gateway = Gateway(os.path.abspath(options.gateway), scratch)
    try:
        empty = gateway.start()
        rows = [("empty books", empty, gateway.memory("RssAnon"), gateway.memory("VmRSS"))]
        furnish(gateway, scratch, options)
        certificates(scratch, options.accounts)
        gateway.stop()
        full = gateway.start()
        total = options.accounts * options.products * options.devices
        title = f"{options.accounts} CAs, {options.accounts * options.products} products, {total} devices"
        rows.append((title, full, gateway.memory("RssAnon"), gateway.memory("VmRSS")))
        print("| | ready after | private memory | resident with the stores' pages |")
        print("|---|---|---|---|")
        for name, seconds, private, resident in rows:
            print(f"| {name} | {seconds:.2f} s | {private:.1f} MiB | {resident:.1f} MiB |")
        print()
        print("| a connect, TLS 1.3, of the server's processor | full | resumed |")
        print("|---|---|---|")
        for name, is_signed in (("signed, no certificate", True), ("certificate by an account's CA", False)):
            full, resumed = (connects(gateway, scratch, options, is_signed, is_resumed) for is_resumed in (False, True))
            print(f"| {name} | {full:.0f} us | {resumed:.0f} us |")
        print()
        print(f"After it: {gateway.memory('RssAnon'):.1f} MiB private, {gateway.memory('VmRSS'):.1f} MiB resident.")
    finally:
        gateway.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--products", type=int, default=10)
    parser.add_argument("--devices", type=int, default=100)
    parser.add_argument("--connects", type=int, default=2000)
    parser.add_argument("--gateway", default=f"{ROOT}/.build/release/tollgate")
    options = parser.parse_args()
    os.makedirs(f"{ROOT}/.build-bench", exist_ok=True)
    scratch = tempfile.mkdtemp(prefix="authorities-", dir=f"{ROOT}/.build-bench")
    try:
        measure(options, scratch)
    except (Failure, OSError, subprocess.CalledProcessError) as failure:
        print(f"authorities: {failure}", file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

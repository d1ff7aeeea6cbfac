"""A gateway of a script's own: its process, its API, and clients that sign as devices do (Wire.md)."""
import fcntl
import hashlib
import hmac
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

PATIENCE = 120

# paho and others wait by select(), which takes no descriptor from 1,024 on.
DESCRIPTORS_OF_SELECT = 1_024


def until(condition, what):
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        if time.monotonic() > end:
            sys.exit(f"waited in vain: {what}")
        time.sleep(0.02)
    return found


def credentials(pk, dk, secret, mode=3):
    """Client identifier, user name and password of a device of dialect `own`; mode 2 is for TLS."""
    text = f"clientId{pk}.{dk}deviceName{dk}productKey{pk}"
    code = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return f"{pk}.{dk}|securemode={mode},signmethod=hmacsha256|", f"{dk}&{pk}", code


def connect_packet(pk, dk, secret):
    """The bytes of a CONNECT of MQTT 3.1.1 with a clean session."""
    fields = b"".join(len(word).to_bytes(2, "big") + word.encode() for word in credentials(pk, dk, secret))
    body = b"\x00\x04MQTT\x04\xc2\x00\x3c" + fields
    length = bytes([len(body)]) if len(body) < 128 else bytes([len(body) % 128 | 128, len(body) // 128])
    return b"\x10" + length + body


def connection(port):
    """One of many. Its descriptor is a high one: those that select() can wait for are left to others."""
    link = socket.create_connection(("127.0.0.1", port), 30)
    high = socket.socket(fileno=fcntl.fcntl(link.fileno(), fcntl.F_DUPFD_CLOEXEC, DESCRIPTORS_OF_SELECT))
    link.close()
    return high


class Gateway:
    """`tollgate serve` in a directory of its own; what it says is in `serve.err` there.

    `before` is what stands before the program, and must become it (exec).
    """

    def __init__(self, program, configuration, directory=".", more=(), before=(), environment=None):
        self.directory = os.path.abspath(directory)
        self.program = program
        self.before = list(before)
        self.environment = {**os.environ, **(environment or {})}
        with open(self.path("tollgate.yaml"), "w") as file:
            file.write(configuration)
        self.serve(more)

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def serve(self, more=()):
        """Starts it, and waits for its API; also again, when it has ended."""
        with open(self.path("serve.err"), "wb") as log:
            self.process = subprocess.Popen(
                [*self.before, self.program, "serve", "--config", "tollgate.yaml", *more],
                cwd=self.directory, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)

        def address():
            if self.process.poll() is not None:
                sys.exit(self.said())
            return re.search(r"API on (http[^\s\"]*)", self.said())
        self.url = until(address, "the API").group(1)
        # Also where the gateway has mounts of its own.
        with open(f"/proc/{self.process.pid}/cwd/data/admin.token") as file:
            self.token = file.read().strip()

    def said(self):
        with open(self.path("serve.err")) as file:
            return file.read()

    def port(self):
        return int(re.search(r"listener 'local' on [a-z]*://[^:]*:(\d+)", self.said()).group(1))

    def ask(self, method, path, body=None, token=None, kind="application/json"):
        """The status of an answer, and its document."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data, {"Authorization": f"Bearer {token or self.token}"}, method=method)
        if data is not None:
            request.add_header("Content-Type", kind)
        try:
            with urllib.request.urlopen(request) as answer:
                text = answer.read()
                is_json = "json" in answer.headers.get("Content-Type", "")
                return answer.status, json.loads(text) if is_json else text
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def send(self, method, path, body=None, token=None, kind="application/json"):
        """The document of an answer; any other than 2xx ends the script."""
        status, document = self.ask(method, path, body, token, kind)
        if status >= 300:
            sys.exit(f"{method} {path}: {status} {document}")
        return document

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

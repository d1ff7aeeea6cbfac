"""HTTP as clients of all kinds speak it, badly ones among them: raw sockets, so that nothing helps.

Usage: http_scenarios.py SCENARIO HOST PORT TOKEN. Prints what happened; the test compares.
"""

import json
import socket
import sys
import time
import urllib.request

scenario, host, port, token = sys.argv[1:5]
base = f"http://{host}:{port}"


def call(method, path, body=None, **headers):
    request = urllib.request.Request(base + path, method=method)
    request.add_header("Authorization", f"Bearer {token}")
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    data = None if body is None else json.dumps(body).encode()
    if data is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, data, timeout=20) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def package(name):
    status, _ = call("POST", "/v1/packages", {"id": name, "name": name, "validityDays": 1})
    assert status == 201, status


class Stream:
    """The events of a stream, as (id, name)."""

    def __init__(self, path="/v1/events", key=token, **headers):
        self.socket = socket.create_connection((host, port), timeout=20)
        lines = [f"GET {path} HTTP/1.1", "Host: a", f"Authorization: Bearer {key}"]
        lines += ["Accept: text/event-stream"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        while self.file.readline() not in (b"\r\n", b""):
            pass

    def take(self, count):
        """So many events; fewer when the stream ends before."""
        events, event = [], {}
        while len(events) < count:
            line = self.file.readline()
            if not line:
                break
            text = line.decode().strip()
            if ": " in text:
                name, value = text.split(": ", 1)
                event[name] = value
            elif not text and "data" in event:
                number = json.loads(event["data"])["sequence"]
                assert str(number) == event["id"]
                events.append((number, event["event"]))
            if not text:
                event = {}
        return events

    def close(self):
        self.file.close()
        self.socket.close()


def raw(text, pieces=(), wait=0.0):
    """Sends text, then the pieces with a pause before each; what comes back, and after how long."""
    connection = socket.create_connection((host, port), timeout=20)
    start = time.monotonic()
    answer = b""
    try:
        connection.sendall(text.encode())
        for piece in pieces:
            time.sleep(wait)
            connection.sendall(piece.encode())
        while chunk := connection.recv(65536):
            answer += chunk
    except (ConnectionResetError, BrokenPipeError):
        pass
    return answer.decode(), time.monotonic() - start


if scenario == "streams":
    package("a")
    first = Stream()
    package("b")
    print("new ones", [name for _, name in first.take(1)])
    last = call("GET", "/v1/events?after=0&limit=1000")[1]["items"][-1]["sequence"]
    behind = Stream(f"/v1/events?after={last - 1}")
    print("behind", [number - last for number, _ in behind.take(1)])
    header = Stream("/v1/events?after=0", Last_Event_ID=last)
    package("c")
    print("by header", [number - last for number, _ in header.take(1)])
    print("all", [number for number, _ in Stream("/v1/events?after=0").take(last + 1)] == list(range(1, last + 2)))
    print("wrong", Stream(Last_Event_ID="x").status, Stream("/v1/events?after=-1").status)
elif scenario == "slots":
    streams = [Stream() for _ in range(4)]
    print("open", [stream.status for stream in streams])
    streams[0].close()
    # A client that has gone makes room at once, not at the next beat.
    deadline = time.monotonic() + 5
    while (again := Stream()).status != 200 and time.monotonic() < deadline:
        time.sleep(0.05)
    print("again", again.status)
elif scenario == "revoked":
    _, key = call("POST", "/v1/keys", {"name": "k", "role": "operator"})
    stream = Stream(key=key["token"])
    package("d")
    print("seen", [name for _, name in stream.take(1)])
    call("POST", f"/v1/keys/{key['id']}/revoke")
    print("after", stream.take(1))
elif scenario == "slow":
    # The gateway waits 1 s for a request, or for the rest of one.
    for name, text, pieces in [
        ("nothing", "", ()),
        ("half a head", "GET /healthz HTTP/1.1\r\nHost:", ()),
        ("a head in drops", "GET /healthz HTTP/1.1\r\n", [f"X-{n}: y\r\n" for n in range(20)]),
        (
            "a body in drops",
            "POST /v1/packages HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {token}\r\nContent-Length: 100\r\n\r\n",
            ["{"] + [" "] * 20,
        ),
    ]:
        answer, seconds = raw(text, pieces, 0.2)
        print(name, answer == "" or answer.split()[1], 0.9 < seconds < 8)
    print("alive", call("GET", "/v1/packages")[0])
elif scenario == "sizes":
    head = (
        "POST /v1/packages HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nConnection: close\r\nContent-Length: "
    )
    answer, _ = raw(head + "3000\r\n\r\n" + " " * 3000)
    print("too large", answer.split()[1], '"request-too-large"' in answer)
    # More than twice the limit is not even read.
    connection = socket.create_connection((host, port), timeout=20)
    connection.sendall((head + "1000000000\r\n\r\n").encode())
    try:
        for _ in range(200):
            connection.sendall(b" " * 65536)
        print("endless", "read")
    except (ConnectionResetError, BrokenPipeError):
        print("endless", "ended")
    many = "GET /healthz HTTP/1.1\r\nHost: a\r\n" + "".join(f"X-{n}: {'y' * 1000}\r\n" for n in range(200))
    answer, _ = raw(many + "\r\n")
    print("large head", answer.split()[1] if answer else "ended")
    print("alive", call("GET", "/v1/packages")[0])

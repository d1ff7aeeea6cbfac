"""HTTP as clients of all kinds speak it, badly ones among them: raw sockets, so that nothing helps.

Usage: http_scenarios.py SCENARIO HOST PORT TOKEN. Prints what happened; the test compares.
"""

import json
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request

scenario, host, port, token = sys.argv[1:5]
base = f"http://{host}:{port}"


def authority():
    """Registers a CA of acme's, made here, with the proof that its key is; answers its id."""
    code = call("GET", "/v1/accounts/acme/authority-code")[1]["code"]
    new = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for arguments in [
        [*new, "-x509", "-days", "9", "-subj", "/CN=CA", "-keyout", "ca.key", "-out", "ca.pem",
         "-addext", "keyUsage=critical,keyCertSign,cRLSign"],
        [*new, "-subj", f"/CN={code}", "-keyout", "proof.key", "-out", "proof.csr"],
        ["openssl", "x509", "-req", "-days", "9", "-in", "proof.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
         "-set_serial", "1", "-out", "proof.pem"],
    ]:
        subprocess.run(arguments, check=True, capture_output=True)
    body = {"name": "CA", "certificate": open("ca.pem").read(), "proof": open("proof.pem").read()}
    return call("POST", "/v1/accounts/acme/authorities", body)[1]["id"]


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


def server_sockets():
    """The gateway's ends of connections to the API, by their states in /proc/net/tcp."""
    states = []
    with open("/proc/net/tcp") as table:
        for line in list(table)[1:]:
            fields = line.split()
            # 0A: it listens. 06: TIME-WAIT, which the kernel ends. Without an inode, no process holds it.
            if fields[1].endswith(f":{int(port):04X}") and fields[3] not in ("0A", "06") and fields[9] != "0":
                states.append(fields[3])
    return states


def wait_for(what, seconds):
    """Whether it comes true within so many seconds."""
    deadline = time.monotonic() + seconds
    while not (done := what()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return done


def everybody(count, act):
    """What each of so many threads found, counted."""
    found = []
    threads = [threading.Thread(target=lambda n=n: found.append(act(n))) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {str(what): found.count(what) for what in sorted(set(found), key=str)}


def memory():
    """The most memory that the gateway has had, in MiB."""
    with open(f"/proc/{sys.argv[5]}/status") as status:
        line = next(line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1]) // 1024


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
elif scenario == "tenant":
    # An account's stream has its own events only; that of one of its keys ends with that key.
    for name in "acme", "other":
        call("POST", "/v1/accounts", {"id": name, "name": name, "kind": "enterprise"})
    _, key = call("POST", "/v1/keys", {"name": "k", "role": "sub-account", "account": "acme"})
    start = call("GET", "/v1/events?limit=1000")[1]["items"][-1]["sequence"]
    stream = Stream(f"/v1/events?after={start}", key=key["token"])
    package("a")
    for name, account in [("fan", "other"), ("lamp", "acme"), ("bulb", "other")]:
        call("POST", "/v1/products", {"pk": name, "name": name, "account": account})
    # A sub-account that comes while the stream is open is seen as well.
    call("POST", "/v1/accounts", {"id": "low", "name": "Low", "kind": "enterprise", "parent": "acme"})
    call("POST", "/v1/products", {"pk": "torch", "name": "Torch", "account": "low"})
    print("seen", [(number - start, name) for number, name in stream.take(3)])
    behind = Stream("/v1/events?after=0", key=key["token"])
    print("all", [name for _, name in behind.take(5)])
    print("quarter", [Stream(key=key["token"]).status, Stream().status])
    call("POST", f"/v1/keys/{key['id']}/revoke")
    call("POST", "/v1/products", {"pk": "more", "name": "More", "account": "acme"})
    print("after", stream.take(1))
elif scenario == "bulk":
    # A client that goes away ends what it has asked for; others are served meanwhile.
    call("POST", "/v1/accounts", {"id": "acme", "name": "A", "kind": "enterprise"})
    call("POST", "/v1/products", {"pk": "lamp", "name": "L", "account": "acme"})
    rows = "dk,secret\n" + "".join(f"d{n},\n" for n in range(10_000))
    request = urllib.request.Request(base + "/v1/products/lamp/devices", rows.encode(), method="POST")
    request.add_header("Authorization", f"Bearer {token}")
    request.add_header("Content-Type", "text/csv")
    assert urllib.request.urlopen(request, timeout=60).status == 201
    body = json.dumps({"action": "disable", "filter": {}}).encode()
    head = (f"POST /v1/products/lamp/bulk HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode()

    def events():
        last, found = 0, 0
        while items := call("GET", f"/v1/events?after={last}&limit=1000")[1]["items"]:
            last = items[-1]["sequence"]
            found += sum(item["change"] == "device-disabled" for item in items)
        return found

    connection = socket.create_connection((host, port), timeout=20)
    connection.sendall(head + body)
    answer = b""
    while b'"outcome"' not in answer:
        answer += connection.recv(4096)
    connection.close()
    before, left = -1, events()
    deadline = time.monotonic() + 30
    while before != left and time.monotonic() < deadline:
        time.sleep(0.5)
        before, left = left, events()
    settled = before == left
    print("left", settled, 0 < left < 10_000)
    connection = socket.create_connection((host, port), timeout=60)
    connection.sendall(head + body)
    file = connection.makefile("rb")
    slowest, lines = 0, 0
    for line in file:
        lines += b'"outcome"' in line
        if lines % 2000 == 1999:
            start = time.monotonic()
            assert call("PATCH", "/v1/accounts/acme", {"name": f"A{lines}"})[0] == 200
            slowest = max(slowest, time.monotonic() - start)
        if b'"devices"' in line:
            sums = json.loads(line)
            break
    print("sums", sums["devices"], sums["done"] + sums["unchanged"], sums["unchanged"] == left or (sums, left))
    print("once", events() == 10_000)
    print("others", slowest < 5)
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
    # What can't be a body is not read to its end; what the system holds in between is some megabytes.
    connection = socket.create_connection((host, port), timeout=20)
    connection.sendall((head + "1000000000\r\n\r\n").encode())
    try:
        for _ in range(1_000_000_000 // 65536):
            connection.sendall(b" " * 65536)
        print("endless", "read")
    except (ConnectionResetError, BrokenPipeError):
        print("endless", "ended")
    many = "GET /healthz HTTP/1.1\r\nHost: a\r\n" + "".join(f"X-{n}: {'y' * 1000}\r\n" for n in range(200))
    answer, _ = raw(many + "\r\n")
    print("large head", answer.split()[1] if answer else "ended")
    print("alive", call("GET", "/v1/packages")[0])
elif scenario == "refused":
    # Uploads that are refused before they end: whatever the reason, the answer is heard, and no socket stays.
    body = b"x" * 5_000_000
    json_type = "Content-Type: application/json\r\n"
    good = f"Authorization: Bearer {token}\r\n"
    bad = "Authorization: Bearer wrong\r\n"
    kinds = [
        ("POST /v1/products/lamp/devices", "Content-Type: text/csv\r\n" + bad),
        ("POST /v1/products/lamp/devices", "Content-Type: text/csv\r\n" + good),
        ("POST /v1/packages", json_type + good),
        ("POST /v1/packages", "Content-Type: image/png\r\n" + good),
        ("PUT /nothing", json_type + good),
        ("POST /healthz", json_type),
    ]

    def upload(start, fields, more):
        connection = socket.create_connection((host, port), timeout=20)
        head = f"{start} HTTP/1.1\r\nHost: a\r\n{fields}{more}Content-Length: {len(body)}\r\n\r\n"
        # All of it is sent before anything is read.
        try:
            connection.sendall(head.encode() + body)
            answer = b""
            while b"\r\n\r\n" not in answer and (chunk := connection.recv(65536)):
                answer += chunk
            return int(answer.split()[1]) if answer else "nothing"
        except OSError as error:
            return type(error).__name__
        finally:
            connection.close()

    for start, fields in kinds:
        for more in ("Connection: close\r\n", "Connection: Close\r\n", ""):
            print(start, more.strip() or "-", everybody(40, lambda n: upload(start, fields, more)))
    print("left", wait_for(lambda: server_sockets() == [], 5) or server_sockets())
    # Who neither sends the rest, nor reads, nor closes, is left as well.
    stubborn = []
    for n in range(40):
        connection = socket.create_connection((host, port), timeout=20)
        start, fields = kinds[n % len(kinds)]
        more = "Connection: close\r\n" if n % 2 else ""
        head = f"{start} HTTP/1.1\r\nHost: a\r\n{fields}{more}Content-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body[: 100_000 * (n % 5)])
        stubborn.append(connection)
    print("stubborn", wait_for(lambda: server_sockets() == [], 15) or server_sockets())
    print("alive", call("GET", "/v1/packages")[0])
elif scenario == "crowd":
    # So many as would take all places, twice, say nothing, or half of a head.
    crowd = []
    for n in range(int(sys.argv[6])):
        connection = socket.create_connection((host, port), timeout=20)
        connection.sendall([b"", b"GET /healthz HTTP/1.1\r\nHost:"][n % 2])
        crowd.append(connection)
        if n % 100 == 99:
            start = time.monotonic()
            status = urllib.request.urlopen(base + "/healthz", timeout=5).status
            if status != 200 or time.monotonic() - start > 2:
                print("health", n, status, time.monotonic() - start)
    print("health", urllib.request.urlopen(base + "/healthz", timeout=5).status)
    print("ready", urllib.request.urlopen(base + "/readyz", timeout=5).status)
    print("api", call("GET", "/v1/packages")[0])
    print("bounded", len(server_sockets()) <= int(sys.argv[7]))
    for connection in crowd:
        connection.close()
    print("left", wait_for(lambda: server_sockets() == [], 5) or server_sockets())
elif scenario == "busy":
    # All places are taken by requests under way: what watches the gateway is answered still.
    streams = [Stream() for _ in range(8)]
    print("open", [stream.status for stream in streams])
    print("health", urllib.request.urlopen(base + "/healthz", timeout=5).status)
    status, problem = call("GET", "/v1/packages")
    print("api", status, problem["reason"])
    streams[0].close()
    print("again", wait_for(lambda: call("GET", "/v1/packages")[0] == 200, 5))
elif scenario == "hosts":
    for head in [
        "GET /healthz HTTP/1.1\r\n",
        "GET /v1/packages HTTP/1.1\r\n",
        "GET /nothing HTTP/1.1\r\n",
        "POST /v1/packages HTTP/1.1\r\nContent-Length: 2\r\n",
        "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n",
        "GET /healthz HTTP/1.1\r\nHost: a\r\n",
        "GET /healthz HTTP/1.0\r\n",
        *[f"GET /healthz HTTP/1.1\r\nHost: {name}\r\n" for name in (
            "gate.example:8080", "127.0.0.1:", "[::1]:8080", "a b", "a/b?c@d", "a:b", "[::1", "[]", "[::1]x")],
    ]:
        answer, _ = raw(head + "Connection: close\r\n\r\n" + "{}" * ("POST" in head))
        print(head.split()[1:3], answer.split()[1], '"malformed-request"' in answer)
    # Without `Connection: close`: both end the connection.
    answer, _ = raw("GET /healthz HTTP/1.0\r\n\r\n")
    print("1.0", answer.split()[1])
    answer, _ = raw("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n")
    print("behind another", re.findall(r"HTTP/1.1 (\d+)", answer))
elif scenario == "expect":
    # A client that waits for 100 before it sends its body (RFC 9110, 10.1.1).
    def ask(path, kind, body, bearer=token, expectation="100-continue", version="1.1"):
        connection = socket.create_connection((host, port), timeout=5)
        connection.sendall((
            f"POST {path} HTTP/{version}\r\nHost: a\r\nExpect: {expectation}\r\nContent-Type: {kind}\r\n"
            f"Authorization: Bearer {bearer}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n").encode())
        if version == "1.0":
            connection.sendall(body.encode())
        answer = connection.recv(65536).decode()
        if answer == "HTTP/1.1 100 Continue\r\n\r\n":
            connection.sendall(body.encode())
            answer += connection.recv(65536).decode()
        connection.close()
        return re.findall(r"HTTP/1.1 (\d+)", answer)

    package = lambda name: json.dumps({"id": name, "name": name, "validityDays": 1})
    print("json", ask("/v1/packages", "application/json", package("a")))
    print("capitals", ask("/v1/packages", "application/json", package("b"), expectation="100-Continue"))
    print("1.0", ask("/v1/packages", "application/json", package("c"), version="1.0"))
    print("stranger", ask("/v1/packages", "application/json", package("d"), bearer="wrong"))
    print("wrong type", ask("/v1/packages", "text/plain", package("d")))
    call("POST", "/v1/accounts", {"id": "acme", "name": "A", "kind": "enterprise"})
    call("POST", "/v1/products", {"pk": "lamp", "name": "L", "account": "acme"})
    print("csv", ask("/v1/products/lamp/devices", "text/csv", "dk,secret\nd1,\n"))
elif scenario == "broken bodies":
    # Bodies that end too early, or are not what their head says.
    call("POST", "/v1/accounts", {"id": "acme", "name": "A", "kind": "enterprise"})
    call("POST", "/v1/products", {"pk": "lamp", "name": "L", "account": "acme"})

    def broken(path, kind, fields, body, times):
        answers = set()
        for _ in range(times):
            connection = socket.create_connection((host, port), timeout=5)
            connection.sendall((
                f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nAuthorization: Bearer {token}\r\n"
                f"{fields}\r\n\r\n{body}").encode())
            connection.shutdown(socket.SHUT_WR)
            answers.add(tuple(re.findall(r"HTTP/1.1 (\d+)", connection.recv(65536).decode())))
            connection.close()
        return sorted(answers)

    for path, kind in [("/v1/packages", "application/json"), ("/v1/products/lamp/devices", "text/csv")]:
        print("half", broken(path, kind, "Content-Length: 50", "{}", 50))
        print("bad chunk", broken(path, kind, "Transfer-Encoding: chunked", "zz\r\n{}\r\n", 50))
        print("half a chunk", broken(path, kind, "Transfer-Encoding: chunked", "9\r\n{}", 50))
    print("alive", call("GET", "/v1/packages")[0])
elif scenario == "bodies":
    def post(path, body, announced=None, bearer=token, read=True, method="POST"):
        connection = socket.create_connection((host, port), timeout=60)
        head = f"{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        head += f"Authorization: Bearer {bearer}\r\nContent-Length: {announced or len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        if not read:
            return connection
        answer = b""
        try:
            while b"\r\n\r\n" not in answer and (chunk := connection.recv(65536)):
                answer += chunk
        except OSError:
            pass
        connection.close()
        return int(answer.split()[1]) if answer else "nothing"

    package("basic")
    call("POST", "/v1/accounts", {"id": "acme", "name": "A", "kind": "enterprise"})
    call("POST", "/v1/products", {"pk": "lamp", "name": "L", "account": "acme"})
    call("POST", "/v1/products/lamp/devices", {"devices": [{"dk": "d1"}]})
    call("POST", "/v1/products/lamp/devices/d1/upgrades", {"id": "u", "sizeBytes": 1})
    code = call("GET", "/v1/accounts/acme/purchases")[1]["items"][0]["firstCode"]
    names = {"account": "acme", "pk": "lamp", "dk": "d1", "email": "a@b.example", "upgrade": "u"}
    names |= {"code": code, "assignment": 1, "topup": 1, "package": "basic", "delivery": 1}
    names |= {"rule": "codes-low", "notification": 1}
    for name, body in [
        ("key", {"name": "K", "role": "application"}),
        ("webhook", {"name": "W", "url": "https://example.org/hook"}),
    ]:
        names[name] = call("POST", f"/v1/{name}s", body)[1]["id"]
    names["authority"] = authority()
    ones = b"[" + b"1," * 7_500_000 + b"1]"
    operations = [
        (method, path.format(**names))
        for path, item in call("GET", "/openapi.json")[1]["paths"].items()
        for method, operation in item.items()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    ]
    # The first one is the largest step: what a gateway needs at all.
    post("/v1/products/lamp/devices", ones)
    for method, path in operations:
        before, start = memory(), time.monotonic()
        status = post(path, ones, method=method.upper())
        grown, seconds = memory() - before, time.monotonic() - start
        if status != 413 or grown > 48 or seconds > 4:
            print(method, path, status, grown, seconds)
    print("refused", len(operations) > 10)
    # Strangers are answered before they have sent their body.
    connection = post("/v1/products/lamp/devices", b"", announced=15_000_000, bearer="wrong", read=False)
    print("stranger", connection.recv(65536).split()[1].decode())
    # Large bodies that don't come to their end hold their bytes: 64 MiB for all.
    path, half = "/v1/products/lamp/devices", b'{"devices":["' + b"x" * 15_000_000
    held = [post(path, half, announced=16_000_000, read=False) for _ in range(4)]
    time.sleep(1)
    connection = post(path, half, announced=16_000_000, read=False)
    answer = connection.recv(65536).decode()
    print("no room", answer.split()[1], "retry-after" in answer.lower(), "too-much-at-once" in answer)
    print("small", call("POST", "/v1/accounts", {"name": "B", "kind": "individual"})[0])
    for connection in held:
        connection.close()
    print("room", wait_for(lambda: post(path, half + b'"]}') == 422, 10))

"""Clients of HTTP and of MQTT at one port; SharedPortTests.swift starts the gateway and reads what this prints."""

import http.client
import queue
import socket
import ssl
import sys
import time

import paho.mqtt.client as mqtt

authority, port, proxied, client_id, user, password = sys.argv[1:]
port, proxied = int(port), int(proxied)
PATIENCE = 20


def context(*protocols, version=None):
    made = ssl.create_default_context(cafile=authority)
    if protocols:
        made.set_alpn_protocols(list(protocols))
    if version:
        made.minimum_version = made.maximum_version = version
    return made


class Slow:
    """A TLS connection whose ClientHello goes out as `cut` has it; the rest as usual."""

    def __init__(self, tls, cut):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = tls.wrap_bio(self.incoming, self.outgoing, server_hostname="127.0.0.1")
        first = True
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                hello = self.outgoing.read()
                for piece in cut(hello) if first and hello else [hello]:
                    self.socket.sendall(piece)
                    time.sleep(0.001)
                first = False
                self.fill()
        self.socket.sendall(self.outgoing.read())

    def fill(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        self.incoming.write(data)

    def ask(self, data):
        self.tls.write(data)
        self.socket.sendall(self.outgoing.read())
        while True:
            try:
                return self.tls.read(65536)
            except ssl.SSLWantReadError:
                self.fill()


def bytewise(hello):
    return [hello[index:index + 1] for index in range(len(hello))]


def in_two_records(hello):
    body = hello[5:]
    half = len(body) // 2
    return [b"".join(hello[:3] + len(part).to_bytes(2, "big") + part
                     for part in (body[:half], body[half:]))]


def whole(hello):
    return [hello]


GET = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
CONNECT = bytes([16, 12]) + b"\0\4MQTT\4\2\0\0\0\0"


def https(path="/healthz", headers=None, tls=None):
    connection = http.client.HTTPSConnection(
        "127.0.0.1", port, context=tls or context("h2", "http/1.1"), timeout=PATIENCE)
    connection.request("GET", path, headers=headers or {})
    answer = connection.getresponse()
    chosen = connection.sock.selected_alpn_protocol() if connection.sock else None
    return answer.status, chosen, answer.read()


# HTTP: one request, more on one connection, a ClientHello cut anywhere.
assert https()[:2] == (200, "http/1.1"), https()
connection = http.client.HTTPSConnection(
    "127.0.0.1", port, context=context("http/1.1"), timeout=PATIENCE)
for _ in range(5):
    connection.request("GET", "/healthz")
    assert connection.getresponse().read()
for cut in (whole, bytewise, in_two_records):
    assert Slow(context("http/1.1"), cut).ask(GET).startswith(b"HTTP/1.1 200 "), cut
    # A CONNECT that is refused: an answer of MQTT.
    assert Slow(context("mqtt"), cut).ask(CONNECT)[:2] == b"\x20\x02", cut
    assert Slow(context(), cut).ask(CONNECT)[:2] == b"\x20\x02", cut

# The console's cookies are for TLS only.
status, _, page = https("/console/sign-in")
assert status == 200 and b"<form" in page, status
connection.request("GET", "/console/sign-in")
answer = connection.getresponse()
cookie = answer.headers["Set-Cookie"] or ""
answer.read()
assert "__Host-" in cookie and "Secure" in cookie, cookie

# A WebSocket is not offered here.
upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
           "Sec-WebSocket-Protocol": "mqtt", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
assert https("/mqtt", upgrade)[0] == 404

# Only protocols that are not spoken: the alert of RFC 7301.
try:
    Slow(context("h2"), whole)
    raise SystemExit("h2 alone was let in")
except ssl.SSLError as error:
    assert "no application protocol" in str(error).lower(), error

# Tickets of the one are of no use at the other, and harm nothing.
for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
    tls = context("mqtt", version=version)
    for offered, data, expected in (("mqtt", CONNECT, b"\x20\x02"), ("http/1.1", GET, b"HTTP/1"),
                                    ("mqtt", CONNECT, b"\x20\x02")):
        session = None
        for attempt in range(2):
            tls.set_alpn_protocols([offered])
            raw = socket.create_connection(("127.0.0.1", port), PATIENCE)
            wrapped = tls.wrap_socket(raw, server_hostname="127.0.0.1", session=session)
            wrapped.sendall(data)
            assert wrapped.recv(65536).startswith(expected), (version, offered)
            assert wrapped.session_reused == (attempt == 1), (version, offered, attempt)
            foreign, session = session, wrapped.session
            wrapped.close()
        other, data, expected = (("mqtt", CONNECT, b"\x20\x02") if offered == "http/1.1"
                                 else ("http/1.1", GET, b"HTTP/1"))
        tls.set_alpn_protocols([other])
        raw = socket.create_connection(("127.0.0.1", port), PATIENCE)
        wrapped = tls.wrap_socket(raw, server_hostname="127.0.0.1", session=session)
        wrapped.sendall(data)
        assert wrapped.recv(65536).startswith(expected) and not wrapped.session_reused, version
        wrapped.close()

# paho, as AWS' clients do at port 443.
for protocols in (["x-amzn-mqtt-ca"], ["mqtt"], []):
    answers = queue.Queue()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=client_id)
    client.username_pw_set(user, password)
    client.tls_set_context(context(*protocols))
    client.on_connect = lambda _c, _u, _f, reason, _p: answers.put(reason.value)
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert answers.get(timeout=PATIENCE) == 0, protocols
    client.disconnect()
    client.loop_stop()

# Behind a proxy: the API's log has the client's address.
raw = socket.create_connection(("127.0.0.1", proxied), PATIENCE)
raw.sendall(b"PROXY TCP4 203.0.113.9 198.51.100.1 51324 443\r\n")
wrapped = context("http/1.1").wrap_socket(raw, server_hostname="127.0.0.1")
wrapped.sendall(b"GET /v1/accounts HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
assert wrapped.recv(65536).startswith(b"HTTP/1.1 401 ")
print("all is well")

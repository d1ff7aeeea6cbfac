"""What verbs make of servers that are no gateways, line by line, on standard output.

usage: verb_scenarios.py PROGRAM SCENARIO
"""
import os
import re
import socket
import struct
import subprocess
import sys
import threading

PROGRAM = sys.argv[1]
PROBLEM = b'{"reason":"too-large","detail":"the body is too long","remedy":"Send less."}'


class Server:
    """Hands each connection to `serve`, and counts them and the requests that came."""

    def __init__(self, serve, address="127.0.0.1"):
        self.connections = 0
        self.requests = []
        self.lock = threading.Lock()
        self.serve = serve
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.create_server((address, 0), family=family)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            with self.lock:
                self.connections += 1
            threading.Thread(target=self.run, args=[connection], daemon=True).start()

    def run(self, connection):
        with connection:
            try:
                self.serve(self, connection)
            except ConnectionError:
                pass  # The verb has ended.

    def head(self, connection, file):
        """The head of the next request; empty at the end of the connection."""
        lines = []
        while (line := file.readline()) not in (b"\r\n", b""):
            lines.append(line.decode().strip())
        if lines:
            with self.lock:
                self.requests.append(lines)
        return lines


def verb(server, *words, given=None, environment={}, api="http://127.0.0.1:{}"):
    everything = {"TOLLGATE_TOKEN": "secret", "TOLLGATE_API": api.format(server.port)}
    done = subprocess.run(
        [PROGRAM, *words], input=given, capture_output=True, env=everything | environment, timeout=100)
    text = done.stderr.decode().replace(str(server.port), "PORT")
    return done.returncode, text, done.stdout.decode()


def length(lines):
    return next((int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:")), 0)


def answer(body, status="200 OK", more=b""):
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s" % (status.encode(), len(body), more, body)


def patient(body):
    """Answers each request in the same way, as long as the client likes."""
    def serve(server, connection):
        file = connection.makefile("rb")
        while lines := server.head(connection, file):
            file.read(length(lines))
            connection.sendall(answer(body))
    return serve


def once(bytes, read=True):
    """Answers these bytes, whatever they are, and closes."""
    def serve(server, connection):
        file = connection.makefile("rb")
        lines = server.head(connection, file)
        if read:
            file.read(length(lines))
        connection.sendall(bytes)
    return serve


def kept():
    """A bulk action uses its connections again; a change that must not come twice has one of its own."""
    server = Server(patient(b"{}"))
    with open("keys.txt", "w") as file:
        file.writelines(f"d{number}\n" for number in range(100))
    code, _, output = verb(server, "device", "disable", "lamp", "--from", "keys.txt", "--yes")
    print(code, output.strip())
    print("requests:", len(server.requests), "few connections:", server.connections <= 4)


def request():
    """What a request has in it, and what it has not."""
    server = Server(patient(b"{}"))
    verb(server, "account", "create", "--name", "Ä", "--idempotency-key", "k")
    for line in server.requests[0]:
        print(re.sub(r"\d+$", "NUMBER", line) if line.startswith(("Host", "Content-Length")) else line)
    verb(server, "device", "show", "..", "a b/c")
    print(server.requests[1][0])


def lost():
    """An answer that does not come, or not whole: the change is not sent again."""
    for bytes in [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
                  answer(b"{}", "302 Found", b"Location: http://127.0.0.1:1/elsewhere\r\n")]:
        server = Server(once(bytes))
        code, errors, _ = verb(server, "account", "create", "--name", "Acme")
        print(code, errors.strip(), "| requests:", len(server.requests))


def refused():
    """A refusal in the middle of an upload is shown, however the connection ends then."""
    def serve(close, reset):
        def serve(server, connection):
            server.head(connection, connection.makefile("rb", 0))
            connection.recv(50_000)
            connection.sendall(answer(PROBLEM, "413 Too Large", b"Connection: close\r\n" if close else b""))
            if reset:
                # What was sent and not read makes the kernel reset the connection.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 1))
            else:
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 20):
                    pass
        return serve
    with open("fleet.csv", "wb") as file:
        file.write(b"dk,secret\n" + b"d,\n" * 8_000_000)
    for close in (False, True):
        for reset in (False, True):
            outcomes = set()
            for given in [None] * 3 + [b"dk,secret\n" + b"d,\n" * 300_000]:
                server = Server(serve(close, reset))
                code, errors, _ = verb(
                    server, "device", "import", "lamp", "-" if given else "fleet.csv", given=given)
                outcomes.add((code, errors.strip().split("\n  ")[0]))
            print("close" if close else "open", "reset" if reset else "read", *sorted(outcomes))


def slow():
    """Standard input that waits is not waited for when the gateway has refused what came before."""
    def serve(server, connection):
        server.head(connection, connection.makefile("rb", 0))
        connection.sendall(answer(PROBLEM, "413 Too Large", b"Connection: close\r\n"))
        while connection.recv(1 << 20):
            pass
    server = Server(serve)
    environment = {"TOLLGATE_TOKEN": "secret", "TOLLGATE_API": f"http://127.0.0.1:{server.port}"}
    process = subprocess.Popen(
        [PROGRAM, "device", "import", "lamp", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    process.stdin.write(b"dk,secret\n")
    process.stdin.flush()
    print(process.wait(timeout=60), process.stderr.read().decode().strip().split("\n")[-2])


def named():
    """All addresses of a name are tried; a proxy of the environment is not."""
    proxy = {name: "http://127.0.0.1:1" for name in
             ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]}
    for address in ["127.0.0.1", "::1"]:
        try:
            server = Server(patient(b'{"items":[]}'), address)
        except OSError:
            print("0")  # There is no IPv6 here.
            continue
        print(verb(server, "account", "list", api="http://localhost:{}")[0])
    server = Server(patient(b'{"items":[]}'))
    print(verb(server, "account", "list", environment=proxy)[0])
    print(verb(server, "account", "list", environment={"HOME": os.getcwd()})[0])


def silent():
    """A gateway that takes connections and says nothing is not waited for longer than was said."""
    server = Server(lambda server, connection: connection.recv(1 << 20) and connection.recv(1))
    code, errors, _ = verb(
        server, "probe", "--url", "mqtt://127.0.0.1:1", "--http", f"http://127.0.0.1:{server.port}", "--timeout", "1")
    print(code, errors.strip().split("\n")[-1])


def followed():
    """A stream that is lost is asked for again, behind the last event; a refusal ends the verb."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    event = b'id: 7\ndata: {"sequence":7}\n\n'

    def serve(server, connection):
        server.head(connection, connection.makefile("rb", 0))
        if len(server.requests) == 1:
            connection.sendall(head + b"%x\r\n%s\r\n" % (len(event), event))
        else:
            connection.sendall(answer(b'{"reason":"unauthorized"}', "401 Unauthorized"))
    server = Server(serve)
    code, errors, output = verb(server, "event", "follow", "--after", "5", "--json")
    print(code, output.strip(), *errors.split("\n  ")[0].split("\n"), sep="\n")
    for lines in server.requests:
        print([line for line in lines if line.startswith("Last-Event-ID")])


if __name__ == "__main__":
    {scenario.__name__: scenario for scenario in [kept, request, lost, refused, slow, named, silent, followed]}[sys.argv[2]]()

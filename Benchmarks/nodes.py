#!/usr/bin/env python3
"""Measures gateways of a cluster on this machine: how long a message takes to a device on another node, how many devices a
second are let in for the first time and again, beside one gateway alone, and for how long none is when the log's leader is killed.

    Benchmarks/nodes.py [--nodes 1,3,5] [--devices 6000] [--gateway PATH]

One NATS server for one node, three for more. All on the machine's cores, with the load: figures are for comparison within one run.
Exit code: 0; 2 when something could not be measured. Needs a release build (`make build`), a C compiler and .build-venv (`make test`
makes it). Loopback only; ends what it started.
"""

import argparse
import hmac
import json
import os
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SECRET = "bench-secret-of-all"


class Failure(Exception):
    pass


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def until(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return
        except (OSError, ValueError):
            pass
        time.sleep(0.05)
    raise Failure(f"this does not come: {what}")


class Place:
    """The scratch directory, the load generator, and all processes."""

    def __init__(self, gateway):
        self.gateway = gateway
        os.makedirs(f"{ROOT}/.build-bench", exist_ok=True)
        self.path = tempfile.mkdtemp(prefix="nodes-", dir=f"{ROOT}/.build-bench")
        self.running = []
        compiler = os.environ.get("CC") or next(filter(shutil.which, ("cc", "gcc", "clang")), None)
        if not compiler:
            raise Failure("there is no C compiler")
        self.run(compiler, "-O2", "-o", f"{self.path}/mqload", f"{ROOT}/Benchmarks/load/mqload.c", "-lssl", "-lcrypto")

    def run(self, *command):
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=self.path)
        if done.returncode:
            raise Failure(f"{' '.join(map(str, command))}: {done.stderr or done.stdout}")
        return done.stdout

    def start(self, name, *command):
        with open(f"{self.path}/{name}.log", "w") as output:
            process = subprocess.Popen(list(map(str, command)), stdout=output, stderr=output, cwd=self.path)
        self.running.append(process)
        return process

    def end_all(self):
        for process in reversed(self.running):
            if process.poll() is None:
                process.terminate()
        for process in reversed(self.running):
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.running = []

    def close(self):
        self.end_all()
        shutil.rmtree(self.path, ignore_errors=True)


class Servers:
    """NATS servers that sync always."""

    def __init__(self, place, count):
        self.clients, routes, self.monitors = free_ports(count), free_ports(count), free_ports(count)
        self.processes = []
        for index in range(count):
            name = f"nats{index + 1}"
            os.makedirs(f"{place.path}/{name}")
            cluster = ", ".join(f'"nats-route://127.0.0.1:{port}"' for port in routes)
            together = f'cluster {{ name: bench, listen: "127.0.0.1:{routes[index]}", routes: [ {cluster} ] }}'
            with open(f"{place.path}/{name}.conf", "w") as file:
                file.write(
                    f"""server_name: {name}
listen: "127.0.0.1:{self.clients[index]}"
http: "127.0.0.1:{self.monitors[index]}"
jetstream {{ store_dir: "{place.path}/{name}/jetstream", max_file_store: 4GB, sync_interval: always }}
{together if count > 1 else ""}
accounts {{
    BENCH: {{
        jetstream: enabled, users: [ {{ user: bench, password: bench }} ]
        imports: [ {{ service: {{ account: "$SYS", subject: "$SYS.REQ.SERVER.PING.JSZ" }} }} ]
    }}
    "$SYS": {{ exports: [ {{ service: "$SYS.REQ.SERVER.PING.JSZ", response: stream }} ] }}
}}
""")
            self.processes.append(
                place.start(name, f"{ROOT}/.build-venv/bin/nats-server", "-c", f"{place.path}/{name}.conf"))
        for port in self.monitors:
            until("a NATS server", lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1).status == 200)

    def leader(self):
        """The index of the server that leads the log's stream."""
        url = f"http://127.0.0.1:{self.monitors[0]}/jsz?accounts=true&streams=true"
        document = json.load(urllib.request.urlopen(url, timeout=5))
        for account in document.get("account_details", []):
            for stream in account.get("stream_detail", []):
                if "RETAINED" not in stream["name"]:
                    name = stream["cluster"]["leader"]
                    return int(name.removeprefix("nats")) - 1
        raise Failure("no server leads the log")


class Gateways:
    """A gateway alone (count 0), or so many nodes, and a product with devices."""

    def __init__(self, place, count, devices):
        self.place = place
        self.servers = Servers(place, 3 if count > 1 else 1) if count else None
        nodes = max(1, count)
        self.ports, self.admins = free_ports(nodes), free_ports(nodes)
        self.processes = []
        for index in range(nodes):
            self.configure(index)
            if count and index == 0:
                place.run(place.gateway, "cluster", "join", "--found", "--config", self.file(index))
            elif count:
                for name in ("device-secrets.key", "mint.key", "ticket.key", "admin.token"):
                    os.makedirs(self.secrets(index), exist_ok=True)
                    shutil.copy(f"{self.secrets(0)}/{name}", f"{self.secrets(index)}/{name}")
                place.run(
                    place.gateway, "cluster", "join", "--from", f"http://127.0.0.1:{self.admins[0]}", "--config",
                    self.file(index))
            self.processes.append(place.start(f"n{index + 1}", place.gateway, "serve", "--config", self.file(index)))
            until(f"n{index + 1}", lambda: self.is_ready(index))
        self.fill(devices)
        if count:
            until("links", lambda: all(self.devices_known(index, devices) for index in range(nodes)))
            time.sleep(5)  # the partitions have their owners

    def secrets(self, index):
        return f"{self.place.path}/n{index + 1}/secrets"

    def file(self, index):
        return f"{self.place.path}/n{index + 1}/tollgate.yaml"

    def configure(self, index):
        directory = f"{self.place.path}/n{index + 1}"
        os.makedirs(directory)
        cluster = ""
        if self.servers:
            urls = ", ".join(f"nats://127.0.0.1:{port}" for port in self.servers.clients)
            with open(f"{directory}/password", "w") as file:
                file.write("bench")
            os.chmod(f"{directory}/password", 0o600)
            cluster = f"""cluster:
  node: n{index + 1}
  servers: [{urls}]
  user: bench
  passwordFile: {directory}/password
  replicas: {3 if len(self.servers.clients) > 1 else 1}
"""
        with open(self.file(index), "w") as file:
            file.write(f"""shards: 1
data: {directory}/data
secrets: {directory}/secrets
log: {{level: error}}
admin: {{port: {self.admins[index]}}}
listeners:
  - {{name: local, address: 127.0.0.1, port: {self.ports[index]}, tls: false}}
{cluster}""")

    def is_ready(self, index):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admins[index]}/readyz", timeout=1) as answer:
            return answer.status == 200

    def operator(self, *words, index=0):
        return self.place.run(
            self.place.gateway, *words, "--api", f"http://127.0.0.1:{self.admins[index]}", "--token-file",
            f"{self.secrets(index)}/admin.token")

    def fill(self, devices):
        path = f"{self.place.path}/devices.csv"
        with open(path, "w") as file:
            file.write("dk,secret\n")
            file.writelines(f"dev-{number:06d},{SECRET}\n" for number in range(devices))
        self.operator("account", "create", "--id", "bench", "--name", "Bench")
        self.operator("package", "create", "--id", "bench", "--name", "Bench", "--validity-days", "365", "--messages-per-day", "1000000")
        self.operator("product", "create", "--pk", "bench", "--name", "Bench", "--account", "bench")
        self.operator("codes", "buy", "bench", "--package", "bench", "--quantity", devices, "--product", "bench")
        self.operator("device", "import", "bench", path)
        key = json.loads(
            self.operator(
                "key", "create", "--role", "application", "--name", "bench", "--account", "bench", "--products", "bench", "--json"))
        self.application = (f"app:{key['id']}", key["secret"])

    def devices_known(self, index, devices):
        self.operator("device", "show", "bench", f"dev-{devices - 1:06d}", index=index)
        return True


def device(port, number):
    """A connection of a device, which signs its CONNECT."""
    dk = f"dev-{number:06d}"
    name = f"bench.{dk}"
    password = hmac.new(SECRET.encode(), f"clientId{name}deviceName{dk}productKeybench".encode(), "sha256").hexdigest()
    return Client(port, f"{name}|securemode=3,signmethod=hmacsha256|", f"{dk}&bench", password)


class Client:
    """As much of an MQTT 3.1.1 client as is needed to take the time of a message."""

    def __init__(self, port, client_id, user, password):
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.arrived = b""
        payload = b"".join(struct.pack(">H", len(text)) + text for text in map(str.encode, (client_id, user, password)))
        self.send(0x10, b"\x00\x04MQTT\x04\xc2\x00\x00" + payload)
        packet = self.next()
        if packet[0] != 0x20 or packet[1][1]:
            raise Failure(f"CONNACK {packet}")

    def send(self, first, body):
        length, count = b"", len(body)
        while True:
            count, byte = divmod(count, 128)
            length += bytes([byte | (0x80 if count else 0)])
            if not count:
                break
        self.socket.sendall(bytes([first]) + length + body)

    def next(self):
        while True:
            if len(self.arrived) >= 2:
                length = shift = 0
                position = 1
                while position < len(self.arrived):
                    byte = self.arrived[position]
                    length |= (byte & 0x7F) << shift
                    shift += 7
                    position += 1
                    if not byte & 0x80:
                        break
                if len(self.arrived) >= position + length:
                    packet = (self.arrived[0], self.arrived[position:position + length])
                    self.arrived = self.arrived[position + length:]
                    return packet
            more = self.socket.recv(65536)
            if not more:
                raise Failure("the gateway has closed the connection")
            self.arrived += more

    def subscribe(self, topic):
        self.send(0x82, struct.pack(">HH", 1, len(topic)) + topic.encode() + b"\x01")
        self.next()

    def publish(self, topic, number):
        self.send(0x32, struct.pack(">H", len(topic)) + topic.encode() + struct.pack(">H", number) + b"x" * 64)


def percentiles(milliseconds):
    ordered = sorted(milliseconds)
    return f"p50 {statistics.median(ordered):.2f} ms, p99 {ordered[len(ordered) * 99 // 100]:.2f}"


def downlink(gateways, to, count=2000):
    """From an application on the first node to a device on another one, one message at a time."""
    receiver = device(gateways.ports[to], 0)
    receiver.subscribe("d/bench/dev-000000/down/#")
    sender = Client(gateways.ports[0], "bench", *gateways.application)
    taken = []
    for number in range(1, count + 1):
        begin = time.perf_counter()
        sender.publish("d/bench/dev-000000/down/x", number)
        _, body = receiver.next()
        taken.append((time.perf_counter() - begin) * 1000)
        topic = struct.unpack(">H", body[:2])[0]
        receiver.send(0x40, body[2 + topic:4 + topic])
        sender.next()
    return taken


def connects(place, gateways, first, count):
    """So many devices come to the nodes, divided among them; how many were let in a second."""
    nodes = len(gateways.ports)
    share = count // nodes
    processes = [
        subprocess.Popen(
            [f"{place.path}/mqload", "--mode", "churn", "--c", "256", "--n", str(share), "--base", str(first + share * index),
             "--port", str(port), "--pid", str(gateways.processes[index].pid), "--pk", "bench", "--dk", "dev-%06d", "--ds", SECRET],
            stdout=subprocess.PIPE, text=True)
        for index, port in enumerate(gateways.ports)]
    begin = time.monotonic()
    answers = [process.communicate(timeout=300)[0] for process in processes]
    seconds = time.monotonic() - begin
    good = sum(json.loads(answer)["ok"] for answer in answers)
    if good != share * nodes:
        raise Failure(f"{good} of {share * nodes} devices were let in: {answers}")
    return good / seconds


def gap(gateways, first, seconds=25):
    """Devices come one after the other to all nodes, each for the first time, while the log's leader is killed: the longest time
    in which none was let in."""
    times, lock, numbers = [], threading.Lock(), iter(range(first, first + 100_000))
    end = time.monotonic() + seconds

    def come(port):
        while time.monotonic() < end:
            with lock:
                number = next(numbers)
            try:
                device(port, number).socket.close()
                with lock:
                    times.append(time.monotonic())
            except (OSError, Failure):
                time.sleep(0.05)

    threads = [threading.Thread(target=come, args=(port,)) for port in gateways.ports]
    for thread in threads:
        thread.start()
    time.sleep(5)
    gateways.servers.processes[gateways.servers.leader()].kill()
    for thread in threads:
        thread.join()
    return max(later - earlier for earlier, later in zip(times, times[1:]))


def measure(gateway, count, devices):
    place = Place(gateway)
    try:
        gateways = Gateways(place, count, 4 * devices)
        title = f"{count} nodes" if count > 1 else "1 node" if count else "alone"
        fresh = connects(place, gateways, 1, devices)
        known = connects(place, gateways, 1, devices)
        line = [f"{fresh:,.0f}/s", f"{known:,.0f}/s", percentiles(downlink(gateways, to=len(gateways.ports) - 1))]
        line.append(f"{gap(gateways, devices + 1):.1f} s" if count > 1 else "-")
        print(f"| {title} | {' | '.join(line)} |", flush=True)
    finally:
        place.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--nodes", default="1,3,5")
    parser.add_argument("--devices", type=int, default=6000)
    parser.add_argument("--gateway", default=f"{ROOT}/.build/release/tollgate")
    options = parser.parse_args()
    print("| | first connects | known connects | message to a device on the last node | none let in when the leader is killed |")
    print("|---|---|---|---|---|", flush=True)
    try:
        for count in [0] + [int(word) for word in options.nodes.split(",")]:
            measure(os.path.abspath(options.gateway), count, options.devices)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Measures a gateway with everything on (admission, metering, access control, metrics, logging) beside the least
that a server can do in C: load/floor.c, and load/records.c, which lets go of OpenSSL once it has shaken hands. They run side by side on one core, the load on another, and they are measured in turns
of a second, so that other work on the machine hits both. CPU time of the server per operation, from /proc; memory per idle
connection. Prints a line for each measurement, and at the end a table in Markdown.

    Benchmarks/against-floor.py [--turns 7] [--seconds 1] [--gateway PATH] [--peers] [--floor-alone]
                                [--preset NAME] [--stored] [--console] [LINE ...]

LINE is a name of LINES below, or the beginning of one: `qos1` measures both lines of QoS 1. Without one all are measured.
--peers adds mosquitto and FlashMQ, where they are installed. --floor-alone needs no gateway.
--preset, --stored and --console add one more gateway each, measured in the same turns, and what it takes beside the first:
whose devices publish by the topics of that preset, or by 32 patterns of the product's own (`patterns`); that stores the
messages; of which ten consoles are open, with their lists of events live.
Exit code: 0; 1 when a figure passes its limit in LINES; 2 when something could not be measured.

Needs a release build of the gateway (`make build`), a C compiler and libssl-dev. Loopback only; ends what it started.
"""

import argparse
import http.client
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections import namedtuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KNOWN = 15000  # devices that have consumed their codes before anything is measured
FRESH = 2000  # devices of one turn of first connects
CROWD = 15000  # connections that are idle, or come back at once
SETTLE = 15  # seconds until the memory of idle connections is looked at: it is given back every ten

Line = namedtuple("Line", "name title tls field unit digits limit load")

CONNECT = "server_cpu_us_per_conn"
MESSAGE = "server_cpu_us_per_msg"


def publish(qos, connections, window, *options):
    return lambda seconds: [
        "--mode", "pub", "--qos", qos, "--c", connections, "--window", window, "--secs", seconds, *options]


def connect(a_second, *options):
    return lambda seconds: ["--mode", "churn", "--c", 32, "--n", min(KNOWN, max(64, int(a_second * seconds))), *options]


def idle(*options):
    return lambda seconds: ["--mode", "idle", "--n", CROWD, "--secs", SETTLE, *options]


def storm(*options):
    return lambda seconds: ["--mode", "storm", "--n", CROWD, *options]


def first_connects(seconds):
    return ["--mode", "churn", "--c", 256, "--n", FRESH]


# The limit is a ratio to the floor (a number), bytes ("600 B"), a ratio to another line of the gateway, or None.
LINES = [
    #    name            title                                       TLS    field    unit digits limit  load
    Line("connect-plain", "connect, plain", False, CONNECT, "us", 1, 1.20, connect(5000)),
    Line("connect-tls", "connect, TLS 1.3 full", True, CONNECT, "us", 1, 0.95, connect(1000)),
    Line("connect-resumed", "connect, TLS 1.3 resumed", True, CONNECT, "us", 1, 0.90, connect(1200, "--resume")),
    Line("connect12-tls", "connect, TLS 1.2 full", True, CONNECT, "us", 1, None, connect(1000, "--tls12")),
    Line("connect12-resumed", "connect, TLS 1.2 resumed", True, CONNECT, "us", 1, None, connect(2000, "--tls12", "--resume")),
    Line("storm", "15,000 come back at once, TLS 1.3 resumed", True, CONNECT, "us", 1, "1.20 connect-resumed", storm("--resume")),
    Line("qos0-plain", "publish QoS 0, 64 B, plain", False, MESSAGE, "us", 3, 1.30, publish(0, 50, 16)),
    Line("qos0-tls", "publish QoS 0, 64 B, TLS", True, MESSAGE, "us", 3, 1.00, publish(0, 50, 16)),
    Line("qos1-plain", "publish QoS 1, 64 B, plain", False, MESSAGE, "us", 3, 1.20, publish(1, 50, 16)),
    Line("qos1-tls", "publish QoS 1, 64 B, TLS", True, MESSAGE, "us", 3, 0.85, publish(1, 50, 16)),
    Line("qos1-tls12", "publish QoS 1, 64 B, TLS 1.2", True, MESSAGE, "us", 3, None, publish(1, 50, 16, "--tls12")),
    Line("many-plain", "publish QoS 1, 1,000 devices, one each, plain", False, MESSAGE, "us", 3, 1.08, publish(1, 1000, 1)),
    Line("many-tls", "publish QoS 1, 1,000 devices, one each, TLS", True, MESSAGE, "us", 3, 0.85, publish(1, 1000, 1)),
    Line("idle-plain", "idle connection, plain", False, "server_bytes_per_conn", "B", 0, "500 B", idle()),
    Line("idle-tls", "idle connection, TLS 1.3", True, "server_bytes_per_conn", "B", 0, "1200 B", idle()),
    Line("idle12-tls", "idle connection, TLS 1.2", True, "server_bytes_per_conn", "B", 0, "1200 B", idle("--tls12")),
    Line("durable", "first connects, each a code on disk before its CONNACK", False, "per_s", "/s", 0, None, first_connects),
]


class Failure(Exception):
    pass


def say(text):
    print(text, flush=True)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(port, process, log):
    for _ in range(200):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    with open(log, errors="replace") as text:
        raise Failure(f"{process.args[0]} does not answer: {text.read()[-2000:]}")


class Bench:
    """The scratch directory, the compiled C programs, and the two cores."""

    def __init__(self, gateway):
        self.gateway = gateway
        os.makedirs(f"{ROOT}/.build-bench", exist_ok=True)
        self.scratch = tempfile.mkdtemp(prefix="compare-", dir=f"{ROOT}/.build-bench")
        self.running = []
        cores = sorted(os.sched_getaffinity(0))
        self.server_core, self.load_core = cores[0], cores[-1]
        compiler = os.environ.get("CC") or next(filter(shutil.which, ("cc", "gcc", "clang")), None)
        if not compiler:
            raise Failure("there is no C compiler")
        for name in ("floor", "records", "mqload"):
            source = f"{ROOT}/Benchmarks/load/{name}.c"
            self.run(compiler, "-O2", "-o", f"{self.scratch}/{name}", source, "-lssl", "-lcrypto")
        self.run(f"{ROOT}/config/development-certificates.sh", f"{self.scratch}/tls")

    def run(self, *command):
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.scratch)
        if done.returncode:
            raise Failure(f"{' '.join(command)}: {done.stderr or done.stdout}")
        return done.stdout

    def start(self, name, *command, cwd=None):
        log = f"{self.scratch}/{name}.log"
        with open(log, "w") as output:
            process = subprocess.Popen(
                ["taskset", "-c", str(self.server_core), *map(str, command)],
                stdout=output, stderr=output, cwd=cwd or self.scratch)
        self.running.append(process)
        return process, log

    def stop(self, process):
        if process in self.running:
            self.running.remove(process)
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def close(self):
        for process in list(self.running):
            self.stop(process)
        shutil.rmtree(self.scratch, ignore_errors=True)


class Floor:
    """Two processes of floor.c, one plain and one with TLS: each is started when it is first asked for."""

    title = "floor (C)"

    def __init__(self, bench):
        self.bench = bench
        self.servers = {}

    def endpoint(self, tls):
        if tls not in self.servers:
            port = free_port()
            process, log = self.bench.start(
                f"floor-{tls:d}", f"{self.bench.scratch}/floor", port, int(tls), cwd=f"{self.bench.scratch}/tls")
            wait_for(port, process, log)
            self.servers[tls] = (process, port)
        return self.servers[tls]

    def restart(self):
        for process, _ in self.servers.values():
            self.bench.stop(process)
        self.servers = {}

    def identity(self):
        return ["--pk", "bench", "--dk", "dev-%06d", "--ds", "bench-secret-of-all", "--topic", "d/%P/%D/up/t"]


class Records(Floor):
    """The same of records.c, which speaks TLS only."""

    title = "records (C)"

    def endpoint(self, tls):
        if tls not in self.servers:
            port = free_port()
            process, log = self.bench.start(
                "records", f"{self.bench.scratch}/records", port, 1, "keys=provider", "trim", cwd=f"{self.bench.scratch}/tls")
            wait_for(port, process, log)
            self.servers[tls] = (process, port)
        return self.servers[tls]


class Gateway:
    """A gateway of one shard, and a product whose first KNOWN devices have been activated."""

    title = "Tollgate"
    topic = "d/%P/%D/up/t"

    def __init__(self, bench, fresh):
        self.bench = bench
        self.directory = f"{bench.scratch}/{self.title}"
        self.ports = {True: free_port(), False: free_port()}
        self.admin = free_port()
        self.process = None
        self.restart()
        total = KNOWN + fresh
        devices = f"{self.directory}.csv"
        with open(devices, "w") as file:
            file.write("dk,secret\n")
            file.writelines(f"dev-{number:06d},bench-secret-of-all\n" for number in range(total))
        self.operator("account", "create", "--id", "bench", "--name", "Bench")
        self.operator("package", "create", "--id", "bench", "--name", "Bench", "--validity-days", "365")
        self.operator("product", "create", "--pk", "bench", "--name", "Bench", "--account", "bench")
        self.prepare()
        self.operator("codes", "buy", "bench", "--package", "bench", "--quantity", str(total), "--product", "bench")
        self.operator("device", "import", "bench", devices)
        self.next_fresh = KNOWN
        load(bench, self, False, ["--mode", "churn", "--c", 256, "--n", KNOWN])

    def prepare(self):
        """Makes of the product what is to be measured."""

    def identity(self):
        return ["--pk", "bench", "--dk", "dev-%06d", "--ds", "bench-secret-of-all", "--topic", self.topic]

    def operator(self, *words):
        self.bench.run(self.bench.gateway, *words, "--api", f"http://127.0.0.1:{self.admin}",
                       "--token-file", f"{self.directory}/admin.token")

    def endpoint(self, tls):
        return self.process, self.ports[tls]

    def restart(self):
        if self.process:
            self.bench.stop(self.process)
        tls = f"{self.bench.scratch}/tls"
        settings = {
            "shards": 1, "log.level": "error", "tls.certificate": f"{tls}/cert.pem", "tls.key": f"{tls}/key.pem",
            "listeners.devices.address": "127.0.0.1", "listeners.devices.port": self.ports[True],
            "listeners.local.port": self.ports[False], "admin.port": self.admin,
        }
        words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        self.process, log = self.bench.start(
            self.title, self.bench.gateway, "serve", "--data", self.directory, *words)
        for port in (self.ports[False], self.ports[True], self.admin):
            wait_for(port, self.process, log)


class Dialect(Gateway):
    """The same, of a product whose devices have topics of their own."""

    TOPICS = {
        "alibaba": "/%P/%D/user/t", "aws": "dt/%D/t",
        "azure": "devices/%D/messages/events/t", "quecthing": "q/2/d/qd%P%D/bus_",
        "patterns": "31/%P/%D/up/t"}

    def __init__(self, bench, fresh, preset):
        self.title = f"Tollgate, {preset}"
        self.preset = preset
        self.topic = self.TOPICS[preset]
        super().__init__(bench, fresh)

    def prepare(self):
        what = ["--preset", self.preset]
        if self.preset == "patterns":
            what = [word for number in range(32) for word in ("--up", f"{number}/${{pk}}/${{dk}}/up/#")]
        self.operator("product", "set-dialect", "bench", *what, "--proof", "tollgate")


class Storing(Gateway):
    """The same, which stores the messages."""

    title = "Tollgate, stored"

    def prepare(self):
        self.operator("product", "update", "bench", "--message-log", "true")


class Watched(Gateway):
    """The same, with consoles open that nobody touches: each has signed in and shows events as they come."""

    title = "Tollgate, console"
    CONSOLES = 10

    def restart(self):
        super().restart()
        with open(f"{self.directory}/admin.token") as file:
            key = file.read().strip()
        self.consoles = [self.console(key) for _ in range(self.CONSOLES)]

    def console(self, key):
        """Signs in; its stream of events, which is open and has begun."""
        cookies = {}

        def ask(method, path, fields=None):
            connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=30)
            headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
            if fields is not None:
                headers |= {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://127.0.0.1:{self.admin}"}
            connection.request(method, path, fields and urllib.parse.urlencode(fields), headers)
            answer = connection.getresponse()
            for cookie in answer.headers.get_all("Set-Cookie") or []:
                name, value = cookie.split(";")[0].split("=", 1)
                cookies[name] = value
            return connection, answer

        page = ask("GET", "/console/sign-in")[1].read().decode()
        token = re.search('name="_token" value="([^"]*)"', page).group(1)
        ask("POST", "/console/sign-in", {"_token": token, "next": "", "token": key})[1].read()
        stream = ask("GET", "/console/live/listEvents")
        if stream[1].status != 200 or not stream[1].readline():
            raise Failure(f"the console does not stream: {stream[1].status}")
        return stream


class Peer:
    """A broker that anybody may use, from a configuration file."""

    def __init__(self, bench, title, program, option, configuration):
        self.bench, self.title = bench, title
        self.command = (program, option)
        self.configuration = configuration
        self.restarts = 0
        self.process = None
        self.restart()

    def endpoint(self, tls):
        return self.process, self.ports[tls]

    def restart(self):
        if self.process:
            self.bench.stop(self.process)
        self.restarts += 1
        self.ports = {True: free_port(), False: free_port()}
        path = f"{self.bench.scratch}/{self.title}.conf"
        with open(path, "w") as file:
            file.write(self.configuration.format(
                plain=self.ports[False], tls=self.ports[True], scratch=self.bench.scratch,
                cert=f"{self.bench.scratch}/tls/cert.pem", key=f"{self.bench.scratch}/tls/key.pem"))
        self.process, log = self.bench.start(self.title, *self.command, path)
        for port in self.ports.values():
            wait_for(port, self.process, log)

    def identity(self):
        return ["--cid", "bench.dev-%06d", "--topic", "d/bench/dev-%06d/up/t"]


MOSQUITTO = """
user root
allow_anonymous true
persistence false
set_tcp_nodelay true
log_type error
listener {plain} 127.0.0.1
listener {tls} 127.0.0.1
certfile {cert}
keyfile {key}
"""

FLASHMQ = """
allow_anonymous true
thread_count 1
log_level warning
storage_dir {scratch}
listen {{
    protocol mqtt
    inet_protocol ip4
    inet4_bind_address 127.0.0.1
    port {plain}
}}
listen {{
    protocol mqtt
    inet_protocol ip4
    inet4_bind_address 127.0.0.1
    port {tls}
    fullchain {cert}
    privkey {key}
}}
"""


def peers(bench):
    for title, program, option, configuration in (
            ("Mosquitto", "mosquitto", "-c", MOSQUITTO), ("FlashMQ", "flashmq", "--config-file", FLASHMQ)):
        path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin")
        if path:
            yield Peer(bench, title, path, option, configuration)


def load(bench, server, tls, arguments):
    """Runs mqload once against a server; its answer. Raises when a connection failed or was refused."""
    process, port = server.endpoint(tls)
    words = [f"{bench.scratch}/mqload", *arguments, "--port", port, "--pid", process.pid, *server.identity()]
    if tls:
        words.append("--tls")
    done = subprocess.run(
        ["taskset", "-c", str(bench.load_core), *map(str, words)], capture_output=True, text=True, timeout=200)
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = {}
    connects = answer.get("ok") or answer.get("open") or answer.get("conns") or 0
    if answer.get("failed", 1) or answer.get("refused", 0) or not answer.get("drained", True) or not connects:
        raise Failure(f"{server.title}: {' '.join(map(str, words))}: {done.stdout}{done.stderr}")
    if "--resume" in arguments and answer["resumed"] < 0.8 * connects:
        raise Failure(f"{server.title}: sessions were not resumed: {done.stdout}")
    return answer


def turn(bench, line, server, seconds):
    """One measurement of one server."""
    arguments = line.load(seconds)
    if line.name.startswith("idle"):
        # What a busy server keeps would hide what a connection takes.
        server.restart()
    if line.name == "durable":
        arguments += ["--base", server.next_fresh]
        server.next_fresh += FRESH
    return float(load(bench, server, line.tls, arguments)[line.field])


class Series:
    """What one server took in all turns of one line."""

    def __init__(self, figures, floor):
        self.figures = figures
        self.median = statistics.median(figures)
        # Each turn against the floor's turn beside it: what slows the machine for a while slows both.
        ratios = [a / b for a, b in zip(figures, floor) if b > 0] if floor else []
        self.ratio = statistics.median(ratios) if ratios else None
        self.ratios = (min(ratios), max(ratios)) if ratios else None

    def text(self, line):
        low, high = min(self.figures), max(self.figures)
        return f"{self.median:.{line.digits}f} ({low:.{line.digits}f}-{high:.{line.digits}f}) {line.unit}"

    def beside(self, other):
        """Each turn against the other's turn beside it."""
        ratios = [a / b for a, b in zip(self.figures, other.figures) if b > 0]
        return f"{statistics.median(ratios):.3f} ({min(ratios):.3f}-{max(ratios):.3f})"

    def ratio_text(self):
        return f"{self.ratio:.2f} ({self.ratios[0]:.2f}-{self.ratios[1]:.2f})" if self.ratio else "-"


def measure(bench, line, servers, turns, seconds):
    """All turns of one line: a Series for each server that takes part, by its title."""
    if line.name == "durable":
        servers = [server for server in servers if isinstance(server, Gateway)]
    if not line.tls:
        servers = [server for server in servers if not isinstance(server, Records)]
    if line.name.startswith(("idle", "storm")):
        turns = min(turns, 2)  # each is long, and memory hardly varies
    figures = {server.title: [] for server in servers}
    for number in range(turns):
        # The other way around every other time, so that nobody always comes first.
        for server in servers if number % 2 == 0 else reversed(servers):
            figures[server.title].append(turn(bench, line, server, seconds))
    floor = figures.get(Floor.title)
    return {title: Series(values, None if title == Floor.title else floor) for title, values in figures.items()}


def is_over(line, results, measured):
    series = results.get(Gateway.title)
    if not series or line.limit is None:
        return False
    if isinstance(line.limit, str):
        number, of = line.limit.split()
        if of == line.unit:
            return series.median > float(number)
        other = next((results[Gateway.title] for line, results in measured if line.name == of), None)
        return other is not None and series.median > float(number) * other.median
    return series.ratio is not None and round(series.ratio, 2) > line.limit


def table(measured, titles):
    yield "| median (least-most) | " + " | ".join(titles) + " | ratio | at most |"
    yield "|---" * (len(titles) + 3) + "|"
    for line, results in measured:
        cells = [results[title].text(line) if title in results else "-" for title in titles]
        ratio = results[Gateway.title].ratio_text() if Gateway.title in results else "-"
        limit = "-" if line.limit is None else f"{line.limit:.2f}" if isinstance(line.limit, float) else line.limit
        if is_over(line, results, measured):
            limit = f"**{limit}**"
        yield f"| {line.title} | " + " | ".join([*cells, ratio, limit]) + " |"


def chosen(names):
    if not names:
        return LINES
    unknown = [name for name in names if not any(line.name.startswith(name) for line in LINES)]
    if unknown:
        raise Failure(f"no line {', '.join(unknown)}; there are {', '.join(line.name for line in LINES)}")
    return [line for line in LINES if any(line.name.startswith(name) for name in names)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--gateway", default=f"{ROOT}/.build/release/tollgate")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--floor-alone", action="store_true")
    parser.add_argument("--preset", choices=Dialect.TOPICS)
    parser.add_argument("--stored", action="store_true")
    parser.add_argument("--console", action="store_true")
    parser.add_argument("lines", nargs="*", metavar="LINE")
    options = parser.parse_args()
    bench = None
    try:
        lines = chosen(options.lines)
        gateway = os.path.abspath(options.gateway)
        if not options.floor_alone and not os.access(gateway, os.X_OK):
            raise Failure(f"there is no {gateway}: run make build first")
        bench = Bench(gateway)
        servers = [Floor(bench), Records(bench)]
        if not options.floor_alone:
            fresh = FRESH * options.turns
            servers.append(Gateway(bench, fresh))
            if options.preset:
                servers.append(Dialect(bench, fresh, options.preset))
            if options.stored:
                servers.append(Storing(bench, fresh))
            if options.console:
                servers.append(Watched(bench, fresh))
        if options.peers:
            servers.extend(peers(bench))
        if bench.server_core == bench.load_core:
            say("One core only: server and load share it.")
        measured = []
        for line in lines:
            results = measure(bench, line, servers, options.turns, options.seconds)
            if results:
                measured.append((line, results))
                figures = ", ".join(f"{title} {series.text(line)}" for title, series in results.items())
                ratio = results[Gateway.title].ratio_text() if Gateway.title in results else "-"
                say(f"{line.name:16} {figures}, ratio {ratio}{', over its limit' if is_over(line, results, measured) else ''}")
                for title, series in results.items():
                    if title.startswith(f"{Gateway.title}, "):
                        say(f"{'':16} {title}: {series.beside(results[Gateway.title])} x {Gateway.title}")
        say("")
        for row in table(measured, [server.title for server in servers]):
            say(row)
        over = [line.name for line, results in measured if is_over(line, results, measured)]
        if over:
            say(f"\nOver the limit: {', '.join(over)}")
        return 1 if over else 0
    except (Failure, subprocess.TimeoutExpired, OSError) as error:
        print(f"against-floor: {error}", file=sys.stderr)
        return 2
    finally:
        if bench:
            bench.close()


if __name__ == "__main__":
    sys.exit(main())

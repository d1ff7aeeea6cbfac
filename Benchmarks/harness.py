#!/usr/bin/env python3
"""Measures tollgate-load beside load/mqload.c, which shares nothing with it: the same work, in turns of a second, on the
gateway, on Mosquitto and on the MQTT of a NATS server, as far as they are installed. Prints a table in Markdown: the server's CPU time for
each operation by both, their ratio, and the CPU time that each of the two takes itself.

    Benchmarks/harness.py [--turns 7] [--seconds 1] [--gateway PATH] [--load PATH] [LINE ...]

LINE is the beginning of a name of LINES below. Exit code: 0; 2 when something could not be measured.

Needs release builds (`make build`, or `make program load`), a C compiler and libssl-dev. Loopback only; ends what it started.
"""

import argparse
import importlib.util
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SPEC = importlib.util.spec_from_file_location("floor", f"{ROOT}/Benchmarks/against-floor.py")
floor = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(floor)

NATS = """
server_name: load
listen: "127.0.0.1:{client}"
jetstream {{ store_dir: "{scratch}/nats" }}
mqtt {{ listen: "127.0.0.1:{plain}" }}
"""


def connect(each, *options):
    count = lambda seconds: max(64, int(each * seconds))
    return (lambda s: ["--mode", "churn", "--c", 32, "--n", count(s), *options],
            lambda s: ["connect", "--concurrency", 32, "--count", count(s), *options])


def publish(qos, clients, window):
    return (lambda s: ["--mode", "pub", "--qos", qos, "--c", clients, "--window", window, "--secs", s],
            lambda s: ["publish", "--qos", qos, "--count", clients, "--window", window, "--seconds", s])


# name, title, TLS, and the words for mqload and for tollgate-load.
LINES = [
    ("connect-plain", "connect, plain", False, connect(5000)),
    ("connect-tls", "connect, TLS 1.3 full", True, connect(1000)),
    ("connect-resumed", "connect, TLS 1.3 resumed", True, connect(1200, "--resume")),
    ("qos0-plain", "publish QoS 0, 64 B, plain", False, publish(0, 50, 16)),
    ("qos0-tls", "publish QoS 0, 64 B, TLS", True, publish(0, 50, 16)),
    ("qos1-plain", "publish QoS 1, 64 B, plain", False, publish(1, 50, 16)),
    ("qos1-tls", "publish QoS 1, 64 B, TLS", True, publish(1, 50, 16)),
    ("many-plain", "publish QoS 1, 1,000 clients, one each, plain", False, publish(1, 1000, 1)),
    ("many-tls", "publish QoS 1, 1,000 clients, one each, TLS", True, publish(1, 1000, 1)),
]


class NATSServer(floor.Peer):
    """The MQTT of a NATS server, which has a listener without TLS here."""

    def __init__(self, bench, program):
        self.client = floor.free_port()
        super().__init__(bench, "NATS", program, "-c", NATS.replace("{client}", str(self.client)))

    def identity(self):
        return ["--cid", "bench-dev-%06d", "--topic", "d/bench/dev-%06d/up/t"]  # takes no full stop

    def restart(self):
        wanted = floor.wait_for
        floor.wait_for = lambda port, process, log: port == self.ports[True] or wanted(port, process, log)
        try:
            super().restart()
        finally:
            floor.wait_for = wanted


def servers(bench):
    yield floor.Gateway(bench, 0)
    path = os.environ.get("PATH", "") + f":/usr/sbin:{ROOT}/.build-venv/bin"
    if program := shutil.which("mosquitto", path=path):
        yield floor.Peer(bench, "Mosquitto", program, "-c", floor.MOSQUITTO)
    if program := shutil.which("nats-server", path=path):
        yield NATSServer(bench, program)


def own_time():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def by_mqload(bench, server, tls, words):
    """The server's microseconds for each operation, and mqload's own."""
    before = own_time()
    answer = floor.load(bench, server, tls, words)
    own = own_time() - before
    count = answer.get("ok") or answer["msgs"]
    return float(answer.get(floor.CONNECT) or answer[floor.MESSAGE]), own * 1e6 / count


def by_harness(bench, program, server, tls, words):
    """The same of tollgate-load."""
    process, port = server.endpoint(tls)
    gateway = isinstance(server, floor.Gateway)
    who = ["--fleet", f"{bench.scratch}/fleet.csv"] if gateway else ["--no-activation", "--client-id", server.identity()[1]]
    if not gateway and words[0] == "publish":
        who += ["--topic", "d/bench/dev-%06d/up/t"]
    before = own_time()
    done = subprocess.run(
        ["taskset", "-c", str(bench.load_core), program, *map(str, words), *who, "--url",
         f"mqtt{'s' if tls else ''}://127.0.0.1:{port}", "--mqtt", "3.1.1", "--server-pid", str(process.pid),
         "--source-addresses", "8", "--json", "--quiet"], capture_output=True, text=True, timeout=200)
    own = own_time() - before
    if done.returncode:
        raise floor.Failure(f"{server.title}: {' '.join(map(str, words))}: {done.stdout}{done.stderr}")
    answer = json.loads(done.stdout)
    return answer["serverCPUMicrosecondsEach"], own * 1e6 / answer["done"]


def cell(pairs):
    """Of turns with (mqload's, harness') pairs: medians, and the median of the turns' ratios."""
    server_a, server_b = (statistics.median(pair[side][0] for pair in pairs) for side in (0, 1))
    own_a, own_b = (statistics.median(pair[side][1] for pair in pairs) for side in (0, 1))
    ratio = statistics.median(pair[1][0] / pair[0][0] for pair in pairs)
    own = statistics.median(pair[1][1] / pair[1][0] for pair in pairs)
    return f"{server_a:.2f} | {server_b:.2f} | {ratio:.2f} | {own_a:.2f} | {own_b:.2f} | {own:.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--gateway", default=f"{ROOT}/.build/release/tollgate")
    parser.add_argument("--load", default=f"{ROOT}/.build/release/tollgate-load")
    parser.add_argument("lines", nargs="*", metavar="LINE")
    options = parser.parse_args()
    bench = None
    try:
        for program in (options.gateway, options.load):
            if not os.access(program, os.X_OK):
                raise floor.Failure(f"there is no {program}: run make build first")
        bench = floor.Bench(os.path.abspath(options.gateway))
        measured = list(servers(bench))
        with open(f"{bench.scratch}/fleet.csv", "w") as file:
            file.write("pk,dk,secret\n")
            file.writelines(f"bench,dev-{number:06d},bench-secret-of-all\n" for number in range(floor.KNOWN))
        floor.say("| | server | its us by mqload | by tollgate-load | ratio | mqload's own us | tollgate-load's own | own to server |")
        floor.say("|---" * 8 + "|")
        for name, title, tls, (mqload, harness) in LINES:
            if options.lines and not any(name.startswith(line) for line in options.lines):
                continue
            for server in measured:
                if tls and isinstance(server, NATSServer):
                    continue
                pairs = []
                for number in range(options.turns):
                    first = by_mqload(bench, server, tls, mqload(options.seconds)) if number % 2 == 0 else None
                    second = by_harness(bench, options.load, server, tls, harness(options.seconds))
                    pairs.append((first or by_mqload(bench, server, tls, mqload(options.seconds)), second))
                floor.say(f"| {title} | {server.title} | {cell(pairs)} |")
        return 0
    except (floor.Failure, subprocess.TimeoutExpired, OSError) as error:
        print(f"harness: {error}", file=sys.stderr)
        return 2
    finally:
        if bench:
            bench.close()


if __name__ == "__main__":
    sys.exit(main())

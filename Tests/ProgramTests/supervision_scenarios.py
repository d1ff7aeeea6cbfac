"""A gateway under a service manager: what comes to NOTIFY_SOCKET, line by line, on standard output.

usage: supervision_scenarios.py PROGRAM SCENARIO

The gateway is a child of this process, so that one of its threads may be stopped: ptrace(2).
"""
import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

PATIENCE = 120
LIMIT = 2.0
CONFIGURATION = """shards: 2
admin: {port: 0}
storage: {ledgerMapBytes: 67108864, usageMapBytes: 67108864}
listeners:
  - {name: local, port: 0, tls: false}
"""
PTRACE_ATTACH, PTRACE_DETACH, WALL = 16, 17, 0x40000000


class Gateway:
    def __init__(self, program, address, **variables):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0", 1))
        with open("tollgate.yaml", "w") as file:
            file.write(CONFIGURATION)
        self.log = open("serve.err", "w+")
        self.process = subprocess.Popen(
            [program, "serve", "--config", "tollgate.yaml"], stderr=self.log,
            env={"NOTIFY_SOCKET": address, "WATCHDOG_USEC": str(int(LIMIT * 1e6)), **variables})

    def next(self, seconds=PATIENCE):
        """The next message; None when there is none for so long."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(4096).decode()
        except TimeoutError:
            return None

    def after(self, name, seconds=PATIENCE):
        """The next message that is no sign of life, as it is to be printed."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            message = self.next(end - time.monotonic())
            if message != "WATCHDOG=1":
                return f"{name}: " + re.sub(r"(MONOTONIC_USEC=)\d+", r"\1N", str(message)).replace("\n", ", ")
        return f"{name}: nothing"

    def answers(self):
        with open("serve.err") as log:
            url = re.search(r"API on (\S+)", log.read()).group(1)
        return urllib.request.urlopen(url + "/healthz", timeout=PATIENCE).status

    def thread(self, name):
        for number in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{number}/comm") as file:
                if file.read().strip() == name:
                    return int(number)
        raise SystemExit(f"no thread {name}")

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        print(self.after("SIGTERM"))
        print("exit code", self.process.wait(PATIENCE))
        # Those that were sent before.
        rest = self.next(0.5)
        print("after that:", rest)


def life(program, address):
    gateway = Gateway(program, address)
    print(gateway.after("start"))
    print("sign of life:", [gateway.next(), gateway.next()])
    gateway.process.send_signal(signal.SIGHUP)
    print(gateway.after("SIGHUP"))
    print(gateway.after("and then"))
    gateway.end()


def stuck(program):
    """One shard of two stops; the rest of the process does not."""
    gateway = Gateway(program, "@" + os.getcwd())
    print(gateway.after("start"))
    print("sign of life:", gateway.next())
    library = ctypes.CDLL(None, use_errno=True)
    thread = gateway.thread("shard-1")
    if library.ptrace(PTRACE_ATTACH, thread, 0, 0) != 0:
        raise SystemExit(f"ptrace: {os.strerror(ctypes.get_errno())}")
    os.waitpid(thread, WALL)
    # It may have turned after the last sign.
    gateway.next(LIMIT / 2)
    print("with a shard that stands still:", gateway.next(2 * LIMIT), gateway.answers())
    library.ptrace(PTRACE_DETACH, thread, 0, 0)
    print("and when it goes on:", gateway.next())
    gateway.end()


def other(program):
    """The variables are another process's: no sign of life is asked of this one."""
    gateway = Gateway(program, os.path.join(os.getcwd(), "notify"), WATCHDOG_PID="1")
    print(gateway.after("start"))
    print("sign of life:", gateway.next(LIMIT))
    gateway.end()


scenario = sys.argv[2]
if scenario == "path":
    life(sys.argv[1], os.path.join(os.getcwd(), "notify"))
elif scenario == "abstract":
    life(sys.argv[1], "@" + os.getcwd())
elif scenario == "stuck":
    stuck(sys.argv[1])
else:
    other(sys.argv[1])

"""Gateways that come into the trouble that each alert of config/prometheus/alerts.yml is about, and out of it again.

A scene has gateways of its own. `brings` names the alerts that it brings about, with how; `also` those that follow from
the same. What it does is what happens to a gateway: nothing is written to it that a person or a machine would not do,
but for the clock of `Deliveries`, and the books of `Cluster` that are changed on the disk.
"""
import contextlib
import ctypes
import http.client
import http.server
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import paho.mqtt.client as mqtt

from console_gateway import MailServer
from gateway_process import Gateway, connect_packet, connection, credentials, until
from mqtt_client import connected

CONFIGURATION = """shards: 1
admin: {port: 0, requestsPerSecond: 100000}
storage: {ledgerMapBytes: 268435456, usageMapBytes: 67108864}
activation: {secretLengthMinimum: 1, freeCodes: {policy: none}}
listeners:
  - {name: local, port: 0, tls: false}
"""
ROOT = os.geteuid() == 0


def furnish(gateway, codes=20, devices=20, days=365):
    """An account, codes, and a product with devices d1, d2, ..., whose secrets are `secret`."""
    send = gateway.send
    send("POST", "/v1/packages", {"id": "basic", "name": "Basic", "validityDays": days, "messagesPerDay": 1_000_000})
    send("POST", "/v1/accounts", {"id": "acme", "name": "Acme", "kind": "enterprise"})
    send("POST", "/v1/products", {"pk": "lamp", "name": "Lamp", "account": "acme"})
    buy(gateway, codes)
    add(gateway, (f"d{number}" for number in range(1, devices + 1)))


def buy(gateway, codes, pk="lamp"):
    gateway.send("POST", "/v1/accounts/acme/purchases", {"package": "basic", "quantity": codes, "product": pk})


def add(gateway, names, pk="lamp"):
    rows = "".join(f"{name},secret\n" for name in names)
    gateway.send("POST", f"/v1/products/{pk}/devices", ("dk,secret\n" + rows).encode(), kind="text/csv")


def device(gateway, name, pk="lamp"):
    """A client that is connected."""
    return connected(gateway, *credentials(pk, name, "secret"))


def application(gateway, key):
    """A client that is connected, and subscribed to what devices say, in a session that stays."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="back end", clean_session=False)
    client.username_pw_set(key["userName"], key["secret"])
    subscribed = threading.Event()
    client.on_connect = lambda *_: client.subscribe("d/lamp/+/up/#", 1)
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect("127.0.0.1", gateway.port())
    client.loop_start()
    until(subscribed.is_set, "the application subscribes")
    return client


class Repeated(threading.Thread):
    """Does something again and again, until `stop`."""

    def __init__(self, work, pause=0.0):
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.work, self.pause = work, pause
        self.start()

    def run(self):
        while not self.over.wait(self.pause):
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.work()

    def stop(self):
        self.over.set()
        self.join()


class Scene:
    name = ""
    brings = {}
    also = set()
    settings = ()
    before = ()
    environment = None

    def __init__(self, root, program, place):
        self.root, self.program = root, program
        self.place = os.path.join(place, self.name)
        os.makedirs(self.place)

    def file(self, *names):
        return os.path.join(self.place, *names)

    def prepare(self):
        """Everything is well then."""
        self.gateway = self.make()
        furnish(self.gateway)

    def make(self):
        words = [word for setting in self.settings for word in ("--set", setting)]
        return Gateway(self.program, CONFIGURATION, self.place, words, self.before, self.environment)

    def again(self, *settings):
        """Starts the gateway anew at the same port of HTTP, where Prometheus looks for it."""
        port = self.gateway.url.rsplit(":", 1)[1]
        words = [word for setting in (*self.settings, f"admin.port={port}", *settings) for word in ("--set", setting)]
        self.gateway.serve(words)

    def targets(self):
        return {self.name: self.gateway.url.removeprefix("http://")}

    @classmethod
    def impossible(cls):
        """Why this machine can't have it; None when it can."""
        return None

    def at(self, alert):
        """The `instance` that the alert is told of."""
        return self.name

    def play(self, watch):
        """Into the trouble, until each alert has fired; out of it, until each is resolved."""
        self.trouble()
        self.fire(watch, self.brings)
        self.cure()
        self.resolve(watch, self.brings)

    def fire(self, watch, alerts):
        for alert in alerts:
            watch.fires(alert, self.at(alert))

    def resolve(self, watch, alerts):
        for alert in alerts:
            watch.ends(alert, self.at(alert))

    def trouble(self):
        pass

    def cure(self):
        pass

    def end(self):
        with contextlib.suppress(AttributeError):
            if self.gateway.process.poll() is None:
                self.gateway.end(signal.SIGKILL)


class Healthy(Scene):
    """A device that comes, sends and goes: no alert ever."""
    name = "healthy"

    def prepare(self):
        super().prepare()
        self.client = device(self.gateway, "d1")
        self.life = Repeated(lambda: self.client.publish("d/lamp/d1/up/state", b"on", qos=1), 0.2)

    def end(self):
        with contextlib.suppress(AttributeError):
            self.life.stop()
            self.client.loop_stop()
        super().end()


class Killed(Scene):
    name = "killed"
    brings = {"TollgateDown": "its process is killed (SIGKILL)"}

    def trouble(self):
        self.gateway.end(signal.SIGKILL)

    def cure(self):
        self.again()


class Fleet(Scene):
    """Devices, and those who would be some. Who tries has addresses of its own, which are held back."""
    name = "fleet"
    brings = {
        "TollgateNoCodeLeft": "devices d11 to d20 connect, and its ten codes are consumed",
        "TollgateCodesRunLow": "the same",
        "TollgateRenewalsShort": "the same, and ten devices end within ten days",
        "TollgateBadCredentials": "one address connects 30 times a second with a wrong secret",
        "TollgateWrongTokens": "the API is asked five times a second with a wrong token",
        "TollgateCertificateEnds": "a certificate for five days, and SIGHUP",
        "TollgateAuthorityEnds": "an account's authority whose certificate is for five days",
        "TollgateRevocationListOverdue": "and its list of revoked certificates, of yesterday",
    }
    settings = ("tls.certificate=cert.pem", "tls.key=key.pem")

    def certify(self, days):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
             str(days), "-subj", "/CN=x", "-keyout", self.file("key.pem"), "-out", self.file("cert.pem")],
            check=True, capture_output=True)

    def vouch(self):
        """Registers an authority of the account's, and gives a list that was for a day."""
        def openssl(*words):
            subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=self.place)

        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        openssl("req", "-x509", *key, "-days", "5", "-subj", "/CN=Acme factory", "-keyout", "factory.key",
                "-out", "factory.pem", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        code = self.gateway.send("GET", "/v1/accounts/acme/authority-code")["code"]
        openssl("req", "-x509", *key, "-days", "1", "-subj", f"/CN={code}", "-CA", "factory.pem",
                "-CAkey", "factory.key", "-keyout", "proof.key", "-out", "proof.pem",
                "-addext", "basicConstraints=critical,CA:FALSE")
        pathlib.Path(self.file("factory.cnf")).write_text(
            "[ca]\ndefault_ca = own\n[own]\ndatabase = factory.index\ncrlnumber = factory.number\ndefault_md = sha256\n")
        pathlib.Path(self.file("factory.index")).write_text("")
        pathlib.Path(self.file("factory.number")).write_text("01\n")
        day = [time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() - ago)) for ago in (2 * 86_400, 86_400)]
        openssl("ca", "-config", "factory.cnf", "-gencrl", "-cert", "factory.pem", "-keyfile", "factory.key",
                "-crl_lastupdate", day[0], "-crl_nextupdate", day[1], "-out", "factory.crl")

        def text(name):
            return pathlib.Path(self.file(name)).read_text()

        self.authority = "/v1/accounts/acme/authorities/" + self.gateway.send(
            "POST", "/v1/accounts/acme/authorities",
            {"name": "Factory", "certificate": text("factory.pem"), "proof": text("proof.pem")})["id"]
        self.gateway.send("PUT", f"{self.authority}/crl", {"crl": text("factory.crl")})

    def make(self):
        self.certify(90)
        secure = "  - {name: secure, port: 0, tls: true}\n"
        words = [word for setting in self.settings for word in ("--set", setting)]
        return Gateway(self.program, CONFIGURATION + secure, self.place, words)

    def prepare(self):
        self.gateway = self.make()
        furnish(self.gateway, codes=10, days=10)
        for number in range(1, 6):
            self.gateway.send("POST", f"/v1/products/lamp/devices/d{number}/activate")
        self.host, port = self.gateway.url.removeprefix("http://").split(":")
        self.http, self.mqtt = int(port), self.gateway.port()

    def connect(self, name, secret, source=None):
        with socket.create_connection(("127.0.0.1", self.mqtt), 10, source and (source, 0)) as link:
            link.sendall(connect_packet("lamp", name, secret))
            link.recv(4)

    def ask(self):
        connection = http.client.HTTPConnection(self.host, self.http, 10, source_address=("127.0.0.3", 0))
        connection.request("GET", "/v1/accounts", headers={"Authorization": "Bearer wrong"})
        connection.getresponse().read()
        connection.close()

    def trouble(self):
        for number in range(6, 21):
            self.connect(f"d{number}", "secret")
        self.certify(5)
        self.vouch()
        self.gateway.process.send_signal(signal.SIGHUP)
        self.tries = [
            Repeated(lambda: self.connect("d1", "wrong", "127.0.0.2"), 0.03), Repeated(self.ask, 0.2),
            Repeated(lambda: self.connect("d20", "secret"), 1)]

    def cure(self):
        for attempt in self.tries:
            attempt.stop()
        buy(self.gateway, 100)
        self.gateway.send("DELETE", self.authority)
        self.certify(90)
        self.gateway.process.send_signal(signal.SIGHUP)


class Stores(Scene):
    """Books in a map of 2 MiB."""
    name = "stores"
    brings = {
        "TollgateMapFilling": "devices are imported into books of 2 MiB",
        "TollgateStoreFails": "until they have no room",
    }
    also = {"TollgateNotReady", "TollgateDown"}
    settings = ("storage.ledgerMapBytes=2097152",)

    def trouble(self):
        for part in range(1_000):
            rows = "".join(f"more-{part}-{number},secret\n" for number in range(500))
            status, _ = self.gateway.ask(
                "POST", "/v1/products/lamp/devices", ("dk,secret\n" + rows).encode(), kind="text/csv")
            failures = self.gateway.ask("GET", "/metrics")[1].decode()
            if 'requests_failed_total{store="ledger"} 0\n' not in failures:
                return
        sys.exit(f"books of 2 MiB have taken 500,000 devices; the last answer was {status}")

    def cure(self):
        self.gateway.end()
        self.again("storage.ledgerMapBytes=67108864")


class Disk(Scene):
    """Stores in memory of a mount namespace's own, of 20 GB, and then of less than messages leave free."""
    name = "disk"
    brings = {
        "TollgateDiskFilling": "the file system of its stores has 300 MB only",
        "TollgateMessagesNotStored": "the same, of which stored messages leave 1 GiB free",
    }
    before = ("unshare", *(["-m"] if ROOT else ["-rm"]), "sh", "-c",
              'mkdir -p data && mount -t tmpfs -o size=20g,mode=700 tmpfs data && exec "$@"', "sh")

    @classmethod
    def impossible(cls):
        with tempfile.TemporaryDirectory() as place:
            done = subprocess.run([*cls.before, "true"], cwd=place, capture_output=True, text=True)
        return None if done.returncode == 0 else f"no file system can be mounted: {done.stderr.strip()}"

    def prepare(self):
        super().prepare()
        self.gateway.send("PATCH", "/v1/products/lamp", {"messageLog": True})
        self.client = device(self.gateway, "d1")
        self.life = Repeated(lambda: self.client.publish("d/lamp/d1/up/state", b"on", qos=1), 0.2)

    def resize(self, size):
        user = [] if ROOT else ["-U", "--preserve-credentials"]
        subprocess.run(
            ["nsenter", "-t", str(self.gateway.process.pid), *user, "-m", "mount", "-o", f"remount,size={size}",
             self.file("data")], check=True)

    def trouble(self):
        self.resize("300m")

    def cure(self):
        self.resize("20g")

    def end(self):
        with contextlib.suppress(AttributeError):
            self.life.stop()
            self.client.loop_stop()
        super().end()


class Descriptors(Scene):
    """A limit of 2,000 descriptors, of which HTTP has eight."""
    name = "descriptors"
    brings = {"TollgateDescriptorsRunLow": "1,850 connections, with a limit of 2,000 descriptors"}
    before = ("prlimit", "--nofile=2000:2000")
    settings = ("admin.connections=8", "limits.connectTimeoutSeconds=300", "limits.exemptNetworks=127.0.0.0/8")

    def trouble(self):
        self.links = [connection(self.gateway.port()) for _ in range(1_850)]

    def cure(self):
        for link in self.links:
            link.close()


class Behind(Scene):
    """An application that is away, and a device that goes on."""
    name = "behind"
    brings = {"TollgateApplicationBehind": "its queue has room for 20 messages, and a device sends 30"}
    settings = ("limits.queueMessages=20",)

    def prepare(self):
        super().prepare()
        self.key = self.gateway.send("POST", "/v1/keys", {"name": "Back end", "role": "application"})
        client = application(self.gateway, self.key)
        client.disconnect()
        client.loop_stop()

    def trouble(self):
        client = device(self.gateway, "d1")
        sent = [client.publish("d/lamp/d1/up/state", b"on", qos=1) for _ in range(30)]
        for message in sent:
            message.wait_for_publish(60)
        client.disconnect()
        client.loop_stop()

    def cure(self):
        self.client = application(self.gateway, self.key)

    def end(self):
        if hasattr(self, "client"):
            self.client.loop_stop()
        super().end()


class Slow(Scene):
    """A disk that takes 0.3 s for a flush, and a shard that stands still for as long again and again, as on a machine
    that has too much to do.
    """
    name = "slow"
    brings = {
        "TollgateStoreSlow": "each flush of its books takes 0.3 s (Tests/Faults)",
        "TollgateLoopSlow": "its shard is stopped for 0.3 s again and again (ptrace)",
    }
    # A scrape may take longer than its second then, and a gateway with such a shard says that it is not ready (loop-lag).
    also = {"TollgateDown", "TollgateNotReady"}
    PTRACE_ATTACH, PTRACE_DETACH, WALL = 16, 17, 0x40000000

    def prepare(self):
        library = self.file("faults.so")
        subprocess.run(
            ["gcc", "-shared", "-fPIC", "-o", library, os.path.join(self.root, "Tests/Faults/faults.c"), "-ldl"],
            check=True)
        self.environment = {"LD_PRELOAD": library, "FAULT_RULES": self.file("rules")}
        super().prepare()
        self.gateway.send("POST", "/v1/products/lamp/devices/d2/activate")

    def stop_shard(self):
        """All by one thread: only it may let the shard go on."""
        library = ctypes.CDLL(None, use_errno=True)
        if library.ptrace(self.PTRACE_ATTACH, self.shard, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")
        os.waitpid(self.shard, self.WALL)
        time.sleep(0.3)
        library.ptrace(self.PTRACE_DETACH, self.shard, 0, 0)

    def change(self):
        for verb in ("disable", "enable"):
            self.gateway.ask("POST", f"/v1/products/lamp/devices/d2/{verb}")

    def trouble(self):
        tasks = pathlib.Path(f"/proc/{self.gateway.process.pid}/task").iterdir()
        self.shard = next(int(task.name) for task in tasks if (task / "comm").read_text() == "shard-0\n")
        with open(self.file("rules.new"), "w") as file:
            file.write("fdatasync ledger/data.mdb 0 0 0 300 slow\n")
        os.replace(self.file("rules.new"), self.file("rules"))
        # More than it can read: the shard is always in a turn.
        self.link = socket.create_connection(("127.0.0.1", self.gateway.port()), 10)
        self.link.sendall(connect_packet("lamp", "d1", "secret"))
        topic = b"d/lamp/d1/up/state"
        message = b"\x30" + bytes([2 + len(topic) + 2]) + len(topic).to_bytes(2, "big") + topic + b"on"
        self.work = [
            Repeated(self.change), Repeated(lambda: self.link.sendall(1_000 * message)),
            Repeated(self.stop_shard, 0.05)]

    def cure(self):
        os.remove(self.file("rules"))
        self.rest()
        self.link.close()

    def rest(self):
        for work in getattr(self, "work", []):
            work.stop()

    def end(self):
        # A process with a thread that is being traced does not end.
        self.rest()
        super().end()


class Receiver(http.server.BaseHTTPRequestHandler):
    """Answers a webhook with the status of its server, and counts."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.server.count += 1
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *words):
        pass


class Deliveries(Scene):
    """A receiver that answers 500, and a mail server that knows no Bob. Once the webhook has failed for so long that
    there is an alert, the gateway's clock is set on, so that the day in which an event is tried passes.
    """
    name = "deliveries"
    brings = {
        "TollgateWebhooksFail": "its webhook's receiver answers 500",
        "TollgateAlertMailFails": "the mail server refuses an address for good (550)",
        "TollgateWebhookGivenUp": "the clock is set on from attempt to attempt (faketime)",
    }
    also = {"TollgateCodesRunLow"}
    settings = ("webhooks.allowPrivateAddresses=true", "webhooks.allowPlainHTTP=true", "activation.clockAheadHours=0",
                "smtp.host=127.0.0.1", "smtp.security=none", "smtp.from=alerts@gate.example")

    def prepare(self):
        libraries = [f"/usr/lib/{machine}-linux-gnu/faketime/libfaketimeMT.so.1" for machine in ("x86_64", "aarch64")]
        library = next((path for path in libraries if os.path.exists(path)), None)
        if library is None:
            sys.exit("Debian's package faketime is missing")
        # The library makes memory that its processes share, and changes the environment for that, behind which Swift
        # does not find a program's arguments any more: the memory is made by `faketime`, which stays.
        self.holder = subprocess.Popen(
            ["faketime", "-m", "-f", "+0", "sh", "-c", "echo $FAKETIME_SHARED; read line"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ahead = 0
        self.set_clock()
        self.environment = {
            "LD_PRELOAD": library, "FAKETIME_SHARED": self.holder.stdout.readline().strip(),
            "FAKETIME_TIMESTAMP_FILE": self.file("clock"), "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
        self.receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self.receiver.status, self.receiver.count = 204, 0
        threading.Thread(target=self.receiver.serve_forever, daemon=True).start()
        self.settings = (*self.settings, f"smtp.port={MailServer().server_address[1]}")
        super().prepare()
        send = self.gateway.send
        send("PUT", "/v1/accounts/acme/contacts/bob@example.org", {"name": "Bob"})
        send("POST", "/v1/webhooks", {
            "name": "failing", "url": f"http://127.0.0.1:{self.receiver.server_address[1]}/"})
        send("POST", "/v1/products/lamp/devices/d1/activate")
        until(lambda: self.receiver.count, "a delivery")

    def set_clock(self):
        new = self.file("clock.new")
        with open(new, "w") as file:
            file.write(f"+{self.ahead}\n")
        os.replace(new, self.file("clock"))

    def trouble(self):
        self.receiver.status = 500
        # Of twenty codes one is left.
        for number in range(2, 20):
            self.gateway.send("POST", f"/v1/products/lamp/devices/d{number}/activate")

    def play(self, watch):
        self.trouble()
        self.fire(watch, list(self.brings)[:2])
        passing = Repeated(self.pass_time, 0.5)
        self.fire(watch, self.brings)
        self.receiver.status = 204
        self.resolve(watch, self.brings)
        passing.stop()

    def pass_time(self):
        self.ahead += 3_600
        self.set_clock()

    def end(self):
        super().end()
        with contextlib.suppress(AttributeError):
            self.receiver.shutdown()
            self.holder.stdin.close()
            self.holder.wait()


class Unsent(Scene):
    """The program stands alone: what sends to webhooks is not beside it."""
    name = "unsent"
    brings = {"TollgateNothingSent": "tollgate-courier is not there"}
    # When it is there, it finds that no receiver is.
    also = {"TollgateWebhooksFail"}
    settings = ("webhooks.allowPrivateAddresses=true", "webhooks.allowPlainHTTP=true")

    def prepare(self):
        self.courier = os.path.join(os.path.dirname(self.program), "tollgate-courier")
        os.mkdir(self.file("alone"))
        alone = self.file("alone", "tollgate")
        try:
            os.link(self.program, alone)
        except OSError:
            shutil.copy(self.program, alone)
        self.program = alone
        super().prepare()

    def trouble(self):
        self.gateway.send("POST", "/v1/webhooks", {"name": "unsent", "url": "http://127.0.0.1:9/"})
        self.gateway.send("POST", "/v1/products/lamp/devices/d1/activate")

    def cure(self):
        shutil.copy(self.courier, self.file("alone"))

"""Three gateways with the same books, on one NATS server: the scene of the alerts about clusters and streams."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

from gateway_process import Gateway, connect_packet, connection, until
from monitoring_scenes import CONFIGURATION, Scene, add, buy, device, furnish
from prometheus_process import free_port

NAMES = ["n1", "n2", "n3"]
# A little more than the alert's 10,000.
WAITING = 10_200


class NATSServer:
    """One with JetStream, of which the gateway may ask how it syncs (Operating.md, "A cluster")."""

    def __init__(self, root, place):
        self.program = os.path.join(root, ".build-venv/bin/nats-server")
        self.port, self.place = free_port(), place
        with open(os.path.join(place, "nats.conf"), "w") as file:
            file.write(f"""
server_name: n0
listen: "127.0.0.1:{self.port}"
jetstream {{ store_dir: "{place}/nats", max_file_store: 1GB, sync_interval: always }}
accounts {{
    TOLLGATE: {{
        jetstream: enabled, users: [ {{ user: tollgate, password: "correct horse" }} ]
        imports: [ {{ service: {{ account: "$SYS", subject: "$SYS.REQ.SERVER.PING.JSZ" }} }} ]
    }}
    "$SYS": {{ exports: [ {{ service: "$SYS.REQ.SERVER.PING.JSZ", response: stream }} ] }}
}}
""")
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [self.program, "-c", os.path.join(self.place, "nats.conf"), "-l", os.path.join(self.place, "nats.log")])
        until(self.answers, "the NATS server")

    def answers(self):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Cluster(Scene):
    name = "cluster"
    # Each at the gateway that tells of it.
    brings = {
        "TollgateClusterDiffers": "a device's name in the books of n3 is another one (a byte of data.mdb)",
        "TollgateClusterStopped": "the same: n3 finds out that the others have other books",
        "TollgateNotReady": "the NATS server is ended",
        "TollgateClusterLog": "the same",
        "TollgateClusterPeer": "the same: the nodes reach each other over it",
        "TollgateClusterBehind": "n3 is started while the log is away, and joins until it is there again",
        "TollgateClusterWaits": f"{WAITING:,} devices connect for the first time meanwhile",
        "TollgateUplinkAway": "a product's stream is on the same server",
        "TollgateUplinkFails": "the same: its device publishes, and is told after 20 s that it is not stored",
    }
    also = {"TollgateDown"}

    def prepare(self):
        self.gateways, self.urls = {}, {}
        self.server = NATSServer(self.root, self.place)
        for name in [*NAMES, "n4"]:
            os.mkdir(self.file(name))
            with open(self.file(name, "nats.password"), "w") as file:
                file.write("correct horse\n")
            with open(self.file(name, "tollgate.yaml"), "w") as file:
                file.write(CONFIGURATION)
        self.verb("n1", "cluster", "join", "--found")
        first = self.gateways["n1"] = self.serve("n1")
        furnish(first, codes=2 * WAITING)
        first.send("POST", "/v1/products", {"pk": "meter", "name": "Meter", "account": "acme"})
        buy(first, 10, "meter")
        add(first, ["u1"], "meter")
        first.send("PUT", "/v1/products/meter/uplink", {"stream": "METERS"})
        add(first, ["odd-device-1", *(f"w{number}" for number in range(WAITING))])
        for name in NAMES[1:]:
            self.join(name)
            self.gateways[name] = self.serve(name)
        self.client = device(first, "u1", "meter")
        self.client.publish("d/meter/u1/up/state", b"on", qos=1).wait_for_publish(30)
        self.ready()

    def ready(self):
        for gateway in self.gateways.values():
            until(lambda: gateway.ask("GET", "/readyz")[0] == 200, f"{gateway.directory} is ready")

    def words(self, name, *more):
        settings = (
            f"cluster.node={name}", f"cluster.servers=nats://127.0.0.1:{self.server.port}", "cluster.user=tollgate",
            "cluster.passwordFile=nats.password", "cluster.replicas=1", *more)
        return [word for setting in settings for word in ("--set", setting)]

    def verb(self, name, *words):
        done = subprocess.run(
            [self.program, *words, *self.words(name)], cwd=self.file(name), capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(words)}: {done.stderr}")

    def join(self, name):
        first = self.gateways["n1"]
        os.mkdir(self.file(name, "data.secrets"))
        for key in ("device-secrets.key", "mint.key", "ticket.key"):
            shutil.copy(first.path("data.secrets", key), self.file(name, "data.secrets"))
        self.verb(name, "cluster", "join", "--from", first.url, "--token-file", first.path("data", "admin.token"))

    def serve(self, name):
        return Gateway(self.program, CONFIGURATION, self.file(name), self.words(name))

    def port_of(self, gateway):
        return f"admin.port={gateway.url.rsplit(':', 1)[1]}"

    def again(self, name, node):
        gateway = self.gateways[name]
        gateway.serve(self.words(node, self.port_of(gateway)))

    def targets(self):
        return {name: gateway.url.removeprefix("http://") for name, gateway in self.gateways.items()}

    def at(self, alert):
        return "n3" if alert in ("TollgateClusterStopped", "TollgateClusterBehind") else "n1"

    def play(self, watch):
        of_books, of_the_log = list(self.brings)[:2], list(self.brings)[2:]
        self.differ()
        self.fire(watch, of_books)
        self.replace()
        self.resolve(watch, of_books)
        self.gateways["n3"].end()
        self.server.stop()
        self.again("n3", "n4")
        self.client.publish("d/meter/u1/up/state", b"off", qos=1)
        self.wait_in_line()
        self.fire(watch, of_the_log)
        self.server.start()
        self.resolve(watch, of_the_log)

    def differ(self):
        """Takes the books of n3 another way than the others'."""
        self.gateways["n3"].end()
        books = self.file("n3", "data", "ledger", "data.mdb")
        with open(books, "r+b") as file:
            text = file.read()
            if b"odd-device-1" not in text:
                sys.exit("the books don't have the device")
            file.seek(0)
            file.write(text.replace(b"odd-device-1", b"odd-device-2"))
        self.again("n3", "n3")
        self.ready()
        # Carried out by two, refused by n3; and then each says how far it is, n3 before the others.
        for name, path in [("n1", "odd-device-1/disable"), ("n3", "d1/activate"), ("n1", "d2/activate"),
                           ("n2", "d3/activate"), ("n1", "d4/activate")]:
            self.gateways[name].ask("POST", f"/v1/products/lamp/devices/{path}")

    def replace(self):
        """The node with the wrong books is removed, and another one joins in its place, where Prometheus looks for it."""
        old = self.gateways["n3"]
        old.end()
        self.gateways["n1"].send("DELETE", "/v1/cluster/nodes/n3")
        self.join("n4")
        self.gateways["n3"] = Gateway(
            self.program, CONFIGURATION, self.file("n4"), self.words("n4", self.port_of(old)))
        self.ready()

    def wait_in_line(self):
        """First connects of devices that are gone again before the log has taken their commands."""
        port, links = self.gateways["n1"].port(), []
        for number in range(WAITING):
            link = connection(port)
            link.sendall(connect_packet("lamp", f"w{number}", "secret"))
            links.append(link)
            if len(links) > 500:
                links.pop(0).close()
        time.sleep(1)
        for link in links:
            link.close()

    def end(self):
        for gateway in getattr(self, "gateways", {}).values():
            if gateway.process.poll() is None:
                gateway.end(signal.SIGKILL)
        with contextlib.suppress(AttributeError):
            self.client.loop_stop()
            self.server.stop()

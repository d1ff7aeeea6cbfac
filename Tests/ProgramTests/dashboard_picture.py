"""A picture of the dashboard for the documents: config/grafana/tollgate.json, with the figures of a gateway that works,
refuses, runs out of codes and has devices near their expiry.

usage: dashboard_picture.py ROOT PROGRAM LOAD DIRECTORY

PROGRAM is `tollgate`, LOAD `tollgate-load`; leaves dashboard.png in DIRECTORY. The figures are the answers of a real
Prometheus to the panels' queries. What draws them is dashboard_drawing.py, not Grafana.
"""
import base64
import http.server
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib

import paho.mqtt.client as mqtt
from playwright.sync_api import sync_playwright

from console_gateway import MailServer
from dashboard_drawing import page_of
from gateway_process import Gateway, connect_packet, credentials
from monitoring_scenes import Receiver, Repeated
from mqtt_client import connected
from prometheus_process import Prometheus

SECONDS = 150
WIDTH = 1440
CONFIGURATION = """shards: 2
admin: {port: 0, requestsPerSecond: 100000}
storage: {ledgerMapBytes: 1073741824, usageMapBytes: 268435456}
activation: {secretLengthMinimum: 1, freeCodes: {policy: none}}
metering: {flushIntervalSeconds: 1}
tls: {certificate: cert.pem, key: key.pem}
webhooks: {allowPrivateAddresses: true, allowPlainHTTP: true}
smtp: {host: 127.0.0.1, port: %d, security: none, from: alerts@gate.example}
listeners:
  - {name: local, port: 0, tls: false}
  - {name: secure, port: 0, tls: true}
"""
# Key, name, package, devices, codes.
PRODUCTS = [
    ("StreetLamp", "Street lamp", "standard", 400, 1000), ("WaterMeter", "Water meter", "standard", 300, 600),
    ("DoorLock", "Door lock", "trial", 240, 150)]


def furnish(gateway):
    send = gateway.send
    send("POST", "/v1/packages", {"id": "standard", "name": "Standard", "validityDays": 1825, "messagesPerDay": 1500})
    send("POST", "/v1/packages", {"id": "trial", "name": "Trial", "validityDays": 25, "messagesPerDay": 40})
    send("POST", "/v1/accounts", {"id": "acme", "name": "Acme Lighting", "kind": "enterprise"})
    for pk, name, package, devices, codes in PRODUCTS:
        send("POST", "/v1/products", {"pk": pk, "name": name, "account": "acme"})
        send("POST", "/v1/accounts/acme/purchases", {"package": package, "quantity": codes, "product": pk})
        names = [f"{pk.lower()}-{number:03}" for number in range(devices)]
        rows = "".join(f"{name},secret\n" for name in names)
        send("POST", f"/v1/products/{pk}/devices", ("dk,secret\n" + rows).encode(), kind="text/csv")
        with open(gateway.path(f"{pk}.csv"), "w") as fleet:
            fleet.write("pk,dk,secret\n")
            fleet.writelines(f"{pk},{name},secret\n" for name in names)
    send("PUT", "/v1/accounts/acme/contacts/bob@example.org", {"name": "Bob"})


def application(gateway):
    """A back end that reads what lamps send, and sends to some of them."""
    key = gateway.send("POST", "/v1/keys", {"name": "Back end", "role": "application", "products": ["StreetLamp"]})
    link = connected(gateway, "back-end", key["userName"], key["secret"], protocol=mqtt.MQTTv5)
    link.subscribe("d/StreetLamp/+/up/#", qos=1)
    return link


class Work:
    """What happens at the gateway: processes of the load harness, and threads of this script."""

    def __init__(self, gateway, load):
        self.gateway, self.load = gateway, load
        self.processes, self.threads, self.clients = [], [], []
        self.secure = gateway.said().split("listener 'secure' on mqtts://")[1].split()[0]

    def harness(self, verb, fleet, *words):
        self.processes.append(subprocess.Popen(
            [self.load, verb, "--fleet", self.gateway.path(f"{fleet}.csv"), "--url", f"mqtts://{self.secure}", "--quiet",
             *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def repeat(self, pause, work):
        self.threads.append(Repeated(work, pause))

    def knock(self, pk, dk, secret):
        with socket.create_connection(("127.0.0.1", self.gateway.port()), 10) as link:
            link.sendall(connect_packet(pk, dk, secret))
            link.recv(4)

    def device(self, pk, dk):
        name, user, code = credentials(pk, dk, "secret")
        link = connected(self.gateway, name, user, code, protocol=mqtt.MQTTv5)
        self.clients.append(link)
        return link

    def run(self):
        send = self.gateway.send
        self.clients.append(application(self.gateway))
        self.harness("publish", "StreetLamp", "--count", "300", "--seconds", str(SECONDS), "--rate", "400", "--ramp", "30")
        self.repeat(1, lambda: send("GET", "/v1/products/StreetLamp/devices?limit=100"))
        self.repeat(0.3, lambda: send("GET", "/v1/products/DoorLock"))
        time.sleep(15)
        self.harness("connect", "WaterMeter", "--count", str(15 * SECONDS), "--rate", "15", "--concurrency", "16", "--resume")
        # Of 240 locks 150 get a code.
        self.harness("activate", "DoorLock", "--count", "240", "--rate", "3")
        time.sleep(15)
        lamp = self.device("StreetLamp", "streetlamp-390")
        # Over 40 messages a day, and what no device may publish.
        lock = self.device("DoorLock", "doorlock-000")
        self.repeat(0.2, lambda: lock.publish("d/DoorLock/doorlock-000/up/state", b"closed", qos=1))
        self.repeat(0.5, lambda: lamp.publish("d/StreetLamp/streetlamp-391/up/state", b"on", qos=1))
        time.sleep(20)
        wrong = Repeated(lambda: self.knock("WaterMeter", "watermeter-007", "wrong"), 0.1)
        self.repeat(0.5, lambda: self.gateway.ask("GET", "/v1/accounts/nowhere"))
        send("POST", "/v1/products/StreetLamp/devices/streetlamp-399/disable")
        self.repeat(0.4, lambda: self.knock("StreetLamp", "streetlamp-399", "secret"))
        time.sleep(30)
        wrong.stop()

    def end(self):
        for thread in self.threads:
            thread.stop()
        for process in self.processes:
            process.terminate()
            # 1 says that requests were refused, as is meant.
            if process.wait() == 2:
                sys.exit(f"wrong usage of {process.args}")
        for link in self.clients:
            link.loop_stop()


def receiver(status):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.status, server.count = status, 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}/"


def answers(prometheus, dashboard, begin, end):
    """What Prometheus says to each query of each panel, as Grafana would ask it."""
    step = max(1, round((end - begin) / 300))
    # Grafana's: four scrapes, or a step and one.
    words = {"$__rate_interval": f"{max(4, step + 1)}s", "$instance": ".*"}
    found = {}
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            query = target["expr"]
            for word, value in words.items():
                query = query.replace(word, value)
            if target["instant"]:
                answer = prometheus.patiently("query", query=query, time=end)
            else:
                answer = prometheus.patiently("query_range", query=query, start=begin, end=end, step=step)
            found[panel["id"], target["refId"]] = answer["result"]
            if not answer["result"]:
                sys.exit(f"{panel['title']}: nothing for {query}")
    return found


# The 256 most frequent colours of a picture, and the number of the nearest for each of its points, as base64.
COLOURS = """async text => {
    const image = new Image();
    image.src = "data:image/png;base64," + text;
    await image.decode();
    const {width, height} = image, canvas = new OffscreenCanvas(width, height), context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const points = new Uint32Array(context.getImageData(0, 0, width, height).data.buffer), counts = new Map();
    for (const point of points) counts.set(point, (counts.get(point) ?? 0) + 1);
    const parts = colour => [colour & 255, colour >> 8 & 255, colour >> 16 & 255];
    const palette = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 256).map(([colour]) => parts(colour));
    const numbers = new Map();
    for (const colour of counts.keys()) {
        const [red, green, blue] = parts(colour);
        const far = palette.map(one => (one[0] - red) ** 2 + (one[1] - green) ** 2 + (one[2] - blue) ** 2);
        numbers.set(colour, far.indexOf(Math.min(...far)));
    }
    const bytes = Uint8Array.from(points, point => numbers.get(point));
    let found = "";
    for (let at = 0; at < bytes.length; at += 30000)
        found += String.fromCharCode(...bytes.subarray(at, at + 30000));
    return {width, height, palette, pixels: btoa(found)};
}"""


def small(page, picture):
    """A PNG with a palette: a third of the bytes."""
    found = page.evaluate(COLOURS, base64.b64encode(picture).decode())
    width, height, pixels = found["width"], found["height"], base64.b64decode(found["pixels"])
    rows = b"".join(b"\0" + pixels[at:at + width] for at in range(0, len(pixels), width))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    palette = b"".join(map(bytes, found["palette"]))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
            + chunk(b"PLTE", palette) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def main():
    root, program, load, directory = (os.path.abspath(word) for word in sys.argv[1:5])
    with open(os.path.join(root, "config/grafana/tollgate.json")) as file:
        dashboard = json.load(file)
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90",
             "-subj", "/CN=localhost", "-keyout", f"{place}/key.pem", "-out", f"{place}/cert.pem"],
            check=True, capture_output=True)
        gateway = Gateway(program, CONFIGURATION % MailServer().server_address[1], place)
        prometheus = work = None
        try:
            furnish(gateway)
            for name, status in [("Billing", 204), ("Old back end", 500)]:
                gateway.send("POST", "/v1/webhooks", {"name": name, "url": receiver(status)})
            prometheus = Prometheus(root, place, {"gw1:8080": gateway.url.removeprefix("http://")}, interval="1s")
            prometheus.patiently("status/buildinfo")
            begin = time.time()
            work = Work(gateway, load)
            work.run()
            time.sleep(max(0, begin + SECONDS - time.time()))
            end = time.time()
            figures = answers(prometheus, dashboard, begin, end)
        finally:
            if work:
                work.end()
            if prometheus:
                prometheus.end()
            code = gateway.end()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_context(locale="en-GB", viewport={"width": WIDTH, "height": 900}).new_page()
        page.set_content(page_of(dashboard, figures, begin, end, WIDTH))
        picture = small(page, page.screenshot(full_page=True))
        browser.close()
    with open(os.path.join(directory, "dashboard.png"), "wb") as file:
        file.write(picture)
    print(os.path.join(sys.argv[4], "dashboard.png"))
    if code:
        sys.exit(f"the gateway ended with {code}")


main()

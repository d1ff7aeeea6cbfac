"""Many devices upgrade to one image while the gateway is killed: each ends with one outcome and the right attempts.

    firmware_scenarios.py PROGRAM DEVICES KILLS IMAGE_BYTES single|campaign
"""
import asyncio
import atexit
import concurrent.futures
import hashlib
import http.client
import json
import os
import random
import signal
import socket
import sys
import time

from gateway_process import Gateway, connect_packet

program, devices, kills, size = sys.argv[1], *map(int, sys.argv[2:5])
is_campaign = sys.argv[5] == "campaign"
id = "campaign.spring" if is_campaign else "to-2.0"
# At once; others come when these have ended.
CONNECTED = 300
PATIENCE = 900


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


mqtt, api = free_port(), free_port()
gateway = Gateway(program, f"""
shards: 2
admin: {{port: {api}, requestsPerSecond: 1000000, connections: 5000, connectionsPerAddress: 5000}}
firmware: {{url: "http://127.0.0.1:{api}/", bytesPerSecond: 0}}
activation: {{secretLengthMinimum: 1}}
limits: {{exemptNetworks: [127.0.0.1/32]}}
storage: {{ledgerMapBytes: 1073741824, usageMapBytes: 1073741824}}
listeners:
  - {{name: local, port: {mqtt}, tls: false}}
""")
# Also when a step fails.
atexit.register(lambda: gateway.process.poll() is None and gateway.end(signal.SIGKILL))
names = [f"d{number}" for number in range(devices)]
image = random.Random(7).randbytes(size)
digest = hashlib.sha256(image).hexdigest()


def outcome(name):
    """What the device will say: one of eight fails."""
    return "failed" if int(name[1:]) % 8 == 3 else "succeeded"


def furnish():
    send = gateway.send
    send("POST", "/v1/accounts", {"id": "acme", "name": "Acme", "kind": "enterprise"})
    send("POST", "/v1/packages", {"id": "basic", "name": "Basic", "validityDays": 30, "otaPerMonth": 3})
    send("POST", "/v1/products", {"pk": "lamp", "name": "Lamp", "account": "acme"})
    send("POST", "/v1/accounts/acme/purchases", {"package": "basic", "quantity": devices, "product": "lamp"})
    rows = "dk,secret\n" + "".join(f"{name},s\n" for name in names)
    send("POST", "/v1/products/lamp/devices", rows.encode(), kind="text/csv")
    found = send("POST", f"/v1/products/lamp/firmware?firmware=2.0&sha256={digest}", image, kind="application/octet-stream")
    assert found["sha256"] == digest and found["stored"], found


def post(path, document):
    """Until it is answered, whatever happens to the gateway."""
    body = json.dumps(document)
    headers = {"Authorization": f"Bearer {gateway.token}", "Content-Type": "application/json"}
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", api, timeout=30)
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
            connection.close()
            if answer.status not in (429, 503):
                return answer.status, text
        except OSError:
            pass
        except http.client.HTTPException:
            pass
        time.sleep(0.1)
    sys.exit(f"waited in vain: {path}")


def start(name):
    """Asked for twice, as by a caller who has not heard the first answer."""
    for _ in range(2):
        status, text = post(f"/v1/products/lamp/devices/{name}/firmware", {"id": id, "firmware": "2.0"})
        # The device may have ended it meanwhile.
        if status != 201 and b"upgrade-reported" not in text:
            sys.exit(f"{name}: {status} {text}")


def campaign():
    plan = {"id": "spring", "firmware": "2.0", "perMinute": 6000, "endsAt": "2099-01-01", "stopPercent": 50}
    status, text = post("/v1/products/lamp/campaigns", plan)
    if status != 201 and b"already-exists" not in text:
        sys.exit(f"{status} {text}")


def publish(topic, payload, number):
    topic = topic.encode()
    rest = len(topic).to_bytes(2, "big") + topic + number.to_bytes(2, "big") + payload.encode()
    length = bytes([len(rest)]) if len(rest) < 128 else bytes([len(rest) % 128 | 128, len(rest) // 128])
    return b"\x32" + length + rest


async def packet(reader):
    """The first byte of a packet, and what follows its length."""
    first = (await reader.readexactly(1))[0]
    length = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return first, await reader.readexactly(length)


async def fetch(url, begin, end):
    """A range of the image; `None` when the link has ended."""
    path = url.split(f":{api}", 1)[1]
    assert path.startswith("/v1/firmware/"), url
    reader, writer = await asyncio.open_connection("127.0.0.1", api)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: g\r\nRange: bytes={begin}-{end - 1}\r\nConnection: close\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        status = int(head.split()[1])
        if status == 404:
            return None
        if status != 206:
            raise OSError(head)
        assert f"content-range: bytes {begin}-{end - 1}/{size}" in head.lower(), head
        return await reader.readexactly(end - begin)
    finally:
        writer.close()


class Device:
    said = ended = None
    notices = 0

    def __init__(self, name):
        self.name = name
        self.topic = f"d/lamp/{name}/sys/ota"
        self.whole = int(name[1:]) % 50 == 0
        self.have = bytearray()

    async def live(self):
        while not self.ended:
            writer = None
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", mqtt)
                await asyncio.wait_for(self.session(reader, writer), 60)
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
                await asyncio.sleep(random.uniform(0.05, 0.5))
            finally:
                if writer:
                    writer.close()

    async def session(self, reader, writer):
        writer.write(connect_packet("lamp", self.name, "s"))
        _, connack = await packet(reader)
        if connack[1]:
            raise OSError(f"CONNACK {connack[1]}")
        filter = f"d/lamp/{self.name}/sys/#".encode()
        rest = b"\x00\x01" + len(filter).to_bytes(2, "big") + filter + b"\x00"
        writer.write(b"\x82" + bytes([len(rest)]) + rest)
        if self.said:
            # It was not answered.
            writer.write(publish(self.topic + "/outcome", self.said, 2))
        while not self.ended:
            first, body = await packet(reader)
            if first >> 4 != 3:
                continue
            length = int.from_bytes(body[:2], "big")
            topic, document = body[2:2 + length].decode(), json.loads(body[2 + length:])
            if topic == self.topic:
                await self.upgrade(document, writer)
            elif topic == self.topic + "/ended":
                assert document["id"] == id, document
                self.ended = document["state"]

    async def upgrade(self, notice, writer):
        self.notices += 1
        assert notice["id"] == id and notice["sha256"] == digest and notice["size"] == size, notice
        if self.said:
            return
        if self.whole:
            # It goes on where it was.
            while len(self.have) < size:
                end = min(size, len(self.have) + 1_000_000)
                part = await fetch(notice["url"], len(self.have), end)
                if part is None:
                    return
                self.have += part
            assert hashlib.sha256(self.have).hexdigest() == digest
        else:
            for begin in (0, size // 2, max(0, size - 4096)):
                end = min(size, begin + 4096)
                part = await fetch(notice["url"], begin, end)
                if part is None:
                    return
                assert part == image[begin:end]
        writer.write(publish(self.topic + "/progress", json.dumps({"id": id, "percent": 100}), 3))
        self.said = json.dumps({"id": id, "outcome": outcome(self.name), "detail": "x"})
        writer.write(publish(self.topic + "/outcome", self.said, 4))


async def fleet():
    fleet = [Device(name) for name in names]
    gate = asyncio.Semaphore(CONNECTED)

    async def run(device):
        async with gate:
            await device.live()

    async def kill():
        for number in range(kills):
            wanted = devices * (number + 1) // (kills + 1)
            while sum(device.ended is not None for device in fleet) < wanted:
                await asyncio.sleep(0.01)
            gateway.end(signal.SIGKILL)
            # Also without a gateway for a moment.
            await asyncio.sleep(0.2)
            await asyncio.to_thread(gateway.serve)

    await asyncio.wait_for(asyncio.gather(kill(), *map(run, fleet)), PATIENCE)
    return fleet


furnish()
begin = time.monotonic()
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    # Devices have a code first: an upgrade is for active ones.
    for name in names:
        pool.submit(post, f"/v1/products/lamp/devices/{name}/activate", {})
    pool.shutdown(wait=True)
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    started = [pool.submit(campaign)] if is_campaign else [pool.submit(start, name) for name in names]
    found = asyncio.run(fleet())
    for task in started:
        task.result()
seconds = time.monotonic() - begin
wrong = []
for device in found:
    path = f"/v1/products/lamp/devices/{device.name}"
    upgrades = gateway.send("GET", f"{path}/upgrades")["items"]
    used = gateway.send("GET", f"{path}/upgrade-allowance")["used"]
    expected = outcome(device.name)
    right = (1 if size <= 5 << 20 else 2) if expected == "succeeded" else 0
    states = [upgrade["state"] for upgrade in upgrades]
    if states != [expected] or device.ended != expected or used != right:
        wrong.append((device.name, states, device.ended, used))
print("wrong:", wrong[:10])
if is_campaign:
    found_campaign = gateway.send("GET", "/v1/products/lamp/campaigns/spring")
    print("campaign:", [found_campaign[name] for name in ("state", "started", "open", "refused", "unreported")])
print("left:", gateway.send("GET", "/v1/products/lamp/firmware/2.0")["devices"])
events = {}
cursor = ""
while True:
    page = gateway.send("GET", f"/v1/events?limit=1000{cursor}")
    for event in page["items"]:
        events[event["change"]] = events.get(event["change"], 0) + 1
    if not page["cursor"]:
        break
    cursor = f"&cursor={page['cursor']}"
kinds = ("upgrade-requested", "upgrade-succeeded", "upgrade-failed", "firmware-offered", "upgrade-explained")
print("events:", [events.get(kind, 0) for kind in kinds])
print("problems of the books:", gateway.send("GET", "/v1/check")["problems"])
left = sorted(os.listdir(gateway.path("data", "firmware")))
print("files:", len(left))
print("exit code", gateway.end())
print(f"{devices} devices in {seconds:.1f} s, {sum(device.notices for device in found)} notices", file=sys.stderr)

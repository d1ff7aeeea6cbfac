#!/usr/bin/env python3
"""A lamp that connects to Tollgate over MQTT 5.

    lamp.py HOST PORT CA.pem PRODUCTKEY DEVICEKEY SECRET        runs until it is ended
    lamp.py --register HOST PORT CA.pem PRODUCTKEY DEVICEKEY PRODUCTSECRET   prints the device's secret
    lamp.py --sign PRODUCTKEY DEVICEKEY SECRET [TIMESTAMP]      prints what a CONNECT would carry
    lamp.py --sign-registration PRODUCTKEY DEVICEKEY PRODUCTSECRET RANDOM    the same for registering

Needs paho-mqtt 2: pip install paho-mqtt.
"""

import hashlib
import hmac
import json
import os
import random
import secrets
import ssl
import sys
import time
from datetime import datetime

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

REPORT_SECONDS = float(os.environ.get("LAMP_REPORT_SECONDS", "30"))


def sign(product, device, secret, timestamp=""):
    """Client identifier, user name and password of a device that signs its CONNECT."""
    name = f"{product}.{device}"
    stamp = f",timestamp={timestamp}" if timestamp else ""
    content = f"clientId{name}deviceName{device}productKey{product}"
    if timestamp:
        content += f"timestamp{timestamp}"
    password = hmac.new(secret.encode(), content.encode(), hashlib.sha256).hexdigest()
    return f"{name}|securemode=2,signmethod=hmacsha256{stamp}|", f"{device}&{product}", password


def sign_registration(product, device, product_secret, nonce):
    """The same for a device that asks for its secret."""
    content = f"deviceName{device}productKey{product}random{nonce}"
    password = hmac.new(product_secret.encode(), content.encode(), hashlib.sha256).hexdigest()
    identifier = (
        f"{product}.{device}|securemode=2,authType=register,random={nonce},signmethod=hmacsha256|"
    )
    return identifier, f"{device}&{product}", password


# How long to wait, by what the gateway said. SOON: it passes by itself. HOUR: an operator has to do
# something. DAY: the firmware or its configuration is wrong, so asking more often helps no one.
SOON, HOUR, DAY = "soon", "hour", "day"
CONNECT_REFUSALS = {
    0x84: DAY,  # unsupported protocol version
    0x85: DAY,  # client identifier not valid
    0x8C: DAY,  # bad authentication method
    0x90: DAY,  # the will's topic
    0x86: HOUR,  # unknown device, or a wrong secret
    0x87: HOUR,  # disabled, or not allowed on this listener
    0x97: HOUR,  # no activation code left, or expired
}
PUBLISH_LATER = 0x97  # the day's quota
PUBLISH_NEVER = {0x87, 0x90, 0x99}  # the topic or the payload


def pause(kind, attempt):
    """Seconds until the next attempt, spread at random so that a fleet does not come back at once."""
    if kind == SOON:
        return min(300, 2**attempt) * random.uniform(0.5, 1)
    return (3600 if kind == HOUR else 86400) * random.uniform(1, 1.5)


def say(text):
    print(text, flush=True)


class Lamp:
    def __init__(self, host, port, authority, product, device, secret):
        self.address = (host, int(port))
        self.topics = f"d/{product}/{device}"
        self.attempt = 0  # since the last time that the gateway let us in
        self.kind = SOON
        self.is_over_quota = False
        self.quiet_until = 0.0
        self.next_report = 0.0
        self.number = 0
        self.pending = None  # packet identifier of the report under way

        identifier, user, password = sign(product, device, secret)
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=identifier, protocol=MQTTProtocolVersion.MQTTv5
        )
        self.client.username_pw_set(user, password)
        context = ssl.create_default_context(cafile=authority)
        self.client.tls_set_context(context)
        self.client.on_connect = self.on_connect
        self.client.on_disconnect = self.on_disconnect
        self.client.on_publish = self.on_publish
        self.client.on_message = self.on_message

    def run(self):
        while True:
            self.kind = SOON
            try:
                # The session outlives a short absence: what is sent to us meanwhile waits there.
                properties = Properties(PacketTypes.CONNECT)
                properties.SessionExpiryInterval = 3600
                self.client.connect(
                    *self.address, keepalive=60, clean_start=False, properties=properties
                )
                while self.client.loop(timeout=0.5) == MQTTErrorCode.MQTT_ERR_SUCCESS:
                    self.report_when_due()
            except (OSError, ssl.SSLError) as error:
                say(f"no connection: {error}")
            seconds = pause(self.kind, self.attempt)
            self.attempt += 1
            self.pending = None
            say(f"again in {seconds:.1f} s ({self.kind})")
            time.sleep(seconds)

    def report_when_due(self):
        now = time.time()
        if not self.client.is_connected() or self.pending is not None:
            return
        if now < max(self.next_report, self.quiet_until):
            return
        self.number += 1
        report = json.dumps({"number": self.number, "on": True})
        self.pending = self.client.publish(f"{self.topics}/up/state", report, qos=1).mid
        self.next_report = now + REPORT_SECONDS

    def on_connect(self, client, userdata, flags, reason, properties):
        if reason.is_failure:
            self.kind = CONNECT_REFUSALS.get(reason.value, SOON)
            text = getattr(properties, "ReasonString", reason)
            say(f"refused 0x{reason.value:02X}: {text}")
            return
        say("connected")
        self.attempt = 0
        client.subscribe([(f"{self.topics}/down/#", 1), (f"{self.topics}/sys/#", 0)])

    def on_disconnect(self, client, userdata, flags, reason, properties):
        if reason.value not in (0x00, 0x80):
            say(f"disconnected 0x{reason.value:02X}: {reason}")
        if reason.value == 0x8E:  # another client has our name: don't fight over it
            self.attempt = max(self.attempt, 6)

    def on_publish(self, client, userdata, packet, reason, properties):
        if packet != self.pending:
            return
        self.pending = None
        if not reason.is_failure:
            say(f"acknowledged {self.number}")
            self.is_over_quota = False
        elif reason.value == PUBLISH_LATER:
            say("quota used up")
            self.is_over_quota = True
            self.quiet_until = max(self.quiet_until, time.time() + 3600)  # or as the answer says
            client.publish(f"{self.topics}/sys/quota/get", "", qos=0)
        elif reason.value in PUBLISH_NEVER:
            say(f"not taken 0x{reason.value:02X}: the firmware is wrong")
        else:
            say(f"not taken 0x{reason.value:02X}: sent again later")

    def on_message(self, client, userdata, message):
        level = message.topic.removeprefix(self.topics + "/")
        if level.startswith("down/"):
            say(f"received {level}: {message.payload.decode(errors='replace')}")
        elif level in ("sys/notice", "sys/quota"):
            notice = json.loads(message.payload)
            is_about_quota = self.is_over_quota or notice.get("reason") == "quota-exhausted"
            if is_about_quota and "resetsAt" in notice:
                resets = datetime.fromisoformat(notice["resetsAt"].replace("Z", "+00:00"))
                self.quiet_until = resets.timestamp() + random.uniform(0, 600)
                say(f"quiet until {notice['resetsAt']}")


def register(host, port, authority, product, device, product_secret):
    """Asks for the device's secret. It comes once; keep it where it survives a reset."""
    identifier, user, password = sign_registration(
        product, device, product_secret, secrets.token_hex(8)
    )
    answer = {}

    def on_connect(client, userdata, flags, reason, properties):
        if reason.is_failure:
            text = getattr(properties, "ReasonString", reason)
            sys.exit(f"refused 0x{reason.value:02X}: {text}")

    def on_message(client, userdata, message):
        if message.topic == "/ext/register":
            answer.update(json.loads(message.payload))

    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id=identifier, protocol=MQTTProtocolVersion.MQTTv5
    )
    client.username_pw_set(user, password)
    client.tls_set_context(ssl.create_default_context(cafile=authority))
    client.on_connect, client.on_message = on_connect, on_message
    client.connect(host, int(port))
    while not answer and client.loop(timeout=0.5) == MQTTErrorCode.MQTT_ERR_SUCCESS:
        pass
    if not answer:
        sys.exit("the connection ended without an answer")
    return answer["deviceSecret"]


def main(arguments):
    if arguments[:1] == ["--sign"] and len(arguments) in (4, 5):
        print("\n".join(sign(*arguments[1:])))
    elif arguments[:1] == ["--sign-registration"] and len(arguments) == 5:
        print("\n".join(sign_registration(*arguments[1:])))
    elif arguments[:1] == ["--register"] and len(arguments) == 7:
        print(register(*arguments[1:]))
    elif len(arguments) == 6:
        Lamp(*arguments).run()
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])

"""What paho-mqtt does with sessions, wills, retained messages, shares, aliases and expiry, against a listener without
authentication; ForeignClientTests.swift reads what it prints."""

import queue
import sys
import time

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

port, version = int(sys.argv[1]), int(sys.argv[2])
IS_5 = version == 5
PATIENCE = 10


def properties(packet, **values):
    if not IS_5:
        return None
    made = Properties(packet)
    for name, value in values.items():
        setattr(made, name, value)
    return made


class Client:
    def __init__(self, name, lasts=False, will=None, aliases=0):
        self.connected, self.subscribed = queue.Queue(), queue.Queue()
        self.published, self.messages = queue.Queue(), queue.Queue()
        options = {} if IS_5 else {"clean_session": not lasts}
        self.paho = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=version,
            reconnect_on_failure=False, **options)
        self.paho.on_connect = lambda _c, _u, flags, reason, _p: self.connected.put(flags)
        self.paho.on_subscribe = lambda _c, _u, _m, reasons, _p: self.subscribed.put(reasons)
        self.paho.on_publish = lambda _c, _u, _m, reason, _p: self.published.put(reason.value)
        self.paho.on_message = lambda _c, _u, message: self.messages.put(message)
        if will:
            self.paho.will_set(will, "gone", qos=1, retain=True)
        if IS_5:
            self.paho.connect(
                "127.0.0.1", port, keepalive=60, clean_start=not lasts,
                properties=properties(
                    PacketTypes.CONNECT, SessionExpiryInterval=100 if lasts else 0,
                    TopicAliasMaximum=aliases))
        else:
            self.paho.connect("127.0.0.1", port, keepalive=60)
        self.paho.loop_start()
        self.flags = self.connected.get(timeout=PATIENCE)

    def subscribe(self, topic, qos=2):
        self.paho.subscribe(topic, qos=qos)
        self.subscribed.get(timeout=PATIENCE)
        return self

    def publish(self, topic, payload, qos=1, retain=False, **values):
        self.paho.publish(
            topic, payload, qos=qos, retain=retain,
            properties=properties(PacketTypes.PUBLISH, **values) if values else None)
        return self.published.get(timeout=PATIENCE)

    def message(self):
        return self.messages.get(timeout=PATIENCE)

    def texts(self, count):
        return [self.message().payload.decode() for _ in range(count)]

    def close(self):
        self.paho.disconnect()
        self.paho.loop_stop()


def sessions():
    keeper = Client("keeper", lasts=True).subscribe("s/#")
    keeper.close()
    publisher = Client("publisher")
    for qos in (0, 1, 2):
        publisher.publish("s/1", str(qos), qos=qos)
    keeper = Client("keeper", lasts=True)
    print("session", int(keeper.flags.session_present), keeper.texts(2))
    live = publisher.publish("s/1", "live", qos=2)
    message = keeper.message()
    print("exactly once", live, message.qos, message.payload.decode())
    keeper.close()
    publisher.close()


def retained():
    publisher = Client("publisher", will="r/will")
    publisher.publish("r/1", "old", retain=True)
    publisher.publish("r/1", "new", retain=True)
    reader = Client("reader").subscribe("r/#")
    message = reader.message()
    print("retained", message.payload.decode(), int(message.retain))
    publisher.paho._sock_close()
    message = reader.message()
    print("will", message.payload.decode(), int(message.retain))
    reader.close()
    late = Client("late").subscribe("r/will")
    message = late.message()
    print("retained will", message.payload.decode(), int(message.retain))
    late.close()


def shares():
    members = [Client(f"member-{number}").subscribe("$share/g/h/#") for number in range(2)]
    publisher = Client("publisher")
    for number in range(10):
        publisher.publish("h/1", str(number))
    texts = [member.texts(5) for member in members]
    print("shares", sorted(texts[0] + texts[1]) == [str(number) for number in range(10)])
    for client in members + [publisher]:
        client.close()


def aliases():
    reader = Client("reader", aliases=5).subscribe("a/#")
    publisher = Client("publisher")
    publisher.publish("a/long/topic", "first", TopicAlias=3)
    publisher.publish("", "second", TopicAlias=3, MessageExpiryInterval=50)
    first, second = reader.message(), reader.message()
    print("aliases", first.topic or "-", getattr(first.properties, "TopicAlias", 0),
          second.topic or "-", getattr(second.properties, "TopicAlias", 0))
    print("expiry", getattr(second.properties, "MessageExpiryInterval", 0))
    reader.close()
    publisher.close()


sessions()
retained()
shares()
if IS_5:
    aliases()

"""What paho-mqtt does against a gateway of the tests; PahoTests.swift reads what it prints."""

import json
import queue
import sys

import paho.mqtt.client as mqtt

(scenario, port, authority, version, prefix, device_id, device_user, device_password,
 application_id, application_user, application_password, *extra) = sys.argv[1:]
transport = extra if len(extra) == 1 else []
PATIENCE = 10


class Client:
    """A connected paho client whose callbacks go into queues."""

    def __init__(self, client_id, user, password):
        self.connected, self.subscribed = queue.Queue(), queue.Queue()
        self.published, self.messages = queue.Queue(), queue.Queue()
        self.paho = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=client_id, protocol=int(version),
            reconnect_on_failure=False, transport=transport[0] if transport else "tcp")
        self.paho.username_pw_set(user, password)
        if authority:
            self.paho.tls_set(ca_certs=authority)
        self.paho.on_connect = lambda _c, _u, _f, reason, _p: self.connected.put(reason.value)
        self.paho.on_subscribe = lambda _c, _u, _m, reasons, _p: self.subscribed.put(
            [reason.value for reason in reasons])
        self.paho.on_publish = lambda _c, _u, _m, reason, _p: self.published.put(reason.value)
        self.paho.on_message = lambda _c, _u, message: self.messages.put(message)
        self.paho.connect("127.0.0.1", int(port), keepalive=60)
        self.paho.loop_start()
        self.answer = self.connected.get(timeout=PATIENCE)

    def subscribe(self, topic):
        self.paho.subscribe(topic, qos=1)
        assert self.subscribed.get(timeout=PATIENCE) == [1]

    def publish(self, topic, payload, qos):
        self.paho.publish(topic, payload, qos=qos)
        return self.published.get(timeout=PATIENCE)

    def message(self):
        return self.messages.get(timeout=PATIENCE)

    def close(self):
        self.paho.disconnect()
        self.paho.loop_stop()


def device():
    return Client(device_id, device_user, device_password)


def application():
    return Client(application_id, application_user, application_password)


def exchange():
    backend, thing = application(), device()
    assert backend.answer == 0 and thing.answer == 0
    backend.subscribe(prefix + "up/#")
    thing.subscribe(prefix + "down/#")
    names = ["atMostOnce", "atLeastOnce", "exactlyOnce"]
    for qos, name in enumerate(names):
        assert thing.publish(prefix + "up/data", name, qos) == 0
    for _ in names:
        message = backend.message()
        assert message.topic == prefix + "up/data"
        print("up", message.payload.decode(), message.qos)
    for qos, name in enumerate(names[:2]):
        assert backend.publish(prefix + "down/set", name, qos) == 0
        message = thing.message()
        assert message.topic == prefix + "down/set"
        print("down", message.payload.decode(), message.qos)
    thing.close()
    backend.close()


def connect():
    thing = device()
    print(thing.answer)
    thing.close()


def quota():
    thing = device()
    thing.subscribe(prefix + "sys/#")
    for qos in (1, 1, 2):
        print(thing.publish(prefix + "up/data", "x", qos))
    assert thing.message().topic == prefix + "sys/notice"
    print("notice" if thing.messages.empty() else "notices")
    thing.close()


def downlink():
    backend, thing = application(), device()
    thing.subscribe(prefix + "down/#")
    for qos in (1, 1, 2):
        print(backend.publish(prefix + "down/set", "x", qos))
    thing.message()
    thing.close()
    assert thing.messages.empty()
    backend.close()


def children():
    """A device behind the device: the last words are its request, and its topics."""
    request, child = extra
    backend, hub = application(), device()
    backend.subscribe(child + "up/#")
    hub.subscribe(prefix + "sys/children/#")
    assert hub.publish(prefix + "sys/children/attach", request, 1) == 0
    message = hub.message()
    print(message.topic.removeprefix(prefix), message.payload.decode())
    for qos in (1, 2):
        print("answer", hub.publish(child + "up/data", f"up {qos}", qos))
        print(backend.message().payload.decode())
    for qos in (0, 1):
        backend.publish(child + "down/set", f"down {qos}", qos)
        message = hub.message()
        assert message.topic == child + "down/set"
        print(message.payload.decode(), message.qos)
    names = json.loads(request)["userName"].split("&")
    hub.publish(prefix + "sys/children/detach", json.dumps({"dk": names[0], "pk": names[1]}), 1)
    message = hub.message()
    print(message.topic.removeprefix(prefix), json.loads(message.payload)["reason"])
    hub.close()
    backend.close()


{"exchange": exchange, "children": children, "connect": connect, "quota": quota,
 "downlink": downlink}[scenario]()

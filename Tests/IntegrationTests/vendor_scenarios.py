"""Devices made with the libraries of other platforms, unmodified: what each of them does, one line for each thing.

Arguments: scenario, host, port, CA file, PK, DK, secret, then the certificate and its key for aws, or for jwt algorithm,
kid and for how many seconds the token is good; its secret is the private key as a JSON Web Key. A device that converses
stays connected until its standard input ends.
"""

import queue
import sys
import threading
import time

scenario, host, port, authority, product, device, secret = sys.argv[1:8]
port = int(port)


def say(*words):
    print(*words, flush=True)


def alibaba(device_secret=None, product_secret=None):
    from linkkit import linkkit

    kit = linkkit.LinkKit(
        host_name="127.0.0.1", product_key=product, device_name=device,
        device_secret=device_secret, product_secret=product_secret,
        auth_type="register" if product_secret else None)
    with open(authority) as file:
        kit.config_mqtt(port=port, secure="TLS", cadata=file.read(), endpoint=host)
    events = queue.Queue()
    kit.on_connect = lambda session, code, userdata: events.put(("connect", code))
    kit.on_disconnect = lambda code, userdata: events.put(("disconnect", code))
    kit.on_subscribe_topic = lambda mid, granted, userdata: events.put(("subscribe", granted))
    kit.on_publish_topic = lambda mid, userdata: events.put(("publish", mid))
    kit.on_topic_message = lambda topic, payload, qos, userdata: events.put(
        ("message", topic, payload.decode()))
    kit.on_device_dynamic_register = lambda code, value, userdata: events.put(
        ("register", code, value))
    kit.connect_async()
    return kit, events


def leave(kit):
    """The library waits for its thread, which may go round for ever when the connection ends just then."""
    leaving = threading.Thread(target=kit.disconnect, daemon=True)
    leaving.start()
    leaving.join(5)


def next_of(events, name, seconds=20):
    end = time.monotonic() + seconds
    while True:
        event = events.get(timeout=max(0.1, end - time.monotonic()))
        if event[0] == name:
            return event


if scenario == "alibaba":
    kit, events = alibaba(device_secret=secret)
    say("connect", next_of(events, "connect")[1])
    kit.subscribe_topic(kit.to_full_topic("user/get"), 1)
    say("subscribe", next_of(events, "subscribe")[1])
    kit.publish_topic(kit.to_full_topic("user/update"), "hello", 1)
    next_of(events, "publish")
    say("published")
    say(*next_of(events, "message"))
    sys.stdin.read()
    leave(kit)
elif scenario == "alibaba-refused":
    kit, events = alibaba(device_secret=secret)
    try:
        say("connect", next_of(events, "connect", 4)[1])
    except queue.Empty:
        say("not connected")
    leave(kit)
elif scenario == "alibaba-register":
    kit, events = alibaba(product_secret=secret)
    # The library disconnects before it says the secret, and may say first that it was disconnected without one.
    event = next_of(events, "register")
    say(*(event if event[1] == 0 else next_of(events, "register"))[1:])
elif scenario in ("azure", "azure-refused"):
    import azure.iot.device.common.mqtt_transport as transport
    from azure.iot.device import IoTHubDeviceClient, Message

    # The library has its port in it.
    connect = transport.mqtt.Client.connect
    transport.mqtt.Client.connect = lambda self, **words: connect(self, **{**words, "port": port})
    with open(authority) as file:
        client = IoTHubDeviceClient.create_from_symmetric_key(
            symmetric_key=secret, hostname=f"{product}.azure-devices.net", device_id=device,
            server_verification_cert=file.read(), gateway_hostname=host, connection_retry=False)
    if scenario == "azure-refused":
        try:
            client.connect()
            say("connected")
        except Exception as error:
            say(type(error).__name__)
        client.shutdown()
        sys.exit()
    heard = queue.Queue()
    client.on_message_received = heard.put
    client.connect()
    say("connect", client.connected)
    client.send_message(Message("hello"))
    say("published")
    say("message", heard.get(timeout=20).data.decode())
    sys.stdin.read()
    client.shutdown()
elif scenario == "aws":
    from AWSIoTPythonSDK.MQTTLib import AWSIoTMQTTClient

    client = AWSIoTMQTTClient(device)
    client.configureEndpoint(host, port)
    client.configureCredentials(authority, sys.argv[9], sys.argv[8])
    heard = queue.Queue()
    say("connect", client.connect())
    say("subscribe", client.subscribe(
        f"cmd/{device}/#", 1, lambda client, userdata, message: heard.put(message)))
    say("published", client.publish(f"dt/{device}/data", "hello", 1))
    message = heard.get(timeout=20)
    say("message", message.topic, message.payload.decode())
    sys.stdin.read()
    client.disconnect()
elif scenario == "jwt":
    import jwt
    import paho.mqtt.client as mqtt

    algorithm, name, seconds = sys.argv[8], sys.argv[9], int(sys.argv[10])
    key = jwt.algorithms.get_default_algorithms()[algorithm].from_jwk(secret)
    now = int(time.time())
    token = jwt.encode(
        {"sub": f"{product}.{device}", "aud": product, "iat": now, "nbf": now, "exp": now + seconds},
        key, algorithm, headers={"kid": name})
    client = mqtt.Client(client_id="any")
    client.username_pw_set(f"{product}.{device}", token)
    client.tls_set(authority)
    events = queue.Queue()
    client.on_connect = lambda client, data, flags, code: events.put(("connect", code))
    client.on_subscribe = lambda client, data, mid, granted: events.put(("subscribe", granted))
    client.on_publish = lambda client, data, mid: events.put(("publish", mid))
    client.on_message = lambda client, data, message: events.put(
        ("message", message.topic, message.payload.decode()))
    client.connect(host, port)
    client.loop_start()
    code = next_of(events, "connect")[1]
    say("connect", code)
    if code != 0:
        sys.exit()
    client.subscribe(f"cmd/{device}/#", 1)
    say("subscribe", next_of(events, "subscribe")[1])
    client.publish(f"dt/{device}/data", "hello", 1)
    next_of(events, "publish")
    say("published")
    say(*next_of(events, "message"))
    sys.stdin.read()
    client.disconnect()
    client.loop_stop()

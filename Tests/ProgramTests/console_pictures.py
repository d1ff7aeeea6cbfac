"""Pictures of the console for the documents, of a gateway of its own with devices that are connected.

usage: console_pictures.py PROGRAM DIRECTORY

Leaves console-overview.png, console-product.png and console-device.png in DIRECTORY.
"""
import os
import sys
import tempfile

import paho.mqtt.client as mqtt
from playwright.sync_api import sync_playwright

from console_gateway import Gateway
from gateway_process import credentials, until

PRODUCTS = [("StreetLamp", "Street lamp", 64, 400), ("WaterMeter", "Water meter", 48, 300), ("DoorLock", "Door lock", 32, 150)]
WIDTH, HEIGHT = 1440, 900


def furnish(gateway):
    send = gateway.send
    send("POST", "/v1/packages", {"id": "standard", "name": "Standard", "validityDays": 1825, "messagesPerDay": 1500})
    send("POST", "/v1/packages", {"id": "trial", "name": "Trial", "validityDays": 25, "messagesPerDay": 100})
    send("POST", "/v1/accounts", {"id": "acme", "name": "Acme Lighting", "kind": "enterprise", "email": "ops@acme.example"})
    send("POST", "/v1/accounts/acme/purchases", {"package": "standard", "quantity": 1_000})
    send("POST", "/v1/accounts/acme/purchases", {"package": "trial", "quantity": 200})
    for pk, name, devices, codes in PRODUCTS:
        send("POST", "/v1/products", {"pk": pk, "name": name, "account": "acme"})
        package = "trial" if pk == "DoorLock" else "standard"
        send("POST", "/v1/accounts/acme/assignments", {"product": pk, "quantity": codes, "package": package})
        rows = "".join(f"{pk.lower()}-{n:03},secret-{n},{name} {n}\n" for n in range(1, devices + 1))
        send("POST", f"/v1/products/{pk}/devices", ("dk,secret,name\n" + rows).encode(), kind="text/csv")
    send("POST", "/v1/products/StreetLamp/devices/streetlamp-007/disable")


def device(gateway, pk, number, secret=None):
    """A client that signs as Wire.md has it."""
    dk = f"{pk.lower()}-{number:03}"
    name, user, code = credentials(pk, dk, secret or f"secret-{number}")
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)
    client.username_pw_set(user, code)
    client.connect("127.0.0.1", gateway.port())
    client.loop_start()
    return dk, client


def connect(gateway):
    clients = []
    for pk, _, count, _ in PRODUCTS:
        for number in range(1, count * 3 // 4):
            if pk == "StreetLamp" and number == 7:
                continue
            dk, client = device(gateway, pk, number)
            clients.append(client)
            until(client.is_connected, f"{dk} connects")
            for message in range(number % 9 + 2):
                client.publish(f"d/{pk}/{dk}/up/state", f'{{"on":true,"lux":{300 + 7 * message}}}', qos=1).wait_for_publish()
    # One that is disabled, and some with a wrong secret.
    for pk, number, secret in [("StreetLamp", 7, None), ("WaterMeter", 40, "wrong"), ("DoorLock", 30, "wrong")]:
        refused = []
        _, client = device(gateway, pk, number, secret)
        client.on_connect = lambda client, userdata, flags, reason, properties: refused.append(reason)
        client.on_connect_fail = lambda client, userdata: refused.append(None)
        until(lambda: refused, "a refusal")
        client.loop_stop()
    return clients


def main():
    program, directory = (os.path.abspath(word) for word in sys.argv[1:3])
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        gateway = Gateway(program)
        furnish(gateway)
        clients = connect(gateway)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            page = browser.new_context(locale="en-GB", viewport={"width": WIDTH, "height": HEIGHT}).new_page()
            page.goto(gateway.url + "/console/sign-in")
            page.fill("#token", gateway.token)
            page.click("button.primary")
            page.wait_for_url("**/console/accounts")
            for name, path, scheme in [
                ("overview", "accounts/acme", "light"), ("product", "products/StreetLamp", "dark"),
                ("device", "products/StreetLamp/devices/streetlamp-012", "light"),
            ]:
                page.emulate_media(color_scheme=scheme)
                page.goto(f"{gateway.url}/console/{path}", wait_until="load")
                page.screenshot(path=os.path.join(directory, f"console-{name}.png"))
                print(os.path.join(sys.argv[2], f"console-{name}.png"))
            browser.close()
        for client in clients:
            client.loop_stop()
        os.chdir("/")
        if code := gateway.end():
            sys.exit(f"the gateway ended with {code}")


main()

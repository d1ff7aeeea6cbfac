"""How long the console takes for pages of 100 devices, of so many that are in the books.

usage: console_time.py PROGRAM DEVICES REQUESTS
"""
import http.client
import random
import re
import sys
import time
import urllib.parse

import console_gateway
from console_gateway import Gateway

devices, requests = int(sys.argv[2]), int(sys.argv[3])
# Room for some 10 million devices.
console_gateway.CONFIGURATION = console_gateway.CONFIGURATION.replace("ledgerMapBytes: 1073741824", "ledgerMapBytes: 8589934592")
gateway = Gateway(sys.argv[1])
gateway.send("POST", "/v1/accounts", {"id": "acme", "name": "Acme", "kind": "enterprise"})
gateway.send("POST", "/v1/products", {"pk": "lamp", "name": "Lamp", "account": "acme"})
for start in range(0, devices, 50_000):
    rows = "".join(f"lamp-{n:07},secret-of-{n},Lamp {n}\n" for n in range(start, min(start + 50_000, devices)))
    gateway.send("POST", "/v1/products/lamp/devices", ("dk,secret,name\n" + rows).encode(), kind="text/csv")

place = urllib.parse.urlsplit(gateway.url)
connection = http.client.HTTPConnection(place.hostname, place.port)
cookies = {}


def ask(method, path, fields=None):
    headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()), "Origin": gateway.url,
               "Content-Type": "application/x-www-form-urlencoded"}
    connection.request(method, path, urllib.parse.urlencode(fields) if fields else None, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    for cookie in answer.headers.get_all("Set-Cookie") or []:
        name, value = cookie.split(";")[0].split("=", 1)
        cookies[name] = value
    return text


page = ask("GET", "/console/sign-in")
ask("POST", "/console/sign-in", {
    "_token": re.search('name="_token" value="([^"]*)"', page).group(1), "token": gateway.token, "next": "/console"})
chance = random.Random(1)
path, taken = "/console/products/lamp", []
for number in range(requests):
    if number % 10 == 9:
        # Somewhere else among them, as a search for the beginning of a key finds it.
        path = f"/console/products/lamp?like=lamp-{chance.randrange(devices // 1_000):04}"
    since = time.monotonic()
    page = ask("GET", path)
    taken.append(1_000 * (time.monotonic() - since))
    assert page.count("<tr>") == 101, page[:500]
    # Page after page, through the fleet.
    path = re.search('rel="next" href="([^"]*)"', page).group(1).replace("&amp;", "&")
taken.sort()
print(f"p50 {taken[len(taken) // 2]:.1f} ms, p99 {taken[int(len(taken) * 0.99)]:.1f} ms, {len(page)} bytes", file=sys.stderr)
print("pages", requests, taken[int(len(taken) * 0.99)] < 1_000)
print("exit code", gateway.end())

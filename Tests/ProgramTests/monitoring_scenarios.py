"""Prometheus, and the dashboard's panels, of a gateway that has work and trouble.

monitoring_scenarios.py ROOT METRICS TLS_PORT CA USER SECRET: ROOT is the package's, METRICS is HOST:PORT of the listener for what
watches, where no API is; at TLS_PORT the devices lamp/d1 and lamp/d2 connect with the secret `secret-1`, for one of
which there is no code, and by USER and SECRET an application. Prints what does not show a figure, and `all is well` when there is nothing.
"""

import json
import math
import pathlib
import re
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import paho.mqtt.client as mqtt

from gateway_process import credentials
from prometheus_process import Prometheus

SECONDS = 90


def device(name: str, port: int, ca: str) -> mqtt.Client:
    """A device of the product `lamp`, which signs."""
    client_id, user, code = credentials("lamp", name, "secret-1", mode=2)
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=client_id)
    client.username_pw_set(user, code)
    client.tls_set(ca_certs=ca)
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client


def leave_session(port: int, ca: str, user: str, secret: str) -> None:
    """An application that is away: what is published for it waits."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="back end", clean_session=False)
    client.username_pw_set(user, secret)
    client.tls_set(ca_certs=ca)
    client.on_subscribe = lambda *_: client.disconnect()
    client.connect("127.0.0.1", port)
    client.subscribe("d/lamp/+/up/#", 1)
    client.loop_forever()


def work(port: int, ca: str, over: threading.Event) -> None:
    """Devices that come, send and go, and one that is refused each time."""
    while not over.is_set():
        for name in ["d1", "d2"]:
            client = device(name, port, ca)
            for _ in range(10):
                client.publish("/lamp/d1/user/up", b"on", qos=1)
                client.publish("d/lamp/d1/up/state", b"on", qos=1)
                time.sleep(0.02)
            client.disconnect()
            client.loop_stop()


def series(prometheus: Prometheus, expression: str) -> list:
    text = expression.replace("$__rate_interval", "5s").replace("$instance", ".*")
    return (prometheus.get("query", query=text) or {"result": []})["result"]


def has_figure(prometheus: Prometheus, expression: str) -> bool:
    return any(math.isfinite(float(sample["value"][1])) for sample in series(prometheus, expression))


def nameless(prometheus: Prometheus, panel: dict) -> list[str]:
    """Series of a panel whose names in its legend are empty, or those of others."""
    names: list[str] = []
    for target in panel["targets"]:
        for sample in series(prometheus, target["expr"]):
            labels = re.findall(r"{{(\w+)}}", target["legendFormat"])
            if not all(sample["metric"].get(label) for label in labels) or not target["legendFormat"]:
                names.append("")
            else:
                names.append(re.sub(r"{{(\w+)}}", lambda match: sample["metric"][match[1]], target["legendFormat"]))
    return [f"{panel['title']}: series are called {sorted(names)}"] if "" in names or len(set(names)) < len(names) else []


def serves_only_health(metrics: str) -> list[str]:
    """What the listener for what watches does that it should not."""
    faults = []
    for path, status in [("/healthz", 200), ("/readyz", 200), ("/metrics", 200), ("/v1/accounts", 404),
                         ("/openapi.json", 404)]:
        try:
            with urllib.request.urlopen(f"http://{metrics}{path}", timeout=10) as answer:
                found = answer.status
        except urllib.error.HTTPError as error:
            found = error.code
        if found != status:
            faults.append(f"{path} is answered with {found}, not {status}")
    return faults


def lacks_figures(metrics: str, alerts: list[str]) -> list[str]:
    """Figures of the control side that an alert is about, and the page of metrics has not."""
    with urllib.request.urlopen(f"http://{metrics}/metrics", timeout=10) as answer:
        page = answer.read().decode()
    names = {name for text in alerts for name in re.findall(r"tollgate_(?:api|webhook|alert)\w*", text)}
    if len(names) < 5:
        return [f"alerts are about {names} only"]
    return [f"no figure {name}" for name in sorted(names) if f"# TYPE {name} " not in page]


def main() -> None:
    root, metrics, port, ca = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    user, secret = sys.argv[5], sys.argv[6]
    faults = serves_only_health(metrics)
    leave_session(port, ca, user, secret)
    dashboard = json.loads((root / "config/grafana/tollgate.json").read_text())
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    alerts = re.findall(r"^ +expr: (.*)$", (root / "config/prometheus/alerts.yml").read_text(), re.M)
    faults += lacks_figures(metrics, alerts)
    with tempfile.TemporaryDirectory() as directory:
        prometheus = Prometheus(root, directory, {metrics: metrics})
        over = threading.Event()
        worker = threading.Thread(target=work, args=(port, ca, over))
        worker.start()
        try:
            deadline = time.monotonic() + SECONDS
            waiting = [(panel["title"], target["expr"]) for panel in panels for target in panel["targets"]]
            # Of these there are figures in this gateway's life; the others are about what it has not.
            waiting += [("an alert", text) for text in alerts if "no-code-left" in text or "near_expiry" in text]
            while waiting and time.monotonic() < deadline:
                waiting = [entry for entry in waiting if not has_figure(prometheus, entry[1])]
                time.sleep(0.3)
            faults += [f"{title}: nothing for {text}" for title, text in waiting]
            for panel in panels:
                if panel["type"] == "timeseries":
                    faults += nameless(prometheus, panel)
        finally:
            over.set()
            worker.join()
            prometheus.end()
    print("\n".join(faults) or "all is well")


main()

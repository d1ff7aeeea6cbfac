"""Debian's Prometheus, as `make test` has unpacked it, on a port and with a store of its own."""
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Prometheus:
    """Scrapes the gateways at `targets`, HOST:PORT by what their label `instance` is to be.

    `rules` is the text of a file of rules, each of which is evaluated once a second.
    """

    def __init__(self, root, directory, targets, rules=None, interval="500ms"):
        configuration = {
            "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": "1s"},
            "scrape_configs": [{"job_name": "tollgate", "static_configs": [
                {"targets": [address], "labels": {"instance": name}} for name, address in targets.items()]}],
        }
        if rules is not None:
            with open(os.path.join(directory, "alerts.yml"), "w") as file:
                file.write(rules)
            configuration["rule_files"] = ["alerts.yml"]
        # JSON is YAML.
        with open(os.path.join(directory, "prometheus.yml"), "w") as file:
            json.dump(configuration, file)
        self.address = f"127.0.0.1:{free_port()}"
        with open(os.path.join(directory, "prometheus.err"), "wb") as log:
            self.process = subprocess.Popen(
                [os.path.join(root, ".build-venv/prometheus/usr/bin/prometheus"),
                 f"--config.file={directory}/prometheus.yml", f"--storage.tsdb.path={directory}/prometheus",
                 f"--web.listen-address={self.address}"],
                stdout=log, stderr=log)

    def get(self, path, **query):
        """The data of an answer; None while Prometheus has not read its files yet."""
        try:
            with urllib.request.urlopen(
                    f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            if error.code == 503:
                return None
            sys.exit(f"{path} {query}: {error.read().decode()}")
        except OSError:
            return None

    def patiently(self, path, **query):
        while (found := self.get(path, **query)) is None:
            if self.process.poll() is not None:
                sys.exit(f"Prometheus has ended with {self.process.returncode}")
            time.sleep(0.1)
        return found

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

"""Each alert of config/prometheus/alerts.yml, against gateways that come into the trouble that it is about.

usage: monitoring_alerts.py ROOT PROGRAM [SCENE ...]

ROOT is the package's, PROGRAM its `tollgate`; without names of scenes all are played, at once. The rules are those of
the file, but that a minute is a second in `for:` and in ranges, and an hour a minute; what they compare with is as it
is. A real Prometheus evaluates them once a second. First no alert may fire, of any gateway. Then each has to fire, with
labels and with texts in which they are filled in, and to be resolved when what has brought it about is over; of the
healthy gateway none may fire all the time, and of the others none but those that are said to follow (see OF_THE_MACHINE). An alert without a
scene is a fault. Prints a line for each alert, with the seconds at which it fired and was resolved, what is wrong, and
`all is well` when nothing is.
"""
import concurrent.futures
import os
import re
import resource
import signal
import sys
import tempfile
import threading
import time

from monitoring_cluster import Cluster
from monitoring_scenes import Behind, Deliveries, Descriptors, Disk, Fleet, Healthy, Killed, Scene, Slow, Stores, Unsent
from prometheus_process import Prometheus

SCENES = [Cluster, Deliveries, Fleet, Stores, Disk, Descriptors, Behind, Slow, Unsent, Killed, Healthy]

# Those that no scene brings about, and why.
ELSEWHERE: dict[str, str] = {
    "TollgateBackupOld": "a backup would have to grow two days old",
}

# Of these a machine that has much else to do may be the cause: a disk that is shared, a scrape that takes two seconds.
OF_THE_MACHINE = {"TollgateStoreSlow", "TollgateLoopSlow", "TollgateDown"}

# Seconds: for so long nothing fires before all begins, but for those above when that takes longer; and all of it.
CALM, WAIT, LIMIT = 10, 60, 300


def shortened(rules):
    """The rules with a minute that is a second."""
    def shorter(match):
        number, unit = int(match[1]), match[2]
        return {"m": f"{number}s", "h": f"{number}m"}[unit]
    return re.sub(r"(?:(?<=for: )|(?<=\[))(\d+)([mh])(?=\]|\n)", shorter, rules)


class Watch(threading.Thread):
    """Keeps looking which alerts fire."""

    def __init__(self, prometheus, rules):
        super().__init__(daemon=True)
        self.prometheus, self.rules = prometheus, rules
        self.over = threading.Event()
        self.faults = {}
        # Since when each fires, by its name and instance; and when it fired first and was resolved last.
        self.firing, self.fired, self.resolved = {}, {}, {}
        self.began = time.monotonic()
        self.start()

    def run(self):
        while not self.over.wait(0.3):
            answer = self.prometheus.get("alerts")
            if answer is None:
                continue
            now, firing = time.monotonic() - self.began, {}
            for alert in answer["alerts"]:
                self.look_at(alert)
                if alert["state"] == "firing":
                    key = (alert["labels"]["alertname"], alert["labels"].get("instance", ""))
                    firing[key] = self.firing.get(key, now)
                    self.fired.setdefault(key, now)
            for key in self.firing.keys() - firing.keys():
                self.resolved[key] = now
            self.firing = firing

    def look_at(self, alert):
        """Its labels have values, and its texts are those of the rule with the labels in them."""
        labels = alert["labels"]
        name = labels["alertname"]
        empty = [label for label, value in labels.items() if not value]
        if empty or "severity" not in labels or "instance" not in labels:
            self.faults[name, "labels"] = f"{name}: labels {labels}"
        for key, text in self.rules[name]["annotations"].items():
            wanted = re.sub(r"{{ \$labels\.(\w+) }}", lambda match: labels.get(match[1]) or "NOTHING", text)
            found = alert["annotations"].get(key, "")
            if found != wanted or "NOTHING" in wanted or not found:
                self.faults[name, key] = f"{name}: {key} is {found!r}, not {wanted!r}"

    def await_(self, condition, what):
        while not condition():
            if time.monotonic() > self.began + LIMIT:
                sys.exit(what())
            time.sleep(0.1)

    def fires(self, alert, instance):
        self.await_(lambda: (alert, instance) in self.fired, lambda: f"{alert} does not fire at {instance}")

    def ends(self, alert, instance):
        self.await_(lambda: (alert, instance) not in self.firing, lambda: f"{alert} is not resolved at {instance}")

    def calm(self):
        """No alert has fired for a while."""
        begin = quiet = time.monotonic()

        def is_calm():
            nonlocal quiet
            now = time.monotonic()
            if any(now - begin < WAIT or alert not in OF_THE_MACHINE for alert, _ in self.firing):
                quiet = now
            return now - quiet >= CALM
        self.await_(is_calm, lambda: f"alerts of gateways that are well: {sorted(self.fired)}")
        self.fired.clear()
        self.resolved.clear()

    def stop(self):
        self.over.set()
        self.join()


def unbidden(watch, scenes):
    """Alerts that have fired where nothing was to bring them about."""
    allowed = set()
    for scene in scenes:
        for instance in scene.targets():
            allowed |= {(alert, instance) for alert in {*scene.brings, *scene.also, *OF_THE_MACHINE}}
    return [f"{alert} has fired at {instance}" for alert, instance in sorted(watch.fired.keys() - allowed)]


def report(watch, scenes, elsewhere):
    for scene in scenes:
        for alert, how in scene.brings.items():
            key = (alert, scene.at(alert))
            fired, resolved = (f"{times[key]:4.0f} s" if key in times else " never" for times in (watch.fired, watch.resolved))
            print(f"{alert:25} {fired} to {resolved}  {how}")
    for alert, why in elsewhere.items():
        print(f"{alert:25} not here: {why}")


def main():
    root, program = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    wanted = [scene for scene in SCENES if scene.name in sys.argv[3:]] or SCENES
    reasons = {scene: scene.impossible() for scene in wanted}
    chosen = [scene for scene in wanted if not reasons[scene]]
    elsewhere = ELSEWHERE | {alert: reasons[scene] for scene in wanted if reasons[scene] for alert in scene.brings}
    # What was started is ended then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    with open(os.path.join(root, "config/prometheus/alerts.yml")) as file:
        rules = file.read()
    faults = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        scenes: list[Scene] = [scene(root, program, place) for scene in chosen]
        prometheus = watch = None
        try:
            with concurrent.futures.ThreadPoolExecutor(len(scenes)) as pool:
                for done in [pool.submit(scene.prepare) for scene in scenes]:
                    done.result()
                targets = {name: address for scene in scenes for name, address in scene.targets().items()}
                prometheus = Prometheus(root, place, targets, shortened(rules), interval="1s")
                groups = prometheus.patiently("rules")["groups"]
                known = {rule["name"]: rule for group in groups for rule in group["rules"]}
                faults += missing(known)
                watch = Watch(prometheus, known)
                watch.calm()
                # All are told of, not the first one only.
                for done in [pool.submit(scene.play, watch) for scene in scenes]:
                    try:
                        done.result()
                    except SystemExit as error:
                        faults.append(str(error.code))
            faults += [*unbidden(watch, scenes), *watch.faults.values()]
            report(watch, scenes, elsewhere)
        finally:
            if watch:
                watch.stop()
            if prometheus:
                prometheus.end()
            for scene in scenes:
                scene.end()
    print("\n".join(faults) or "all is well")


def missing(known):
    """Alerts that are brought about by no scene, and those of a scene that there are not."""
    brought = {alert for scene in SCENES for alert in scene.brings} | ELSEWHERE.keys()
    return [
        *(f"no scene brings about {alert}" for alert in sorted(known.keys() - brought)),
        *(f"there is no alert {alert}" for alert in sorted(brought - known.keys()))]


main()

"""Draws a dashboard of Grafana's form, with answers of Prometheus, as a page of SVG: what the file asks for, and no more.

Of a panel it heeds place, title, unit, decimals, largest value, thresholds, mappings, colours, fill and stacking, names
of series and the table's columns. A kind of panel, unit or transformation that it doesn't know ends the script.
"""
import html
import math
import re
import sys
import time

ROW, GAP = 30, 8
# Grafana's dark theme and its classic palette, about.
BACKGROUND, PANEL, LINE, TEXT, DIM = "#111217", "#181b1f", "#2c3235", "#d8d9da", "#8e8e8e"
PALETTE = ["#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0", "#508642", "#cca300"]
COLORS = {"green": "#73bf69", "red": "#f2495c", "orange": "#ff9830", "text": TEXT}
STYLE = f"""
body {{ margin: 0; background: {BACKGROUND}; color: {TEXT}; font: 12px "DejaVu Sans", sans-serif; }}
svg {{ display: block; }}
text {{ fill: {TEXT}; }}
.dim {{ fill: {DIM}; font-size: 10.5px; }}
.title {{ font-weight: bold; }}
"""


def scaled(value, base, names):
    """A number with the largest of the units that makes it 1 at least."""
    power = 0
    while abs(value) >= base and power < len(names) - 1:
        value /= base
        power += 1
    return value, names[power]


def plain(value, decimals=None):
    if decimals is not None:
        return f"{value:.{decimals}f}"
    return f"{value:.3g}" if abs(value) < 1_000 else f"{value:.0f}"


def formatted(value, unit, decimals=None):
    """As Grafana writes a value of that unit."""
    if not math.isfinite(value):
        return "-"
    if unit == "none":
        return plain(value, decimals)
    if unit == "short":
        number, suffix = scaled(value, 1_000, ["", " K", " Mil", " Bil"])
        return plain(number, decimals) + suffix
    if unit in RATES:
        number, suffix = scaled(value, 1_000, ["", "K", "M"])
        return f"{plain(number, decimals)}{suffix} {RATES[unit]}"
    if unit == "Bps":
        return "{0} {1}/s".format(*words(scaled(value, 1_000, ["B", "kB", "MB", "GB"]), decimals))
    if unit == "bytes":
        return "{0} {1}".format(*words(scaled(value, 1_024, ["B", "KiB", "MiB", "GiB", "TiB"]), decimals))
    if unit == "percentunit":
        return f"{plain(value * 100, decimals)}%"
    if unit == "s":
        for factor, name in [(1, "s"), (1e3, "ms"), (1e6, "µs")]:
            if abs(value) * factor >= 1:
                break
        return "0 s" if value == 0 else f"{plain(value * factor, decimals)} {name}"
    sys.exit(f"no unit {unit}")


RATES = {"ops": "ops/s", "reqps": "req/s", "mps": "msg/s", "cps": "c/s"}


def words(pair, decimals):
    return plain(pair[0], decimals), pair[1]


def text(x, y, words, kind="", anchor="start", **more):
    more = "".join(f' {name}="{value}"' for name, value in more.items())
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}"{more}>{html.escape(words)}</text>'


def box(x, y, width, height, fill, **more):
    more = "".join(f' {name}="{value}"' for name, value in more.items())
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"{more}/>'


def nice(largest, unit, count=4):
    """Steps of an axis from nothing to that value: of 1, 2 or 5 of a power of ten; of bytes, of a power of two."""
    raw = max(largest, 1e-9) / count
    if unit == "bytes":
        step = 2 ** math.ceil(math.log2(raw))
    else:
        power = 10 ** math.floor(math.log10(raw))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
    return [step * index for index in range(math.ceil(max(largest, 1e-9) / step - 1e-9) + 1)]


def named(target, metric):
    """The name of a series, as the target's legend says."""
    legend = target["legendFormat"]
    if not legend:
        return ", ".join(f"{key}={value}" for key, value in metric.items()) or target["expr"]
    return re.sub(r"{{\s*(\w+)\s*}}", lambda match: metric.get(match[1], ""), legend).strip()


class Chart:
    """A panel of the kind `timeseries`."""

    def __init__(self, panel, figures, begin, end):
        self.panel, self.begin, self.end = panel, begin, end
        defaults = panel["fieldConfig"]["defaults"]
        self.unit, self.decimals, self.maximum = defaults["unit"], defaults.get("decimals"), defaults.get("max")
        custom = defaults["custom"]
        self.fill = custom["fillOpacity"] / 100
        self.stacks = custom["stacking"]["mode"] == "normal"
        steps = defaults["thresholds"]["steps"] if custom.get("thresholdsStyle", {}).get("mode") == "line" else []
        self.thresholds = [step for step in steps if step["value"] is not None]
        self.series = []
        for target in panel["targets"]:
            for found in figures[panel["id"], target["refId"]]:
                points = {float(at): float(value) for at, value in found["values"]}
                self.series.append((named(target, found["metric"]), points))

    def draw(self, x, y, width, height):
        parts = []
        legend = [name for name, _ in self.series]
        rows, column = self.legend_rows(legend, width - 20)
        top, bottom = y + 34, y + height - 24 - 15 * len(rows)
        values = [value for _, points in self.stacked() for value in points.values() if math.isfinite(value)]
        steps = nice(self.maximum or max(values, default=1), self.unit)
        left, right = x + 12 + 6.6 * max(len(self.label(step)) for step in steps), x + width - 14
        largest = steps[-1]

        def place(at, value):
            return (left + (right - left) * (at - self.begin) / (self.end - self.begin),
                    bottom - (bottom - top) * value / largest)

        for step in steps:
            level = place(self.begin, step)[1]
            parts.append(box(left, level, right - left, 1, LINE))
            parts.append(text(left - 6, level + 4, self.label(step), "dim", "end"))
        for index in range(4):
            at = self.begin + (self.end - self.begin) * (index + 0.5) / 4
            clock = time.strftime("%H:%M:%S", time.gmtime(at))
            parts.append(text(place(at, 0)[0], bottom + 14, clock, "dim", "middle"))
        for threshold in self.thresholds:
            level = place(self.begin, threshold["value"])[1]
            parts.append(box(left, level, right - left, 1.5, COLORS[threshold["color"]]))
        if not values:
            parts.append(text((left + right) / 2, (top + bottom) / 2, "No data", "", "middle"))
        below = {}
        for index, (_, points) in enumerate(self.stacked()):
            parts += self.line(points, below if self.stacks else {}, PALETTE[index % len(PALETTE)], place)
            below = points
        for line, names in enumerate(rows):
            for place_in_row, (index, name) in enumerate(names):
                across = x + 14 + place_in_row * column
                level = bottom + 31 + 15 * line
                parts.append(box(across, level - 5, 12, 3, PALETTE[index % len(PALETTE)]))
                parts.append(text(across + 17, level, name, "dim"))
        return parts

    def stacked(self):
        """The series one on another, if the panel says so."""
        if not self.stacks:
            return self.series
        sums, found = {}, []
        for name, points in self.series:
            for at, value in points.items():
                sums[at] = sums.get(at, 0) + (value if math.isfinite(value) else 0)
            found.append((name, dict(sums)))
        return found

    def line(self, points, below, color, place):
        """A line, broken where figures are missing, and what is filled below it."""
        parts, run = [], []
        step = min((b - a for a, b in zip(sorted(points), sorted(points)[1:])), default=1)
        for at in [*sorted(points), math.inf]:
            value = points.get(at, math.nan)
            if run and (not math.isfinite(value) or at - run[-1] > 1.5 * step):
                line = " ".join("{:.1f},{:.1f}".format(*place(one, points[one])) for one in run)
                if self.fill:
                    back = " ".join("{:.1f},{:.1f}".format(*place(one, below.get(one, 0))) for one in reversed(run))
                    parts.append(f'<polygon points="{line} {back}" fill="{color}" fill-opacity="{self.fill}"/>')
                if len(run) == 1:
                    parts.append('<circle cx="{:.1f}" cy="{:.1f}" r="1.5" fill="{}"/>'.format(
                        *place(run[0], points[run[0]]), color))
                parts.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="1.2"/>')
                run = []
            if math.isfinite(value):
                run.append(at)
        return parts

    def label(self, step):
        return formatted(step, self.unit, self.decimals)

    @staticmethod
    def legend_rows(names, width):
        """Names in columns as wide as the longest; each with its number."""
        column = 30 + 6.4 * max(map(len, names), default=1)
        columns = max(1, int(width // column))
        numbered = list(enumerate(names))
        return [numbered[at:at + columns] for at in range(0, len(numbered), columns)], column


def color_of(value, defaults):
    """Of the last threshold that the value has reached."""
    steps = defaults.get("thresholds", {}).get("steps", [{"color": "green", "value": None}])
    reached = [step for step in steps if step["value"] is None or value >= step["value"]]
    return COLORS[reached[-1]["color"]]


def stat(panel, figures, x, y, width, height):
    target, = panel["targets"]
    found = figures[panel["id"], target["refId"]]
    if not found:
        return [text(x + width / 2, y + height / 2, "No data", "", "middle")]
    value, defaults = float(found[0]["value"][1]), panel["fieldConfig"]["defaults"]
    said, color = formatted(value, defaults["unit"], defaults.get("decimals")), color_of(value, defaults)
    for mapping in defaults.get("mappings", []):
        if (result := mapping["options"].get(f"{value:g}")) is not None:
            said, color = result["text"], COLORS[result["color"]] if "color" in result else color
    size = min(44, width / (0.66 * max(len(said), 3)))
    return [text(x + width / 2, y + height / 2 + 12 + size / 3, said, "", "middle",
                 style=f"fill: {color}; font-size: {size:.0f}px; font-weight: bold")]


def table(panel, figures, x, y, width, height):
    target, = panel["targets"]
    rows = [found["metric"] for found in figures[panel["id"], target["refId"]]]
    names = sorted({key for row in rows for key in row}) + ["Value"]
    rows = [{**row, "Value": "1"} for row in rows]
    titles = {}
    for change in panel.get("transformations", []):
        if change["id"] != "organize":
            sys.exit(f"no transformation {change['id']}")
        hidden, order, titles = (change["options"].get(key, {}) for key in ("excludeByName", "indexByName", "renameByName"))
        names = [name for name in names if not hidden.get(name)]
        names.sort(key=lambda name: order.get(name, len(names)))
    parts = [box(x + 10, y + 56, width - 20, 1, LINE)]
    for column, name in enumerate(names):
        across = x + 14 + column * (width - 28) / len(names)
        parts.append(text(across, y + 48, titles.get(name) or name, style=f"fill: {COLORS['text']}; font-weight: bold"))
        for line, row in enumerate(rows):
            parts.append(text(across, y + 76 + 22 * line, row.get(name, "")))
    return parts


def page_of(dashboard, figures, begin, end, width):
    """HTML: the dashboard's panels in its grid."""
    column = (width - 2 * GAP) / 24
    parts, height = [], 52
    heading = f"{dashboard['title']}, {time.strftime('%Y-%m-%d %H:%M', time.gmtime(begin))} UTC, {end - begin:.0f} s"
    parts.append(text(16, 32, heading, "title", style="font-size: 17px"))
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        x, y = GAP + place["x"] * column, 52 + place["y"] * (ROW + GAP)
        wide, high = place["w"] * column - GAP, place["h"] * (ROW + GAP) - GAP
        height = max(height, y + high + GAP)
        if panel["type"] == "row":
            parts.append(text(x + 4, y + 20, panel["title"], "title", style="font-size: 14px"))
            continue
        parts.append(box(x, y, wide, high, PANEL, stroke=LINE, rx=2))
        parts.append(text(x + 10, y + 20, panel["title"], "title"))
        if panel["type"] == "timeseries":
            parts += Chart(panel, figures, begin, end).draw(x, y, wide, high)
        elif panel["type"] in ("stat", "table"):
            parts += {"stat": stat, "table": table}[panel["type"]](panel, figures, x, y, wide, high)
        else:
            sys.exit(f"no kind of panel {panel['type']}")
    return (f'<!doctype html><meta charset="utf-8"><style>{STYLE}</style>'
            f'<svg width="{width}" height="{height:.0f}">{"".join(parts)}</svg>')

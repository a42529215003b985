"""Charts as SVG: panels below each other that share a logarithmic x axis. The same chart makes the same text."""

import dataclasses
import math
import typing
from xml.sax.saxutils import escape

WIDTH = 800
LEFT, RIGHT = 62, 158  # of the plot: room for the figures, and for the names of the lines
HEADING, FIGURES, GAP = 46, 20, 30  # above the panels; below a panel, for the figures of x; above each, for its title
PLOT = 150  # the height of a panel

# Told apart by people who are colour-blind (Okabe and Ito), and by their markers.
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#8a5a83"]
MARKERS = [
    '<circle cx="{x}" cy="{y}" r="3.5"/>',
    '<path d="M{x} {y}m-3.5-3.5h7v7h-7z"/>',
    '<path d="M{x} {y}m0-4.5l4.5 8h-9z"/>',
    '<path d="M{x} {y}m0-4.5l4.5 4.5-4.5 4.5-4.5-4.5z"/>',
]
STYLE = (
    "text{font:12px sans-serif;fill:#333}.title{font-weight:bold;font-size:15px}.axis{font-weight:bold}"
    ".figure{font-size:11px;fill:#555}.grid{stroke:#ddd}.frame{stroke:#888;fill:none}.mark{stroke:#555;"
    "stroke-dasharray:5 4}.line{fill:none;stroke-width:2}"
)


@dataclasses.dataclass(frozen=True)
class Panel:
    """Lines over the same x; `title` says what y is, with its unit."""

    title: str
    lines: dict  # name -> [(x, y), ...]; a name has one colour in all panels
    is_logarithmic: bool = False
    marks: typing.Tuple = ()  # of (y, text): what the lines are to be compared with


@dataclasses.dataclass(frozen=True)
class Chart:
    title: str
    description: str  # for readers who don't see it
    x_title: str
    panels: list
    x_text: typing.Callable = "{:,}".format


def draw(chart):
    xs = sorted({x for panel in chart.panels for points in panel.lines.values() for x, _ in points})
    names = dict.fromkeys(name for panel in chart.panels for name in panel.lines)
    looks = dict(zip(names, zip(COLOURS, MARKERS, strict=True)))
    x_axis = Axis(xs[0], xs[-1], LEFT, WIDTH - RIGHT, is_logarithmic=True)
    height = HEADING + len(chart.panels) * (GAP + PLOT + FIGURES) + 26
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-labelledby="title description">',
        f'<title id="title">{escape(chart.title)}</title>',
        f'<desc id="description">{escape(chart.description)}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="6" fill="#fff" stroke="#ccc"/>',
        text(20, 28, chart.title, "title"),
    ]
    top = HEADING
    for panel in chart.panels:
        parts += draw_x_figures(top + GAP, x_axis, thinned(xs), chart.x_text)
        parts += draw_panel(panel, top + GAP, x_axis, looks)
        top += GAP + PLOT + FIGURES
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, height - 14, chart.x_title, "axis", "middle"))
    return "\n".join([*parts, "</svg>", ""])


def draw_x_figures(top, axis, xs, x_text):
    for x in xs:
        at = number(axis.place(x))
        yield f'<path class="grid" d="M{at} {top}v{PLOT}"/>'
        yield text(at, top + PLOT + 15, x_text(x), "figure", "middle")


def draw_panel(panel, top, x_axis, looks):
    ys = [y for points in panel.lines.values() for _, y in points] + [y for y, _ in panel.marks]
    low, high, figures = logarithmic_range(ys) if panel.is_logarithmic else linear_range(ys)
    y_axis = Axis(low, high, top + PLOT, top, panel.is_logarithmic)
    yield text(20, top - 10, panel.title, "axis")
    for y in figures:
        yield across("grid", y_axis.place(y)) + text(LEFT - 6, y_axis.place(y) + 4, f"{y:,.6g}", "figure", "end")
    yield f'<path class="frame" d="M{LEFT} {top}H{WIDTH - RIGHT}v{PLOT}H{LEFT}z"/>'
    yield from (across("mark", y_axis.place(y)) for y, _ in panel.marks)
    labels = [(y_axis.place(y), name, "#555") for y, name in panel.marks]
    for name, points in panel.lines.items():
        colour, marker = looks[name]
        places = [(number(x_axis.place(x)), number(y_axis.place(y))) for x, y in points]
        path = "L".join(f"{x} {y}" for x, y in places)
        yield f'<g fill="{colour}" stroke="{colour}"><path class="line" d="M{path}"/>'
        yield "".join(marker.format(x=x, y=y) for x, y in places) + "</g>"
        end_x, end_y = x_axis.place(points[-1][0]), y_axis.place(points[-1][1])
        if points[-1][0] < x_axis.high:
            yield text(end_x, end_y - 12, name, anchor="middle", colour=colour)
        else:
            labels.append((end_y, name, colour))
    for at, name, colour in apart(labels, top + PLOT):
        yield text(WIDTH - RIGHT + 10, at + 4, name, colour=colour)


def across(style, at):
    return f'<path class="{style}" d="M{LEFT} {number(at)}H{WIDTH - RIGHT}"/>'


@dataclasses.dataclass(frozen=True)
class Axis:
    """Where a value stands: `low` at `start`, `high` at `end`."""

    low: float
    high: float
    start: float
    end: float
    is_logarithmic: bool

    def place(self, value):
        scale = math.log if self.is_logarithmic else float
        part = (scale(value) - scale(self.low)) / (scale(self.high) - scale(self.low))
        return self.start + part * (self.end - self.start)


def linear_range(ys):
    """From 0 to a round figure: low, high, the figures to be written, of which there are six at most."""
    decade = 10.0 ** math.floor(math.log10(max(ys)))
    step = next(decade * part for part in (0.2, 0.25, 0.5, 1, 2) if max(ys) <= 5 * decade * part)
    count = math.ceil(max(ys) / step - 1e-9)
    return 0, count * step, [index * step for index in range(count + 1)]


def logarithmic_range(ys):
    """The decades around the values; of a few decades the halves and fifths as well."""
    first, last = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)) - 1e-9)
    last = max(last, first + 1)
    parts = (1, 2, 5) if last - first <= 2 else (1,)
    figures = [part * 10.0**decade for decade in range(first, last) for part in parts] + [10.0**last]
    return 10.0**first, 10.0**last, figures


def thinned(xs, most=9):
    """Every n-th of them, so that the figures don't touch."""
    return xs[:: math.ceil(len(xs) / most)]


def apart(labels, bottom, least=14):
    """The labels from top to bottom, moved down where they would touch, and up again from the bottom."""
    placed, last = [], -math.inf
    for at, name, colour in sorted(labels):
        last = max(at, last + least)
        placed.append((last, name, colour))
    for index in reversed(range(len(placed))):
        at, name, colour = placed[index]
        placed[index] = (min(at, bottom), name, colour)
        bottom = placed[index][0] - least
    return placed


def text(x, y, content, style="", anchor="", colour=""):
    attributes = [f'x="{number(x)}" y="{number(y)}"']
    attributes += [f'class="{style}"'] if style else []
    attributes += [f'text-anchor="{anchor}"'] if anchor else []
    attributes += [f'style="fill:{colour}"'] if colour else []
    return f"<text {' '.join(attributes)}>{escape(content)}</text>"


def number(value):
    return f"{float(value):.1f}".removesuffix(".0")

"""The figures that are checked in, and how far others may be from them."""

import dataclasses
import json
import pathlib
import platform
import subprocess

from .basics import BenchError
from .operations import ROWS, Row

FILE = pathlib.Path(__file__).parent / "counts.json"
KINDS = ("instructions", "references", "allocations", "locks")  # as they are shown
EXACT_KINDS = ("allocations", "locks")  # of which there are few: one more is a change

# Instructions and reference counts, of INLINE rows alone: with several threads they depend on how often one finds
# another asleep.
RELATIVE_TOLERANCE = 0.03
# Allocations and locks. In nine runs on a busy machine those of INLINE rows were whole numbers, but for what the admin
# API does once a second (nine allocations, two locks), and those of other rows were at most 0.1 from the middle.
TOLERANCE = 0.2
# Differences that are not worth a change of the baseline.
RELATIVE_NOISE = 0.01
NOISE = 0.1


@dataclasses.dataclass(frozen=True)
class Change:
    """A figure outside of what its baseline allows; without a baseline if it is a new one."""

    row: Row
    kind: str
    figure: float
    baseline: float

    def cells(self):
        if self.baseline is None:
            return [self.row.title, self.kind, text(self.figure), "none", "", "is new"]
        low, high = allowed(self.kind, self.baseline)
        verdict = f"{self.figure / self.baseline - 1:+.1%}" if self.baseline else "was none"
        range_ = f"{text(low)} to {text(high)}"
        return [self.row.title, self.kind, text(self.figure), text(self.baseline), range_, verdict]


class Baseline:
    """The checked-in figures, by a row's title and a figure's kind."""

    def __init__(self, made_with, rows):
        self._made_with = made_with
        self._rows = rows

    @staticmethod
    def read():
        if not FILE.exists():
            return Baseline(conditions(), {})
        try:
            content = json.loads(FILE.read_text())
            return Baseline(content["made_with"], content["rows"])
        except (ValueError, KeyError) as error:
            raise BenchError(f"{FILE} is not a baseline: {error}") from error

    def changes(self, rows, figures):
        changes = []
        for row in rows:
            for kind in self._judged(row):
                figure, baseline = figures[row.title][kind], self._rows.get(row.title, {}).get(kind)
                low, high = allowed(kind, baseline) if baseline is not None else (1, 0)
                if not low <= figure <= high:
                    changes.append(Change(row, kind, figure, baseline))
        return changes

    def update(self, rows, figures):
        """Takes these rows' figures, as far as they differ by more than noise."""
        for row in rows:
            old = self._rows.get(row.title, {})
            self._rows[row.title] = {
                kind: newer(kind, old.get(kind), figures[row.title][kind]) for kind in judged_kinds(row)
            }
        titles = {row.title for row in ROWS}
        kept = {title: row for title, row in self._rows.items() if title in titles}
        content = {"made_with": conditions(), "rows": kept}
        FILE.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
        print(f"\nwritten to {FILE}")

    def other_conditions(self):
        """What is not as it was when the baseline was made, and may be why figures differ."""
        here = conditions()
        return [f"{name}: {here[name]}, not {made}" for name, made in self._made_with.items() if here.get(name) != made]

    def _judged(self, row):
        """Another machine has other instructions, and counts no references."""
        is_alike = platform.machine() == self._made_with["machine"]
        return [kind for kind in judged_kinds(row) if is_alike or kind in EXACT_KINDS]


def judged_kinds(row):
    return [kind for kind in KINDS if row.is_single_threaded or kind in EXACT_KINDS]


def margins(kind, figure, exact, relative):
    """The figures from which this one differs by no more than that."""
    if kind in EXACT_KINDS:
        return round(max(0, figure - exact), 1), round(figure + exact, 1)
    return figure * (1 - relative), figure * (1 + relative)


def allowed(kind, baseline):
    return margins(kind, baseline, TOLERANCE, RELATIVE_TOLERANCE)


def newer(kind, old, figure):
    if old is None:
        return figure
    low, high = margins(kind, old, NOISE, RELATIVE_NOISE)
    return old if low <= figure <= high else figure


def conditions():
    try:
        version = subprocess.run(["swift", "--version"], capture_output=True, text=True).stdout
    except OSError:
        version = ""
    compiler = next((line for line in version.splitlines() if "Swift version" in line), "unknown")
    return {"machine": platform.machine(), "compiler": compiler}


def text(figure):
    return f"{figure:,.0f}" if figure >= 1_000 else f"{figure:,.1f}"


def print_figures(rows, figures):
    layout = "{:<20}" + " {:>14}" * len(KINDS)
    print("\nPer request. Instructions are the program's own, without the kernel's.\n")
    print(layout.format("row", *KINDS))
    for row in rows:
        print(layout.format(row.title, *(text(figures[row.title][kind]) for kind in KINDS)))


def print_changes(changes, baseline):
    layout = "{:<20} {:<14} {:>10} {:>10}  {:<20} {}"
    print("\nOutside of what the baseline allows:\n")
    print(layout.format("row", "figure", "now", "baseline", "allowed", "change"))
    for change in changes:
        print(layout.format(*change.cells()).rstrip())
    for difference in baseline.other_conditions():
        print(f"\nThe baseline was made under other conditions. {difference}")
    print(
        "\nA loss is to be mended. A gain, or what a feature is worth, goes into the baseline in the same commit:\n"
        "    make bench-counts COUNTS_FLAGS=--update")

"""The rows of the table: who is compared, over which rounds, against which target."""

import dataclasses
import json
import math
import shutil
import statistics
import subprocess
import time

from .basics import BenchError, note
from .servers import BACKPLANE, NGINX

INLINE = {"X-SERVE-CALL-METHOD": "inline"}
LINES = {"X-SERVE-CALL-METHOD": "lines"}
# 64 KiB, of which `lines` makes 64 parts.
TEXT = (b"x" * 1023 + b"\n") * 64

BY_HAND = "by hand"

WHOLE = "backplane, whole"

# What a row has to reach against another: (row, connections, other) -> {measure: bound}. See `Row.ratios` for the
# measures.
TARGETS = {
    ("echo, worker thread", 1, NGINX): {"requests": 0.85},
    ("echo, worker thread", 64, NGINX): {"requests": 0.75, "cpu": 1.4},
    ("echo, INLINE", 1, NGINX): {"requests": 0.95},
    ("echo, INLINE", 64, NGINX): {"requests": 0.8, "cpu": 1.3},
    ("64 KiB, streamed", 64, WHOLE): {"requests": 0.7},
    ("3 stages, worker", 64, BACKPLANE): {"requests": 0.93},
    ("3 stages, INLINE", 64, BACKPLANE): {"requests": 0.93},
    ("isolation: process", 1, BACKPLANE): {"p50": 2.0},
    ("isolation: process", 64, BACKPLANE): {"requests": 0.7},
    ("typed method", 64, BY_HAND): {"requests": 0.95},
    ("typed method, INLINE", 64, BY_HAND): {"requests": 0.95},
}


@dataclasses.dataclass
class Row:
    """Contenders that are compared; the first is the subject, the ratios are the subject's over each other's."""

    title: str
    connections: int
    contenders: list
    rounds: list = dataclasses.field(default_factory=list)  # of {contender name: Measure}

    def measure(self, load, rounds, seconds):
        self.check_answers()
        for contender in self.contenders:
            load.run(contender, self.connections, min(seconds, 1))  # warm-up
        for index in range(rounds):
            note(f"{self.title}, {self.connections} connections: round {index + 1} of {rounds}")
            self.measure_round(load, seconds)

    def check_answers(self):
        for contender in self.contenders:
            contender.check_answer()

    def measure_round(self, load, seconds):
        # Nobody always comes first: the order turns by one each round.
        turn = len(self.rounds) % len(self.contenders)
        order = self.contenders[turn:] + self.contenders[:turn]
        self.rounds.append({each.name: load.run(each, self.connections, seconds) for each in order})

    def median(self, name, field):
        return statistics.median(getattr(round_[name], field) for round_ in self.rounds)

    def ratio(self, name, other, field):
        """The median of the per-round ratios of `name` to `other`."""
        pairs = [(getattr(round_[name], field), getattr(round_[other], field)) for round_ in self.rounds]
        return statistics.median(a / b if b else math.nan for a, b in pairs)

    def ratios(self, other):
        """The ratios of the subject to `other`: more requests is better, more p50 and more processor time per request
        are worse."""
        fields = {"requests": "requests_per_second", "p50": "p50_us", "cpu": "cpu_us"}
        subject = self.contenders[0].name
        return {measure: self.ratio(subject, other, field) for measure, field in fields.items()}

    def targets(self, other):
        """The targets against `other`: measure, bound, and whether it is met."""
        ratios = self.ratios(other)
        return [
            {
                "measure": measure, "bound": bound,
                "met": ratios[measure] >= bound if measure == "requests" else ratios[measure] <= bound,
            }
            for measure, bound in TARGETS.get((self.title, self.connections, other), {}).items()
        ]

    def as_json(self):
        subject = self.contenders[0].name
        results = []
        for contender in self.contenders:
            result = {"server": contender.name}
            for field in ("requests_per_second", "p50_us", "p99_us", "cpu_us"):
                result[field] = self.median(contender.name, field)
            result["rounds"] = [dataclasses.asdict(round_[contender.name]) for round_ in self.rounds]
            if contender.name != subject:
                result["subject_ratio"] = self.ratios(contender.name)
                result["targets"] = self.targets(contender.name)
            results.append(result)
        return {"row": self.title, "connections": self.connections, "results": results}


def echo_rows(ours, peers):
    """Each method at 1 and 64 connections, against every peer; without the host, the peers alone."""
    methods = [("echo, worker thread", {}), ("echo, INLINE", INLINE)] if ours else [("echo", {})]
    for title, headers in methods:
        for connections in (1, 64):
            subject = [ours.contender(headers=headers)] if ours else []
            yield Row(title, connections, subject + peers)


def stream_rows(ours):
    """A streamed answer beside the same answer in one piece."""
    for connections in (1, 64):
        streamed = ours.contender("backplane, 64 parts", LINES, body=TEXT)
        whole = ours.contender(WHOLE, body=TEXT)
        yield Row("64 KiB, streamed", connections, [streamed, whole])


def stage_rows(staged, ours):
    """A host with three middleware stages beside one without."""
    for title, headers in (("3 stages, worker", {}), ("3 stages, INLINE", INLINE)):
        subject = staged.contender(headers=headers)
        yield Row(title, 64, [subject, ours.contender(headers=headers)])


def process_rows(isolated, ours):
    """A replica in a process of its own beside one in the host's."""
    for connections in (1, 64):
        yield Row("isolation: process", connections, [isolated.contender(), ours.contender()])


def typed_rows(sums):
    """A typed method beside the same method that reads and writes JSON itself."""
    for title, suffix in (("typed method", ""), ("typed method, INLINE", "_inline")):
        for connections in (1, 64):
            contenders = [
                sums.contender(
                    name, {"X-SERVE-CALL-METHOD": method + suffix}, body=b"[1234567, -89]", answer=b"1234478")
                for name, method in (("typed", "typed"), (BY_HAND, "by_hand"))
            ]
            yield Row(title, connections, contenders)


def measure_handles(program, plugins, rounds, seconds):
    """Nanoseconds of a call through a handle within one process, INLINE and on a worker thread."""
    note("calls through handles")
    plugins.mkdir()
    shutil.copy(program.parent / "libecho.so", plugins)
    command = [program, plugins, str(rounds), str(seconds)]
    output = subprocess.run(command, capture_output=True, text=True)
    if output.returncode != 0:
        raise BenchError(f"{program.name} failed:\n{output.stdout}{output.stderr}")
    return json.loads(output.stdout)


def measure_starts(servers, rounds):
    """For each server, over alternating fresh starts: median ms to the first answer, median idle peak memory."""
    seen = {server.name: [] for server in servers}
    for index in range(rounds):
        note(f"start and idle memory: round {index + 1} of {rounds}")
        for server in servers:
            with server.running() as first_answer_s:
                time.sleep(0.3)  # what still happens after the first answer counts as idle memory too
                seen[server.name].append((first_answer_s * 1000, server.peak_memory_mib()))
    return [
        {
            "server": name,
            "first_answer_ms": statistics.median(ms for ms, _ in starts),
            "idle_peak_memory_mib": statistics.median(mib for _, mib in starts),
        }
        for name, starts in seen.items()
    ]

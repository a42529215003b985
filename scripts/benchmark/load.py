"""wrk: what it calls, and what it saw."""

import contextlib
import dataclasses
import http.client
import math
import os
import shutil
import subprocess
import time
import typing
import urllib.parse

from .basics import BODY, BenchError


@dataclasses.dataclass(frozen=True)
class Contender:
    """A URL under a name, with the headers that the row needs."""

    name: str
    url: str
    headers: dict = dataclasses.field(default_factory=dict)
    body: bytes = BODY
    answer: bytes = None  # None: the body comes back
    processor_s: typing.Callable = None  # seconds of processor time that the server has used; None: not known

    def check_answer(self):
        """Fails unless the answer is right: a benchmark of errors is worth nothing."""
        url = urllib.parse.urlsplit(self.url)
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
        with contextlib.closing(connection):
            headers = {"Content-Type": "application/json", **self.headers}
            try:
                connection.request("POST", url.path, self.body, headers)
                response = connection.getresponse()
                body = response.read()
            except (OSError, http.client.HTTPException) as error:
                raise BenchError(f"{self.name}: no answer from {self.url}: {error}") from error
        wanted = self.body if self.answer is None else self.answer
        if response.status != 200 or body != wanted:
            raise BenchError(f"{self.name}: {self.url} answered {response.status} {body[:300]!r}, not {wanted[:300]!r}")


@dataclasses.dataclass(frozen=True)
class Measure:
    """What one run of wrk saw."""

    requests_per_second: float
    p50_us: float
    p99_us: float
    cpu_us: float  # processor time of the server per request; NaN: not known


# When many connections come at once, the kernel turns some away and they come back a second later or two.
TIMEOUT_S = 20

# wrk's own counters, instead of the rounded figures it prints. `status` counts the answers above 399.
DONE = """
local thread
function setup(each) thread = each end
function done(summary, latency)
    local errors = summary.errors
    print("BENCH " .. table.concat({
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        thread:get("in_window") or 0,
        errors.status, errors.connect, errors.read, errors.write, errors.timeout}, " "))
end
"""

# Counts the requests between two times of Python's time.monotonic().
WINDOW = """
local ffi = require("ffi")
ffi.cdef("typedef struct {{ long s, ns; }} instant; int clock_gettime(int, instant *);")
local now, text = ffi.new("instant"), nil
in_window = 0
function request()
    ffi.C.clock_gettime(1, now)
    local seconds = tonumber(now.s) + tonumber(now.ns) / 1e9
    if seconds >= {begin} and seconds < {end} then in_window = in_window + 1 end
    text = text or wrk.format()
    return text
end
"""


class LoadGenerator:
    """wrk, one thread, pinned to the last core this process may use."""

    def __init__(self, directory):
        if shutil.which("wrk") is None:
            raise BenchError("wrk is not installed; run: scripts/setup --bench")
        self.core = max(os.sched_getaffinity(0))
        self._script = directory / "wrk.lua"

    def run(self, contender, connections, seconds):
        """Throws on any answer that is not a success, and on any socket error or timeout."""
        used = contender.processor_s
        before = used() if used else math.nan
        with self._running(contender, connections, seconds) as wrk:
            output = wrk.communicate()
            cpu_s = used() - before if used else math.nan
        requests, duration_us, p50_us, p99_us, _ = self._read(wrk, *output, contender, connections)
        return Measure(requests / duration_us * 1e6, p50_us, p99_us, cpu_s / requests * 1e6)

    def run_connected(self, contender, connections, seconds, lead_s):
        """As `run`, but what happens in the first `lead_s`, until all are connected, does not count, nor does the end.

        The percentiles are those of all requests.
        """
        begin = time.monotonic() + lead_s
        window = WINDOW.format(begin=begin, end=begin + seconds)
        with self._running(contender, connections, lead_s + seconds + 1, window) as wrk:
            time.sleep(max(0, begin - time.monotonic()))
            before = contender.processor_s()
            time.sleep(max(0, begin + seconds - time.monotonic()))
            cpu_s = contender.processor_s() - before
            output = wrk.communicate()
        *_, p50_us, p99_us, requests = self._read(wrk, *output, contender, connections)
        return Measure(requests / seconds, p50_us, p99_us, cpu_s / requests * 1e6)

    @contextlib.contextmanager
    def _running(self, contender, connections, seconds, window=""):
        self._script.write_text(self._lua(contender) + window + DONE)
        command = ["taskset", "-c", str(self.core), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
        command += ["--timeout", f"{TIMEOUT_S}s", "-s", str(self._script), contender.url]
        wrk = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            yield wrk
        finally:
            wrk.kill()
            wrk.wait()

    @staticmethod
    def _read(wrk, output, errors, contender, connections):
        """Requests, microseconds, p50, p99, requests in the window."""
        line = next((line for line in output.splitlines() if line.startswith("BENCH ")), None)
        if wrk.returncode != 0 or line is None:
            raise BenchError(f"{contender.name}: wrk failed:\n{output}{errors}")
        *figures, status, connect, read, write, timeout = (float(field) for field in line.split()[1:])
        counts = {"status": status, "connect": connect, "read": read, "write": write, "timeout": timeout}
        if any(counts.values()) or figures[0] == 0:
            raise BenchError(
                f"{contender.name}: {figures[0]:.0f} requests at {connections} connections, errors {counts}")
        return figures

    @staticmethod
    def _lua(contender):
        headers = {"Content-Type": "application/json", **contender.headers}
        lines = ['wrk.method = "POST"', f"wrk.body = [==[{contender.body.decode()}]==]"]
        lines += [f"wrk.headers[ [==[{name}]==] ] = [==[{value}]==]" for name, value in headers.items()]
        return "\n".join(lines)

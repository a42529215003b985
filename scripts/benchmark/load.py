"""wrk: what it calls, and what it saw."""

import contextlib
import dataclasses
import http.client
import math
import os
import shutil
import subprocess
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


# wrk's own counters, instead of the rounded figures it prints. `status` counts the answers above 399.
DONE = """
done = function(summary, latency)
    local errors = summary.errors
    print("BENCH " .. table.concat({
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        errors.status, errors.connect, errors.read, errors.write, errors.timeout}, " "))
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
        headers = {"Content-Type": "application/json", **contender.headers}
        self._script.write_text(self._lua(headers, contender.body))
        command = ["taskset", "-c", str(self.core), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
        command += ["-s", str(self._script), contender.url]
        used = contender.processor_s
        before = used() if used else math.nan
        output = subprocess.run(command, capture_output=True, text=True)
        cpu_s = used() - before if used else math.nan
        line = next((line for line in output.stdout.splitlines() if line.startswith("BENCH ")), None)
        if output.returncode != 0 or line is None:
            raise BenchError(f"{contender.name}: wrk failed:\n{output.stdout}{output.stderr}")
        requests, duration_us, p50_us, p99_us, *errors = (float(field) for field in line.split()[1:])
        if any(errors) or requests == 0:
            counts = dict(zip(("status", "connect", "read", "write", "timeout"), map(int, errors)))
            raise BenchError(f"{contender.name}: {requests:.0f} requests at {connections} connections, errors {counts}")
        return Measure(requests / duration_us * 1e6, p50_us, p99_us, cpu_s / requests * 1e6)

    @staticmethod
    def _lua(headers, body):
        lines = ['wrk.method = "POST"', f"wrk.body = [==[{body.decode()}]==]"]
        lines += [f"wrk.headers[ [==[{name}]==] ] = [==[{value}]==]" for name, value in headers.items()]
        lines.append(DONE)
        return "\n".join(lines)

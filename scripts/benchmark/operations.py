"""What a request costs in operations, which no other load on the machine changes: instructions under callgrind, and
allocations, locks and reference counts by a library that is preloaded into the host."""

import collections
import contextlib
import dataclasses
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

from .basics import BODY, BenchError, note
from .servers import SOURCES, STAGES, Server, compile_library, free_port

# Together they end within the second thousand of calls that handle-benchmark makes of a method without others between.
WARM_UP = 1_100
COUNTED = 800
BATCH = 32

PLAIN, STAGED, HANDLES = "plain", "staged", "handles"  # where a row is counted


@dataclasses.dataclass(frozen=True)
class Row:
    """A method of probe.c, as a client calls it one request after the other."""

    title: str
    place: str
    method: str
    body: bytes = BODY
    answer: bytes = BODY
    plugin: str = "probe"
    connections: int = 1  # each sends a request, then each waits for its response

    @property
    def is_single_threaded(self):
        return self.method.endswith("inline")


NUMBERS = {"body": b"[1234567, -89]", "answer": b"1234478"}
ROWS = [
    Row("echo, INLINE", PLAIN, "inline"),
    Row("echo, worker", PLAIN, "__call__"),
    Row("3 stages, INLINE", STAGED, "inline"),
    Row("3 stages, worker", STAGED, "__call__"),
    Row("typed, INLINE", PLAIN, "typed_inline", **NUMBERS),
    Row("typed, worker", PLAIN, "typed", **NUMBERS),
    Row("handle, INLINE", HANDLES, "inline"),
    Row("handle, worker", HANDLES, "__call__"),
    Row(f"batch of {BATCH}", PLAIN, "batched", plugin="batches", connections=BATCH),
]


class Counter:
    """Counts by counter.c."""

    name = "counter"

    @staticmethod
    def takes(row):
        return True

    def __init__(self, directory):
        self._library = compile_preloaded("counter.c", directory)
        self._file = directory / "counts"

    def command(self, program):
        return [program]

    def environment(self):
        return {"LD_PRELOAD": str(self._library), "COUNTS_FILE": str(self._file)}

    def figures(self):
        """By method; what was counted since the last time."""
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        self._file.unlink(missing_ok=True)
        figures = {}
        for method, calls, *totals in map(str.split, lines):
            kinds = zip(("allocations", "locks", "references"), totals)
            figures[method] = {kind: round(int(total) / int(calls), 1) for kind, total in kinds}
        return figures


class Callgrind:
    """Counts instructions, by under_callgrind.c.

    Two things of a Swift program stop valgrind 3.19. It gives up on the debug information, which has forms of DWARF 5
    ("Possibly corrupted debuginfo file"), so it gets a copy of the program without. And it crashes in the main thread's
    sigsuspend, for which there is a remedy in under_callgrind.c.
    """

    name = "callgrind"
    options = []

    @staticmethod
    def takes(row):
        return not CallgrindOfOneThread.takes(row)

    def __init__(self, directory):
        if shutil.which("valgrind") is None:
            raise BenchError("valgrind is not installed; run: scripts/setup --counts")
        self._library = compile_preloaded("under_callgrind.c", directory)
        self._directory = directory

    def command(self, program):
        stripped = self._directory / program.name
        run_tool(["objcopy", "--strip-debug", program, stripped])
        output = self._directory / "callgrind.out"
        options = ["--tool=callgrind", f"--callgrind-out-file={output}", "--instr-atstart=no", *self.options]
        return ["valgrind", *options, stripped]

    def environment(self):
        return {"LD_PRELOAD": str(self._library)}

    def figures(self):
        figures = {}
        for file in self._directory.glob("callgrind.out.*"):
            lines = dict(line.split(": ", 1) for line in file.read_text().splitlines() if ": " in line)
            file.unlink()
            method, calls = lines["desc"].removeprefix("Trigger: Client Request: ").split()
            figures[method] = {"instructions": round(int(lines["totals"]) / int(calls))}
        return figures


class CallgrindOfOneThread(Callgrind):
    """Counts the instructions of the thread that the calls are on.

    Others do things by the clock: each second the admin API renews the date of its responses, with 30,000 instructions.
    On a slow machine that is 2 % of what the calls take. Calls by handle are made in less time, and need no second run.
    """

    name = "callgrind of one thread"
    options = ["--separate-threads=yes"]

    @staticmethod
    def takes(row):
        return row.is_single_threaded and row.place != HANDLES


def count_rows(rows, host, directory):
    """By title: the figures of each row, per request."""
    # One processor for the host and its client, where a thread that wakes another goes on until it waits itself: so
    # threads take turns at the same points in every run.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    figures = collections.defaultdict(dict)
    for instrument in [kind(directory) for kind in (Counter, CallgrindOfOneThread, Callgrind)]:
        taken = [row for row in rows if instrument.takes(row)]
        for place in dict.fromkeys(row.place for row in taken):
            here = [row for row in taken if row.place == place]
            note(f"{instrument.name}: {'; '.join(row.title for row in here)}")
            count = count_handles if place == HANDLES else count_requests
            with tempfile.TemporaryDirectory(dir=directory) as files:
                count(instrument, here, host, pathlib.Path(files))
            counted = instrument.figures()
            for row in here:
                if row.method not in counted:
                    raise BenchError(f"{row.title}: not counted by {instrument.name}")
                figures[row.title].update(counted[row.method])
    return figures


def count_requests(instrument, rows, host, directory):
    """In a host that is called over HTTP."""
    plugins = directory / "plugins.d"
    plugins.mkdir()
    for name in {"probe", *(row.plugin for row in rows)}:
        compile_probe(name, plugins)
    # Never waited out: a batch is complete when each connection has sent its request.
    (plugins / "batches.yaml").write_text(f"max_batch_size: {BATCH}\nbatch_wait_timeout: 10s\n")
    configuration = directory / "backplane.yaml"
    configuration.write_text(STAGES if rows[0].place == STAGED else "")
    port = free_port()
    command = [*instrument.command(host), "serve", "--plugins-dir", plugins, "--port", str(port), "--io-threads", "1"]
    command += ["--admin-socket", directory / "admin.sock", "--config", configuration]
    server = Server("backplane", command, port, "/probe", directory, environment(instrument))
    with server.running(limit_s=120):
        for row in rows:
            call(row, port)


def count_handles(instrument, rows, host, directory):
    """In handle-benchmark, which finds the probe under the name of the plugin that it calls."""
    program = host.parent / "handle-benchmark"
    if not program.exists():
        raise BenchError(f"no handle-benchmark at {program}; run: swift build -c release --product handle-benchmark")
    compile_probe("echo", directory)
    run_tool([*instrument.command(program), directory, "1", "0.1"], environment(instrument))


def environment(instrument):
    """Of a process that is counted. Without the last, hashes differ from run to run, and the order in dictionaries."""
    return {**os.environ, **instrument.environment(), "SWIFT_DETERMINISTIC_HASHING": "1"}


def call(row, port):
    """Makes a row's calls, and one round more: that begins when all before have been finished."""
    request = (
        f"POST /{row.plugin} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"X-SERVE-CALL-METHOD: {row.method}\r\nContent-Length: {len(row.body)}\r\n\r\n"
    ).encode() + row.body
    rounds = -(-WARM_UP // row.connections) - (-COUNTED // row.connections) + 1
    with contextlib.ExitStack() as stack:
        connections = []
        for _ in range(row.connections):
            connections.append(stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60)))
        for _ in range(rounds):
            for connection in connections:
                connection.sendall(request)
            for connection in connections:
                receive(row, connection)


def receive(row, connection):
    ok, response = b"HTTP/1.1 200 OK\r\n", b""
    while not response.endswith(b"\r\n\r\n" + row.answer):
        part = connection.recv(65536)
        response += part
        if not part or not response.startswith(ok[:len(response)]):
            raise BenchError(f"{row.title}: answered {response[:300]!r}")


def compile_probe(name, plugins):
    definitions = [f'-DNAME="{name}"', f"-DWARM_UP={WARM_UP}", f"-DCOUNTED={COUNTED}"]
    compile_library([SOURCES / "probe.c"], plugins / f"lib{name}.so", definitions)


def compile_preloaded(source, directory):
    library = directory / source.replace(".c", ".so")
    compile_library([SOURCES / source, SOURCES / "clock.c"], library)
    return library


def run_tool(command, environment=None, limit_s=300):
    name = pathlib.Path(command[0]).name
    try:
        ran = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=limit_s)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchError(f"{name} failed: {error}") from error
    if ran.returncode != 0:
        raise BenchError(f"{name} failed:\n{ran.stdout}{ran.stderr}")

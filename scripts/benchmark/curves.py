"""The curves: what each of them measures, and the figures that it draws."""

import contextlib
import dataclasses
import http.client
import pathlib
import shutil
import statistics
import time
import urllib.parse

from .basics import BODY, BenchError, note
from .load import LoadGenerator
from .rows import INLINE, Row
from .servers import NGINX, SOURCES, backplane, compile_library, nginx, serving
from .svg import Chart, Panel

WORKER = "worker thread"
INLINE_METHOD = "INLINE"
ONE = " of one"  # the reference beside a line: the same with one plugin, or one replica
ATTEMPTS = 4  # at a round that is spoiled
QUEUE = ["--max-queued-requests", "20000"]  # or else many connections get 503 instead of an answer

# What a panel says. Shares of a bound, and of a reference measured right beside it, mean the same on every machine.
OVER_NGINX = "requests/s, over nginx's at the same point"
CPU = "processor time of the server per request, us"


@dataclasses.dataclass(frozen=True)
class Run:
    """How all curves are measured."""

    host: pathlib.Path
    directory: pathlib.Path
    load: LoadGenerator
    rounds: int
    seconds: int
    is_quick: bool
    open_files: int  # that a process may have

    def points(self, xs):
        """All of them, or in a quick run every third one and the last."""
        return [*xs[:-1:3], xs[-1]] if self.is_quick else list(xs)

    def folder(self, name):
        folder = self.directory / name
        folder.mkdir()
        return folder


@dataclasses.dataclass(frozen=True)
class Curve:
    """What a curve gives: a chart, the rows that it was made of by their x, and figures beside them."""

    chart: Chart
    rows: dict
    figures: dict = dataclasses.field(default_factory=dict)


def measure_in_turns(run, rows, hosts=(), more_s=lambda x: 0):
    """Measures the points of a curve: in each round all of them, so that a machine that gets slower bends none alone.

    `hosts` are those of which an INLINE method is called; `more_s` says how many seconds a point takes beyond those
    that all take.
    """
    for row in rows.values():
        row.check_answers()
    for index in range(run.rounds):
        for x, row in rows.items():
            note(f"round {index + 1} of {run.rounds}: {row.title}")
            measure_round(run, row, hosts, run.seconds + more_s(x))


def measure_round(run, row, hosts, seconds):
    """One round of a point; another one if a host has moved the INLINE method to a replica thread meanwhile.

    It does so on a busy machine, and the method's line would be that of the worker thread from then on.
    """
    for attempt in range(ATTEMPTS):
        row.measure_round(run.load, seconds)
        moved = [host for host in hosts if "is marked INLINE and took" in host.log_news()]
        for host in moved:
            host.reload()
        if not moved:
            return
        if attempt < ATTEMPTS - 1:
            row.rounds.pop()
    note(f"{row.title}: the machine is too busy: INLINE was moved to a replica thread in the last round, too")


def line(rows, name, field="requests_per_second"):
    return [(x, row.median(name, field)) for x, row in rows.items() if name in row.rounds[0]]


def ratio_line(rows, name, other, field="requests_per_second"):
    return [(x, row.ratio(name, other, field)) for x, row in rows.items() if name in row.rounds[0]]


def scaled(points, scale):
    """Each y times what `scale` says of its x."""
    return [(x, y * scale(x)) for x, y in points]


# ---- Plugins ----------------------------------------------------------------------------------------------------

PLUGINS = [1, 3, 10, 30, 100, 300, 1000]
LONGEST_START_S = 600
SLOW_START_S = 10  # a start that took longer is not repeated


def plugins(run):
    """The same plugin under many names: the last of them is called, in a host with one beside a host with many."""
    counts = run.points(PLUGINS[:-1] if run.is_quick else PLUGINS)
    hosts = {count: host_of_copies(run, count) for count in counts}
    starts, memory = {}, {}
    with contextlib.ExitStack() as running:
        for count, host in hosts.items():
            starts[count] = [running.enter_context(host.running(LONGEST_START_S))]
            note(f"{count} plugins: served after {starts[count][0]:.2f} s")
            time.sleep(0.3)  # what still happens after that counts as memory too
            memory[count] = host.memory_kib()
        rows = {count: beside_one(f"{count} plugins", host, hosts[1]) for count, host in hosts.items()}
        measure_in_turns(run, rows, hosts.values())
    repeat_starts(run, hosts, starts)
    chart = Chart(
        "Plugins: from 1 to 1,000 in one host",
        "Cost of a call, time to start and memory, by the number of plugins that are loaded.",
        "plugins loaded, each with one replica", plugin_panels(rows, starts, memory))
    return Curve(chart, rows, {"start_s": starts, "resident_kib": memory})


def beside_one(title, host, host_of_one):
    contenders = []
    for name, headers in ((WORKER, {}), (INLINE_METHOD, INLINE)):
        contenders += [host.contender(name, headers), host_of_one.contender(name + ONE, headers)]
    return Row(title, 64, contenders)


def plugin_panels(rows, starts, memory):
    start_ms = [(count, statistics.median(seen) * 1000) for count, seen in starts.items()]
    each_kib = [(count, (kib - memory[1]) / (count - 1)) for count, kib in memory.items() if count > 1]
    names, marks = (WORKER, INLINE_METHOD), [(1, "as with one")]
    return [
        Panel(
            "requests/s at 64 connections, over those of a host with one plugin",
            {name: ratio_line(rows, name, name + ONE) for name in names}, marks=marks),
        Panel(
            "processor time per request, over that in a host with one plugin",
            {name: ratio_line(rows, name, name + ONE, "cpu_us") for name in names}, marks=marks),
        Panel("from exec to a response of the last plugin, ms", {"start": start_ms}, True, [(2000, "target: 2 s")]),
        Panel("resident memory for each plugin beyond the first, KiB", {"idle host": each_kib}),
    ]


def host_of_copies(run, count):
    folder = run.folder(f"plugins-{count}")
    (folder / "plugins.d").mkdir()
    first = folder / "plugins.d/libcopy1.so"
    compile_library([SOURCES / "curves.c"], first)
    for number in range(2, count + 1):
        shutil.copy(first, first.with_name(f"libcopy{number}.so"))
    # They are loaded in the order of their names, as texts.
    last = max(f"copy{number}" for number in range(1, count + 1))
    return serving(run.host, folder, f"/{last}")


def repeat_starts(run, hosts, starts):
    for _ in range(run.rounds - 1):
        for count, host in hosts.items():
            if starts[count][0] < SLOW_START_S:
                with host.running(LONGEST_START_S) as seconds:
                    starts[count].append(seconds)


# ---- Connections ------------------------------------------------------------------------------------------------

CONNECTIONS = [1, 4, 16, 64, 256, 1024, 4096, 10000]
IDLE = [256, 1024, 4096, 10000]
SPARE_FILES = 600  # of the host, which keeps 512 for other things than connections


def connections(run):
    """The echo of `make bench` at many connections, beside nginx."""
    most = run.open_files - SPARE_FILES
    if most < CONNECTIONS[-1]:
        note(f"no point above {most} connections: the limit of open files is {run.open_files} (ulimit -Hn)")
    host = backplane(run.host, run.folder("host"), options=["--max-connections", str(most), *QUEUE])
    peer = nginx_or_fail(run, connections=most)
    counts = [count for count in IDLE if count <= most]
    idle = {server.name: idle_connections(server, counts) for server in (host, peer)}
    with host.running(), peer.running():
        rows = {}
        for count in run.points([count for count in CONNECTIONS if count <= most]):
            contenders = [host.contender(WORKER), host.contender(INLINE_METHOD, INLINE), peer.contender()]
            rows[count] = (CrowdRow if count > 1000 else Row)(f"{count} connections", count, contenders)
        measure_in_turns(run, rows, [host])
    panels = [
        over_nginx(rows),
        Panel(CPU, {name: line(rows, name, "cpu_us") for name in (WORKER, INLINE_METHOD, NGINX)}),
        Panel(
            "resident memory for each idle connection, KiB", {name: cost["kib"] for name, cost in idle.items()},
            marks=[(10, "target: 10 KiB")]),
    ]
    chart = Chart(
        "Connections: from 1 to 10,000, each with one request at a time",
        "Requests per second and processor time by the number of connections, beside nginx; memory of idle ones.",
        "keep-alive connections", panels)
    return Curve(chart, rows, {"idle_connections": idle})


class CrowdRow(Row):
    """To connect takes some seconds when thousands do so at once, and to be closed another one: neither counts."""

    def measure_round(self, load, seconds):
        measures = {}
        for contender in self.contenders:
            measures[contender.name] = load.run_connected(contender, self.connections, seconds + 1, lead_s=4)
            time.sleep(1)
        self.rounds.append(measures)


def idle_connections(server, counts):
    """What so many connections cost that have had one response and wait: `kib` of each, by their number, and processor
    time in `us` for all there was to each, its request too."""
    note(f"{server.name}: idle connections")
    kib = []
    with server.running(), contextlib.ExitStack() as connections:
        memory, used, opened = server.memory_kib(), server.processor_s(), 0
        for count in counts:
            while opened < count:
                connections.enter_context(contextlib.closing(idle_connection(server.url)))
                opened += 1
            kib.append((count, (server.memory_kib() - memory) / count))
        return {"kib": kib, "us": (server.processor_s() - used) / opened * 1e6}


def idle_connection(url):
    place = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=10)
    connection.request("POST", place.path, BODY)
    if connection.getresponse().read() != BODY:
        raise BenchError(f"{url} did not answer what it was sent")
    return connection


def nginx_or_fail(run, **options):
    server, reason = nginx(run.folder("nginx"), **options)
    if server is None:
        raise BenchError(f"this curve is drawn beside nginx: {reason}")
    return server


def over_nginx(rows):
    lines = {name: ratio_line(rows, name, NGINX) for name in (WORKER, INLINE_METHOD)}
    return Panel(OVER_NGINX, lines, marks=[(1, "nginx")])


# ---- Bodies -----------------------------------------------------------------------------------------------------

BODIES = [4**power for power in range(13)]
LARGEST_INLINE = 1 << 18  # to copy more can take a millisecond, and a method that takes that long isn't INLINE


def bodies(run):
    """The echo of `make bench` with large bodies, beside nginx."""
    host = backplane(run.host, run.folder("host"))
    peer = nginx_or_fail(run, largest_body="16m")
    with host.running(), peer.running():
        rows = {}
        for size in run.points(BODIES):
            body = b"x" * size
            contenders = [host.contender(WORKER, body=body), peer.contender(body=body)]
            if size <= LARGEST_INLINE:
                contenders.insert(1, host.contender(INLINE_METHOD, INLINE, body=body))
            # 16 MiB four times over is a quarter of what --max-buffered-bodies takes.
            rows[size] = Row(bytes_text(size), 4, contenders)
        # Of the largest there are some 30 in a second, and those under way at the end don't count.
        measure_in_turns(run, rows, [host], lambda size: 2 if size >= 1 << 20 else 0)
    names = (WORKER, INLINE_METHOD, NGINX)
    megabytes = {name: scaled(line(rows, name), lambda size: size / 1e6) for name in names}
    panels = [
        over_nginx(rows),
        Panel("MB/s of bodies in, and as much out", megabytes, True),
        Panel(CPU, {name: line(rows, name, "cpu_us") for name in names}, True),
    ]
    chart = Chart(
        "Bodies: from 1 B to 16 MiB, echoed, over 4 connections",
        "Requests and bytes per second and processor time by the size of the body, beside nginx.",
        "size of the body", panels, bytes_text)
    return Curve(chart, rows)


def bytes_text(size):
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size // unit} {name}"
    return f"{size} B"


# ---- Replicas ---------------------------------------------------------------------------------------------------

REPLICAS = [1, 2, 4, 8, 16, 32, 64]
BLOCKING = "blocks for 1 ms"
COMPUTING = "computes for 20 us"
BLOCKED_PER_SECOND = 1000  # invocations that a replica can run, each of 1 ms


def replicas(run):
    """Two methods with more and more replicas: one that waits for nothing but time, and one that wants a core."""
    xs = run.points(REPLICAS)
    host = host_of_manifests(run, {f"r{count}": f"num_replicas: {count}\n" for count in xs})
    with host.running():
        rows = {}
        for count in xs:
            contenders = [
                contender(host, BLOCKING, f"r{count}", "block"), contender(host, COMPUTING, f"r{count}", "compute"),
                contender(host, COMPUTING + ONE, "r1", "compute"),
            ]
            rows[count] = Row(f"{count} replicas", 64, contenders)
        measure_in_turns(run, rows)
    panels = [
        Panel(
            "calls/s of a method that blocks for 1 ms, over the bound (replicas / 1 ms)",
            {BLOCKING: scaled(line(rows, BLOCKING), lambda count: 1 / (count * BLOCKED_PER_SECOND))},
            marks=[(1, "the bound")]),
        Panel(
            "calls/s of a method that computes for 20 us, over those with one replica",
            {COMPUTING: ratio_line(rows, COMPUTING, COMPUTING + ONE)}, marks=[(1, "one replica")]),
        Panel(
            "processor time of the host per call, us",
            {name: line(rows, name, "cpu_us") for name in (BLOCKING, COMPUTING)}),
    ]
    chart = Chart(
        "Replicas: from 1 to 64, at 64 connections",
        "Calls per second and processor time by the number of replicas, of a method that blocks and one that computes.",
        "replicas", panels)
    return Curve(chart, rows)


def host_of_manifests(run, manifests):
    """A host with the plugin once under each name, as its manifest says."""
    folder = run.folder("host")
    (folder / "plugins.d").mkdir()
    for name, manifest in manifests.items():
        compile_library([SOURCES / "curves.c"], folder / f"plugins.d/lib{name}.so")
        (folder / f"plugins.d/{name}.yaml").write_text(manifest)
    return serving(run.host, folder, f"/{max(manifests)}", *QUEUE)


def contender(host, name, plugin, method):
    url = urllib.parse.urljoin(host.url, f"/{plugin}")
    return dataclasses.replace(host.contender(name, {"X-SERVE-CALL-METHOD": method}), url=url)


# ---- Batches ----------------------------------------------------------------------------------------------------

BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256]
WAITS = {"takes what waits": "0", "waits up to 2 ms": "2ms"}  # batch_wait_timeout


def batches(run):
    """A method that takes 1 ms for a batch, however many calls it has; twice as many connections as a batch takes."""
    xs = run.points(BATCHES)
    host = host_of_manifests(run, {
        f"b{size}w{wait}": f"max_batch_size: {size}\nbatch_wait_timeout: {wait}\n"
        for size in xs for wait in WAITS.values()
    })
    with host.running():
        rows = {}
        for size in xs:
            contenders = [contender(host, name, f"b{size}w{wait}", "block_batch") for name, wait in WAITS.items()]
            rows[size] = Row(f"batches of {size}", 2 * size, contenders)
        measure_in_turns(run, rows)
        seen = {name: {size: seen_by(host, f"b{size}w{wait}") for size in xs} for name, wait in WAITS.items()}
    fill = {name: [(size, seen[name][size]["calls_per_invocation"] / size) for size in xs] for name in WAITS}
    panels = [
        Panel(
            "calls/s of a method that takes 1 ms for a batch, over the bound (max_batch_size / 1 ms)",
            {name: scaled(line(rows, name), lambda size: 1 / (size * BLOCKED_PER_SECOND)) for name in WAITS},
            marks=[(1, "the bound")]),
        Panel("calls in a batch on average, over max_batch_size", fill, marks=[(1, "full batches")]),
        Panel("processor time of the host per call, us", {name: line(rows, name, "cpu_us") for name in WAITS}),
    ]
    chart = Chart(
        "Batches: from 1 to 256 calls, at twice as many connections",
        "Calls per second, how full batches are and processor time, by max_batch_size.",
        "max_batch_size", panels)
    return Curve(chart, rows, {"seen": seen})


def seen_by(host, plugin):
    """What the plugin says of the invocations of its methods."""
    place = urllib.parse.urlsplit(host.url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", f"/{plugin}", headers={"X-SERVE-CALL-METHOD": "seen"})
        calls, invocations, busy_ns = map(int, connection.getresponse().read().split())
    return {"calls_per_invocation": calls / invocations, "invocation_us": busy_ns / invocations / 1000}


CURVES = {
    "plugins": plugins, "connections": connections, "bodies": bodies, "replicas": replicas, "batches": batches,
}

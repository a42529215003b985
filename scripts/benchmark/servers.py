"""The servers that a run starts and ends: the host, and nginx beside it."""

import contextlib
import glob
import os
import pathlib
import shutil
import socket
import subprocess
import time

from .basics import BODY, BenchError, note
from .load import Contender

SOURCES = pathlib.Path(__file__).parent
NGINX = "nginx + echo module"
BACKPLANE = "backplane"
STAGES = "middleware: [{cors: {allow_origins: [\"*\"]}}, request-id, {body-limit: {max_size: 1MiB}}]\n"


class Server:
    """A server that this run starts and ends. Listens on 127.0.0.1, keeps its files and its log in `directory`."""

    def __init__(self, name, command, port, path, directory, environment=None):
        self.name = name
        self.url = f"http://127.0.0.1:{port}{path}"
        self._command = command
        self._address = ("127.0.0.1", port)
        self._path = path
        self._directory = directory
        self._environment = environment
        self._process = None
        self._log_read = 0

    @contextlib.contextmanager
    def running(self, limit_s=15):
        """Runs the server; yields the seconds from exec to its first answered call, which may be `limit_s` at most."""
        with open(self._directory / "log", "ab") as log:
            started = time.perf_counter()
            self._process = subprocess.Popen(
                self._command, cwd=self._directory, env=self._environment, stdout=log, stderr=log)
        try:
            yield self._wait_for_answer(started, limit_s)
        finally:
            self._stop()

    def peak_memory_mib(self):
        """The sum of the peak resident memory of the process and its children."""
        return self._memory_kib("VmHWM:") / 1024

    def memory_kib(self):
        """The same, as it is now."""
        return self._memory_kib("VmRSS:")

    def processor_s(self):
        """Seconds of processor time that the process and its children have used, the kernel's on their behalf too."""
        ticks = 0
        for pid in [self._process.pid, *self._children()]:
            # Behind the name, which may have spaces in it.
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def log_news(self):
        """What the log has since this was asked last."""
        with open(self._directory / "log", errors="replace") as log:
            log.seek(self._log_read)
            news = log.read()
            self._log_read = log.tell()
        return news

    def reload(self):
        """Makes a new generation of the host's plugin that is called."""
        command = [self._command[0], "reload", self._path.strip("/"), "--admin-socket", self._directory / "admin.sock"]
        reloaded = subprocess.run(command, capture_output=True, text=True)
        if reloaded.returncode != 0:
            raise BenchError(f"{self.name} can't reload {self._path}: {reloaded.stderr}")

    def contender(self, name=None, headers={}, **rest):
        """This server as a row has it."""
        return Contender(name or self.name, self.url, headers, processor_s=self.processor_s, **rest)

    def _memory_kib(self, field):
        kibibytes = 0
        for pid in [self._process.pid, *self._children()]:
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            kibibytes += next(int(line.split()[1]) for line in status.splitlines() if line.startswith(field))
        return kibibytes

    def _children(self):
        children = []
        for file in glob.glob(f"/proc/{self._process.pid}/task/*/children"):
            with contextlib.suppress(OSError):  # a thread that has ended meanwhile
                children += pathlib.Path(file).read_text().split()
        return children

    def _wait_for_answer(self, started, limit_s):
        while time.perf_counter() - started < limit_s:
            if self._process.poll() is not None:
                raise BenchError(f"{self.name} ended with {self._process.returncode}:\n{self._log_tail()}")
            if self._answers():
                return time.perf_counter() - started
            time.sleep(0.001)
        raise BenchError(f"{self.name} did not answer within {limit_s} s:\n{self._log_tail()}")

    def _answers(self):
        """One POST over a raw socket: http.client would cost more than what is measured."""
        request = (
            f"POST {self._path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(BODY)}\r\nConnection: close\r\n\r\n"
        ).encode() + BODY
        try:
            with socket.create_connection(self._address, timeout=5) as connection:
                connection.sendall(request)
                answer = b""
                while BODY not in answer and (part := connection.recv(4096)):
                    answer += part
        except OSError:
            return False
        return answer.startswith(b"HTTP/1.1 200 ") and BODY in answer

    def _log_tail(self):
        return "\n".join((self._directory / "log").read_text(errors="replace").splitlines()[-20:])

    def _stop(self):
        self._process.terminate()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            note(f"{self.name} did not end within 15 s of SIGTERM and was killed")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serving(host, directory, path, *options, name=BACKPLANE):
    """The host with what is in plugins.d below `directory`; `path` is the one that answers a POST with its body."""
    port = free_port()
    command = [host, "serve", "--plugins-dir", directory / "plugins.d", "--port", str(port)]
    command += ["--admin-socket", directory / "admin.sock", *options]
    return Server(name, command, port, path, directory)


def backplane(host, directory, name=BACKPLANE, configuration=None, options=()):
    """The host that was built, with the example plugins, and a configuration file if it is to have one."""
    if not host.exists():
        raise BenchError(f"no host at {host}; run: make build")
    plugins = directory / "plugins.d"
    plugins.mkdir()
    for library in ("libecho.so", "libcounter.so"):
        shutil.copy(host.parent / library, plugins)
    if configuration:
        (directory / "backplane.yaml").write_text(configuration)
        options = [*options, "--config", directory / "backplane.yaml"]
    return serving(host, directory, "/echo", *options, name=name)


def sums(host, directory):
    """The host with the plugin of the typed methods, which is built here."""
    (directory / "plugins.d").mkdir()
    compile_library([SOURCES / "sums.c"], directory / "plugins.d/libsums.so")
    return serving(host, directory, "/sums")


def compile_library(sources, library, definitions=()):
    """A library of C, which may be a plugin."""
    include = SOURCES.parent.parent / "Sources/PluginABI/include"
    command = ["cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-fPIC", "-shared", "-I", include, *definitions]
    built = subprocess.run([*command, *sources, "-o", library], capture_output=True, text=True)
    if built.returncode != 0:
        raise BenchError(f"{sources[0].name} can't be built:\n{built.stderr}")


def nginx(directory, connections=1024, largest_body="1m"):
    """nginx with one worker and the echo module, or None and the reason.

    It keeps bodies of up to `largest_body` in memory, as the host does.
    """
    binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if binary is None:
        return None, "nginx is not installed (scripts/setup --bench)"
    modules = glob.glob("/usr/lib/nginx/modules/ngx_http_echo_module.so")
    modules += glob.glob("/usr/share/nginx/modules/ngx_http_echo_module.so")
    if not modules:
        return None, "nginx has no echo module (scripts/setup --bench)"
    port = free_port()
    # echo_request_body sends what echo_read_request_body has read. keepalive_requests, because nginx closes a
    # connection after 1,000 requests otherwise. Its temporary folders would be under /var, which is root's. The backlog
    # is the host's.
    temporary = "\n".join(
        f"    {kind}_temp_path {directory}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")
    )
    configuration = directory / "nginx.conf"
    configuration.write_text(f"""\
load_module {modules[0]};
daemon off;
worker_processes 1;
pid {directory}/pid;
error_log {directory}/log;
events {{ worker_connections {connections}; }}
http {{
    access_log off;
    default_type application/json;
    keepalive_requests 1000000000;
    client_max_body_size {largest_body};
    client_body_buffer_size {largest_body};
{temporary}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location = /echo {{
            echo_read_request_body;
            echo_request_body;
        }}
    }}
}}
""")
    command = [binary, "-e", directory / "log", "-c", configuration]
    return Server(NGINX, command, port, "/echo", directory), None

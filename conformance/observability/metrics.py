"""Lets a real Prometheus, a strict parser and VictoriaMetrics judge the metrics of a run, and other people's dashboards query them.

    python3 metrics.py                  all runs, all judges that are here
    python3 metrics.py order-system     only these runs
    python3 metrics.py --prove          breaks the metrics of one run in several ways: the judges must notice each
    python3 metrics.py --list           what there is

Exit code: 0 all agree, 1 something disagrees, 2 there is no brownout or no Prometheus.
"""
import argparse
import collections
import contextlib
import csv
import json
import math
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import dashboards

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SCRAPE = 15
EPOCH = 1767225600  # 2026-01-01T00:00:00Z, what `--epoch` is if nothing is said
# How long a server may take to answer for the first time, on a machine that does other things.
PATIENCE = 60
# Series and figures of summaries are rounded where they are written.
NEAR = 1e-6
# Percentiles of the summary are of a histogram with steps of less than 2 %.
STEP = 0.02

# Name: model, variant. One run each, without warm-up, so that the summary counts what the meters count.
RUNS = {
    "order-system": ("order-system", None),
    "order-system-naive": ("order-system", "naive"),
    "order-mesh": ("order-mesh", None),
    "order-events": ("order-events", None),
    "event-log": ("event-log", None),
    "rebalance-storm": ("rebalance-storm", None),
    "cloud-queues": ("cloud-queues", None),
    "grpc-or-rest": ("grpc-or-rest", None),
}


class CannotRun(Exception):
    """A judge or the judged is not here."""


class Table:
    """What was compared: per run and subject how often, and what disagreed."""

    def __init__(self):
        self.compared, self.wrong, self.left_out = collections.Counter(), collections.defaultdict(list), []

    def check(self, run, subject, agrees, said):
        self.compared[run, subject] += 1
        if not agrees:
            self.wrong[run, subject].append(said)

    def equal(self, run, subject, what, judged, expected):
        near = judged is not None and math.isclose(judged, expected, rel_tol=NEAR, abs_tol=NEAR)
        self.check(run, subject, near, f"{what}: the judge says {judged}, the run {expected}")

    def leave_out(self, subject, why):
        self.left_out.append((subject, why))

    def print(self):
        print(f"\n{'run':20} {'what':42} {'agree':>9}")
        for (run, subject), count in self.compared.items():
            wrong = self.wrong[run, subject]
            print(f"{run:20} {subject:42} {count - len(wrong):4} of {count:<4}{' DISAGREE' if wrong else ''}")
            for said in wrong[:5]:
                print(f"{'':20}   {said}")
            if len(wrong) > 5:
                print(f"{'':20}   and {len(wrong) - 5} more")
        for subject, why in self.left_out:
            print(f"left out: {subject}: {why}")
        print(f"{sum(self.compared.values())} comparisons, {self.disagreements()} disagree")

    def disagreements(self):
        return sum(len(wrong) for wrong in self.wrong.values())


def main():
    options = arguments()
    if options.list:
        for name, (model, variant) in RUNS.items():
            print(f"{name:20} models/{model}.yaml{f' --variant {variant}' if variant else ''}")
        return 0
    unknown = [name for name in options.names if name not in RUNS]
    if unknown:
        print(f"no run is called {', '.join(unknown)}: --list shows those there are", file=sys.stderr)
        return 2
    try:
        with tempfile.TemporaryDirectory(prefix="brownout-metrics-") as folder:
            return prove(pathlib.Path(folder)) if options.prove else judge_all(options.names or list(RUNS), pathlib.Path(folder))
    except CannotRun as error:
        print(error, file=sys.stderr)
        return 2


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--prove", action="store_true", help="break the metrics and see that the judges notice")
    parser.add_argument("--list", action="store_true")
    return parser.parse_args()


def judge_all(names, folder):
    table, boards = Table(), dashboards.Boards(corpus())
    for name in names:
        print(f"{name} …", flush=True)
        judge(Run(name, folder / name), table, boards)
    table.print()
    wrong = boards.report(complete=len(names) == len(RUNS))
    return 1 if table.disagreements() or wrong else 0


def corpus():
    """Other people's dashboards, beside the checkout or where BROWNOUT_CORPUS says."""
    path = pathlib.Path(os.environ.get("BROWNOUT_CORPUS", ROOT.parent / "shared" / "corpus"))
    return path if path.is_dir() else None


# -- the judged --------------------------------------------------------------------------------------------------------

class Run:
    """One run's artefacts, as a reader of files sees them."""

    def __init__(self, name, folder):
        self.name = name
        model, variant = RUNS[name]
        chosen = os.environ.get("BROWNOUT", ROOT / "target" / "release" / "brownout")
        command = [str(chosen), "run", str(ROOT / "models" / f"{model}.yaml"), "--out", str(folder), "--set", "warmUp=0s", "--scrape", f"{SCRAPE}s"]
        try:
            done = subprocess.run(command + (["--variant", variant] if variant else []), capture_output=True, text=True)
        except OSError as error:
            raise CannotRun(f"{chosen} does not run ({error}): build it with `cargo build --release`, or name another by BROWNOUT") from None
        # That an expectation failed (1) is what some of these models are for.
        if done.returncode not in (0, 1):
            raise CannotRun(f"{' '.join(command)} failed:\n{done.stderr}")
        self.metrics = folder / "metrics.om"
        if not self.metrics.is_file():
            raise CannotRun(f"{chosen} wrote no metrics.om: it is older than this harness")
        self.summary = json.loads((folder / "summary.json").read_text())
        self.series = collections.defaultdict(dict)
        with open(folder / "series.csv", newline="") as file:
            for row in csv.DictReader(file):
                if row["value"] != "":
                    self.series[row["kind"], row["name"], row["metric"]][float(row["time"])] = float(row["value"])
        self.last = self.last_scrape()

    def last_scrape(self):
        with open(self.metrics) as file:
            stamps = {line.rsplit(" ", 1)[1] for line in file if not line.startswith("#")}
        return float(max(stamps, key=float)) if stamps else float(EPOCH)

    def scrapes(self):
        """The simulated times of the scrapes, in seconds."""
        return range(0, int(self.last - EPOCH) + 1, SCRAPE)

    def of(self, kind, metric):
        """(name, windows) of all components of a kind."""
        return [(name, windows) for (k, name, m), windows in self.series.items() if (k, m) == (kind, metric)]

    def total(self, kind, name, metric, begin=0, end=math.inf):
        return sum(value for at, value in self.series.get((kind, name, metric), {}).items() if begin <= at < end)

    def attempts(self):
        """By the caller's workload and the callee's service: how many attempts were sent in the whole run."""
        counts = collections.Counter()
        for name, windows in self.of("call", "attempts"):
            counts[ends(name)] += sum(windows.values())
        return {key: count for key, count in counts.items() if count}


def ends(call):
    """`order-service/v2.place -> orders-db.insert` is of the workload order-service-v2 to the service orders-db."""
    caller, callee = call.split(" -> ")
    return workload(caller.split(".")[0]), callee.split(".")[0].split("/")[0]


def workload(service):
    return service.replace("/", "-")


# -- the judges --------------------------------------------------------------------------------------------------------

def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(url, form=None, body=None):
    data = urllib.parse.urlencode(form).encode() if form is not None else body
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=PATIENCE) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@contextlib.contextmanager
def server(command, ready):
    """A server on loopback that ends with us."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            until = time.monotonic() + PATIENCE
            while True:
                with contextlib.suppress(OSError):
                    if ask(ready)[0] == 200:
                        break
                if process.poll() is not None or time.monotonic() > until:
                    log.seek(0)
                    raise CannotRun(f"{command[0]} does not come up:\n{log.read().decode(errors='replace')[-2000:]}")
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait()


class Prometheus:
    """What is asked of a Prometheus, or of whatever has its interface."""

    def __init__(self, url):
        self.url = url

    def query(self, expression, at):
        """(labels, value) of each series at an instant; None: it cannot be evaluated."""
        code, body = ask(f"{self.url}/api/v1/query", {"query": expression, "time": at})
        if code != 200:
            return None
        data = json.loads(body)["data"]
        return [(one["metric"], float(one["value"][1])) for one in data["result"]]

    def one(self, expression, at):
        found = self.query(expression, at)
        return found[0][1] if found and len(found) == 1 else None

    def by(self, labels, expression, at):
        found = self.query(expression, at) or []
        return {tuple(metric.get(label, "") for label in labels): value for metric, value in found}

    def range(self, expression, begin, end, step=SCRAPE):
        """Each series' {time: value} over a range, or why not."""
        code, body = ask(f"{self.url}/api/v1/query_range", {"query": expression, "start": begin, "end": end, "step": step})
        answer = json.loads(body)
        if code != 200:
            return None, answer.get("error", str(code))
        return [(one["metric"], {float(at): float(value) for at, value in one["values"]}) for one in answer["data"]["result"]], None


    def rules(self):
        """Of each alerting rule that it was given: its name and expression. What is recorded under a name stands in the place of the name."""
        groups = json.loads(ask(f"{self.url}/api/v1/rules")[1])["data"]["groups"]
        every = [rule for group in groups for rule in group["rules"]]
        recorded = {rule["name"]: rule["query"] for rule in every if rule["type"] == "recording"}
        alerts = [(rule["name"], rule["query"]) for rule in every if rule["type"] == "alerting"]
        for name, query in recorded.items():
            alerts = [(alert, text.replace(name, f"({query})")) for alert, text in alerts]
        return alerts


@contextlib.contextmanager
def prometheus(metrics):
    """A Prometheus on a data base that promtool made of the file; None: promtool refuses the file."""
    if not shutil.which("promtool") or not shutil.which("prometheus"):
        raise CannotRun("there is no prometheus with its promtool: see conformance/observability/README.md")
    with tempfile.TemporaryDirectory(prefix="brownout-prometheus-") as folder:
        data, config = pathlib.Path(folder) / "data", pathlib.Path(folder) / "prometheus.yml"
        config.write_text(json.dumps({"rule_files": [str(HERE / "rules" / "*.yaml")]}))
        made = subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", str(metrics), str(data)], capture_output=True, text=True)
        if made.returncode != 0:
            yield None, (made.stderr + made.stdout).strip().splitlines()[-1]
            return
        url = f"http://127.0.0.1:{free_port()}"
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={data}", "--storage.tsdb.retention.time=100y",
                   f"--web.listen-address={url[7:]}"]
        with server(command, f"{url}/-/ready"):
            yield Prometheus(url), None


def judge(run, table, boards=None):
    parse_strictly(run, table)
    with prometheus(run.metrics) as (asked, refusal):
        table.check(run.name, "promtool takes the file", asked is not None, refusal)
        if asked:
            counts(run, asked, table)
            errors_while_it_lasts(run, asked, table)
            goodput(run, asked, table)
            histograms(run, asked, table)
            quantiles(run, asked, table)
            gauges(run, asked, table)
            lags(run, asked, table)
            pods(run, asked, table)
            if boards:
                boards.evaluate(run, asked)
    victoria(run, table)


# -- what is compared --------------------------------------------------------------------------------------------------

def counts(run, asked, table):
    """Attempts that callers sent, and what callees and those who found nobody there counted of them."""
    pairs = asked.by(("source_workload", "destination_service_name"), 'sum by (source_workload, destination_service_name) (istio_requests_total{reporter="source"})', run.last)
    for key, count in run.attempts().items():
        table.equal(run.name, "requests per caller and callee", f"{key[0]} to {key[1]}", pairs.pop(key, None), count)
    table.check(run.name, "requests per caller and callee", not pairs, f"nobody sent those of {sorted(pairs)}")
    arrived = asked.by(("destination_workload",), 'sum by (destination_workload) (istio_requests_total{reporter="destination"})', run.last)
    lost = asked.by(("destination_workload",), 'sum by (destination_workload) (istio_requests_total{reporter="source", response_flags=~"UF|UC"})', run.last)
    failed = asked.by(("destination_workload",), 'sum by (destination_workload) (istio_requests_total{reporter="destination", response_code=~"5.."})', run.last)
    left = asked.by(("destination_workload",), 'sum by (destination_workload) (istio_requests_total{reporter="destination", response_code="0"})', run.last)
    for name, windows in run.of("service", "arrived"):
        key, count = (workload(name),), sum(windows.values())
        if count:
            table.equal(run.name, "requests per callee", name, arrived.get(key, 0) + lost.get(key, 0), count)
            # A request whose caller has gone ends as such, however the callee ends it.
            if not left.get(key) and not lost.get(key):
                table.equal(run.name, "failures per callee", name, failed.get(key, 0), run.total("service", name, "failed"))
    for name, client in run.summary["clients"].items():
        if not client["unfinished"]:
            asked_for = asked.one(f'brownout_client_requests_offered_total{{client="{name}"}}', run.last)
            table.equal(run.name, "requests per client, by the summary", name, asked_for, client["offered"])


def around(run, fault):
    """The scrapes next to a fault, outwards."""
    ended = fault["ended"] if fault["ended"] is not None else run.summary["duration"]
    begin, end = fault["began"] // SCRAPE * SCRAPE, -(-ended // SCRAPE) * SCRAPE
    return int(begin), int(min(end, run.scrapes()[-1]))


def errors_while_it_lasts(run, asked, table):
    """Shares of failed requests over each fault, as clients saw it, and as their proxies did if the clients do not try again."""
    for number, fault in run.summary["faults"].items():
        begin, end = around(run, fault)
        for client in run.summary["clients"]:
            of = {metric: run.total("client", client, metric, begin, end) for metric in ("ok", "degraded", "failed")}
            if not sum(of.values()):
                continue
            share = of["failed"] / sum(of.values())
            own = growth("brownout_client_requests_failed_total", f'client="{client}"', end - begin)
            whole = " + ".join(growth(f"brownout_client_requests_{part}_total", f'client="{client}"', end - begin) for part in of)
            table.equal(run.name, "error shares over faults", f"{client} while {number}", asked.one(f"{own} / ({whole})", EPOCH + end), share)
            calls = [call for name, call in run.summary["calls"].items() if ends(name)[0] == client]
            if all(call["retries"]["app"] == 0 and call["fallbacks"] == 0 and call["shortCircuited"] == 0 for call in calls):
                mine = f'reporter="source", source_workload="{client}"'
                bad = growth("istio_requests_total", f'{mine}, response_code=~"5..|0"', end - begin)
                every = growth("istio_requests_total", mine, end - begin)
                table.equal(run.name, "error shares over faults, by proxies", f"{client} while {number}",
                            asked.one(f"({bad} or vector(0)) / {every}", EPOCH + end), share)


def growth(metric, labels, seconds):
    """How much counters have grown: a series that was not there yet began at nothing."""
    # Prometheus' own increase() extrapolates and sees no first step; this is exact.
    return f"(sum({metric}{{{labels}}}) - (sum({metric}{{{labels}}} offset {seconds}s) or vector(0)))"


def goodput(run, asked, table):
    for client in run.summary["clients"]:
        # A range of a second more than a minute holds five scrapes with either way of counting its ends.
        expression = " + ".join(f'sum(rate(brownout_client_requests_{part}_total{{client="{client}"}}[61s]))' for part in ("ok", "degraded"))
        found, _ = asked.range(expression, EPOCH + 60, run.last)
        for at, rate in (found[0][1] if found else {}).items():
            at -= EPOCH
            served = sum(run.total("client", client, metric, at - 60, at) for metric in ("ok", "degraded"))
            # A counter that was zero is not thought to have grown in the second that is no scrape's.
            near = served / 61 * (1 - NEAR) <= rate <= served / 60 * (1 + NEAR)
            table.check(run.name, "goodput, rate over a minute", near, f"{client} at {at:.0f} s: the judge says {rate}/s, the run {served / 60}/s")


def histograms(run, asked, table):
    """Buckets that fit each other and the counters; Prometheus would compute quantiles of nonsense without a word."""
    for name in ("istio_request_duration_milliseconds", "traces_span_metrics_duration_milliseconds"):
        for at in run.scrapes()[1::4]:
            bounds = asked.by(("le",), f"count by (le) ({name}_bucket)", EPOCH + at)
            table.check(run.name, "all series have the same buckets", len(set(bounds.values())) <= 1 and ("+Inf",) in bounds, f"{name} at {at} s: {bounds}")
            falls = asked.one(f"count(({name}_bucket - ignoring(le) group_left {name}_count) > 0) or vector(0)", EPOCH + at)
            table.equal(run.name, "no bucket exceeds the count", f"{name} at {at} s", falls, 0)
    differ = asked.one('count(istio_request_duration_milliseconds_count != istio_requests_total) or vector(0)', run.last)
    table.equal(run.name, "durations are as many as requests", "series that differ", differ, 0)
    differ = asked.one('count(istio_request_duration_milliseconds_bucket{le="+Inf"} != ignoring(le) istio_requests_total) or vector(0)', run.last)
    table.equal(run.name, "durations are as many as requests", "series whose last bucket differs", differ, 0)


def quantiles(run, asked, table):
    """The summary's percentiles lie in the bucket that the histogram's quantile is of."""
    at = EPOCH + min(int(run.summary["duration"]), run.scrapes()[-1])
    left = asked.by(("destination_workload",), 'sum by (destination_workload) (istio_requests_total{reporter="destination", response_code="0"})', at)
    for name, service in run.summary["services"].items():
        # A proxy stops the clock when the caller goes away, the service when it is done.
        if service["latency"]["p50"] is not None and not left.get((workload(name),)) and not service["abandoned"] and not service["rejected"]:
            within(run, asked, table, name, f'reporter="destination", destination_workload="{workload(name)}"', service["latency"], at)
    edges = collections.Counter(ends(name) for name in run.summary["calls"])
    for name, call in run.summary["calls"].items():
        (caller, callee), single = ends(name), call["calls"] == call["attempts"] and call["retries"] == {"app": 0, "mesh": 0}
        if single and call["calls"] and edges[caller, callee] == 1 and not call["fallbacks"]:
            labels = f'reporter="source", source_workload="{caller}", destination_service_name="{callee}"'
            within(run, asked, table, name, labels, call["latency"], at)


def within(run, asked, table, what, labels, latency, at):
    buckets = asked.by(("le",), f"sum by (le) (istio_request_duration_milliseconds_bucket{{{labels}}})", at)
    bounds = sorted(float(le) for (le,) in buckets)
    for share in ("p50", "p99"):
        quantile = asked.one(f"histogram_quantile(0.{share[1:]}, sum by (le) (istio_request_duration_milliseconds_bucket{{{labels}}}))", at)
        if quantile is None or math.isnan(quantile):
            table.check(run.name, "percentiles within their bucket", False, f"{what}: no {share}")
            continue
        above = next(bound for bound in bounds if quantile <= bound)
        below = max((bound for bound in bounds if bound < above), default=0)
        told = latency[share] * 1000
        table.check(run.name, "percentiles within their bucket", below * (1 - STEP) <= told <= above * (1 + STEP),
                    f"{what}: {share} is {told} ms by the summary, {quantile} ms by the histogram, in ({below}, {above}]")


# Metric, label of its name, what of the series, and how names are shortened.
GAUGES = [
    ("brownout_service_queue_length", "service", "service", "queueLength", str),
    ("brownout_service_workers_busy", "service", "service", "busyWorkers", str),
    ("kube_deployment_status_replicas_available", "deployment", "service", "replicas", workload),
    ("brownout_queue_ready", "queue", "queue", "ready", str),
    ("brownout_queue_unacked", "queue", "queue", "unacked", str),
]
BROKERS = [
    ("rabbitmq_queue_messages_ready", "queue", "ready", lambda name: name.split(".", 1)[1]),
    ("rabbitmq_queue_messages_unacked", "queue", "unacked", lambda name: name.split(".", 1)[1]),
    ("aws_sqs_approximate_number_of_messages_visible_average", "dimension_QueueName", "ready", lambda name: name.split(".", 1)[1]),
    ("aws_sqs_approximate_number_of_messages_not_visible_average", "dimension_QueueName", "unacked", lambda name: name.split(".", 1)[1]),
]


def gauges(run, asked, table):
    """What stood in the last window before each scrape."""
    for metric, label, kind, figure, named in GAUGES + [(m, l, "queue", f, named) for m, l, f, named in BROKERS]:
        found, _ = asked.range(metric, EPOCH, run.last)
        shown = {labels[label]: values for labels, values in found or []}
        for name, windows in run.of(kind, figure):
            if named(name) not in shown:
                table.check(run.name, metric, kind == "queue" and metric.split("_")[0] != "brownout", f"{name} is not shown")
                continue
            for at, value in shown[named(name)].items():
                window = min(max(at - EPOCH - 1, 0), max(windows))
                table.equal(run.name, metric, f"{name} at {at - EPOCH:.0f} s", value, windows.get(window, 0))
    kinds = {"order-events": "rabbitmq_queue_messages_ready", "event-log": "kafka_consumergroup_lag_sum",
             "rebalance-storm": "kafka_consumergroup_lag_sum", "cloud-queues": "aws_sqs_approximate_number_of_messages_visible_average"}
    if run.name in kinds:
        peak = asked.one(f"max(max_over_time({kinds[run.name]}[{int(run.last - EPOCH)}s]))", run.last)
        table.check(run.name, "the broker's own gauge shows a queue", peak is not None and peak > 0, f"{kinds[run.name]} peaks at {peak}")


def lags(run, asked, table):
    """What a group has not committed: all that it has not read or has in hand, and what it has handled since; the sum of its partitions."""
    unread, in_hand = dict(run.of("queue", "ready")), dict(run.of("queue", "unacked"))
    sums, _ = asked.range("kafka_consumergroup_lag_sum", EPOCH, run.last)
    parts, _ = asked.range("sum by (consumergroup, topic, broker) (kafka_consumergroup_lag)", EPOCH, run.last)
    shown = {f"{labels['broker']}.{labels['topic']}/{labels['consumergroup']}": values for labels, values in sums or []}
    added = {f"{labels['broker']}.{labels['topic']}/{labels['consumergroup']}": values for labels, values in parts or []}
    for name in (name for name in unread if "/" in name):
        table.check(run.name, "every group's lag is shown", name in shown, f"{name} is not among {', '.join(shown)}")
        for at, value in shown.get(name, {}).items():
            window = int(at - EPOCH - 1)
            least = unread[name].get(window, 0) + in_hand[name].get(window, 0) if at > EPOCH else 0
            table.check(run.name, "lag is at least what is not handled", value >= least, f"{name} at {at - EPOCH:.0f} s: {value} and {least}")
            table.equal(run.name, "lag is that of all partitions", f"{name} at {at - EPOCH:.0f} s", value, added.get(name, {}).get(at))


def pods(run, asked, table):
    """Pods that are up, and how often they were started again."""
    restarts = asked.query("kube_pod_container_status_restarts_total", run.last) or []
    for name, service in run.summary["services"].items():
        own = re.compile(re.escape(workload(name)) + r"-\d+")
        counted = sum(value for labels, value in restarts if own.fullmatch(labels["pod"]))
        table.equal(run.name, "restarts", name, counted, service["restarts"])
        ready, _ = asked.range(f'sum(kube_pod_status_ready{{condition="true", pod=~"{workload(name)}-[0-9]+"}})', EPOCH, run.last)
        available, _ = asked.range(f'sum(kube_deployment_status_replicas_available{{deployment="{workload(name)}"}})', EPOCH, run.last)
        if ready and available:
            for at, pods_ready in ready[0][1].items():
                # The window before a scrape ends at the scrape.
                table.equal(run.name, "ready pods are the available replicas", f"{name} at {at - EPOCH:.0f} s", pods_ready, available[0][1].get(at))
    differ = asked.one('count(sum by (pod) (up) != sum by (pod) (kube_pod_status_ready{condition="true"})) or vector(0)', run.last)
    table.equal(run.name, "what is up is ready", "pods that differ", differ, 0)


def parse_strictly(run, table):
    """OpenMetrics' reference parser knows histograms of a single scrape only, so it gets some scrapes one by one."""
    try:
        from prometheus_client.openmetrics import parser
    except ImportError:
        if "the strict parser" not in dict(table.left_out):
            table.leave_out("the strict parser", "the package prometheus-client is not installed")
        return
    lines = run.metrics.read_text().splitlines()
    table.check(run.name, "the strict parser takes a scrape", bool(lines) and lines[-1] == "# EOF", "the last line is not # EOF")
    for at in {run.scrapes()[1], run.scrapes()[len(run.scrapes()) // 2], run.scrapes()[-1]}:
        stamp = f" {EPOCH + at}.000"
        text = "\n".join(line for line in lines if line.startswith("#") or line.endswith(stamp)) + "\n"
        try:
            families = list(parser.text_string_to_metric_families(text))
            table.check(run.name, "the strict parser takes a scrape", any(family.samples for family in families), f"at {at} s: it is empty")
        except ValueError as error:
            table.check(run.name, "the strict parser takes a scrape", False, f"at {at} s: {error}")


def victoria(run, table):
    binary = os.environ.get("VICTORIA_METRICS") or shutil.which("victoria-metrics")
    if not binary:
        if "VictoriaMetrics" not in dict(table.left_out):
            table.leave_out("VictoriaMetrics", "there is no victoria-metrics")
        return
    url = f"http://127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory(prefix="brownout-victoria-") as folder:
        command = [binary, f"-storageDataPath={folder}", f"-httpListenAddr={url[7:]}", "-retentionPeriod=100y", "-search.disableCache"]
        with server(command, f"{url}/health"):
            code, said = ask(f"{url}/api/v1/import/prometheus", body=run.metrics.read_bytes())
            table.check(run.name, "VictoriaMetrics takes the file", code == 204, f"{code} {said[:200]}")
            ask(f"{url}/internal/force_flush")
            pairs = Prometheus(url).by(("source_workload", "destination_service_name"),
                                       'sum(istio_requests_total{reporter="source"}) by (source_workload, destination_service_name)', run.last)
            for key, count in run.attempts().items():
                table.equal(run.name, "requests, by VictoriaMetrics", f"{key[0]} to {key[1]}", pairs.get(key), count)


# -- that it can fail --------------------------------------------------------------------------------------------------

def sample(name, last=True):
    """Whether a line is a sample of this name (the last scrape's, in this run)."""
    return lambda line, stamp: line.startswith(name + "{") and (not last or line.endswith(stamp))


def altered(lines, stamp, change, chosen):
    """The first line that is chosen, changed."""
    where = next(number for number, line in enumerate(lines) if chosen(line, stamp))
    return lines[:where] + change(lines[where]) + lines[where + 1:]


def add(much):
    def change(line):
        head, value, stamp = line.rsplit(" ", 2)
        return [f"{head} {float(value) + much:g} {stamp}"]
    return change


def without(line):
    return []


BREAKAGES = {
    "one request more": lambda lines, stamp: altered(lines, stamp, add(1), sample("istio_requests_total")),
    "a request less in a sidecar's histogram": lambda lines, stamp: altered(lines, stamp, add(-1), sample("istio_request_duration_milliseconds_count")),
    "a bucket is gone": lambda lines, stamp: [line for line in lines if not ('le="25"' in line and 'source_workload="shoppers"' in line)],
    "all buckets are one too high": lambda lines, _: [re.sub(r'le="(\d[\d.]*)"', lambda m: f'le="{float(m[1]) * 10:g}"', line) for line in lines],
    "one series' last bucket is gone": lambda lines, stamp: altered(lines, stamp, without, lambda line, stamp: 'le="+Inf"' in line and line.endswith(stamp)),
    "the end is gone": lambda lines, _: lines[:-1],
    "a queue is longer": lambda lines, stamp: altered(lines, stamp, add(3), sample("brownout_service_queue_length")),
    "everything is a scrape later": lambda lines, _: [re.sub(r" (\d+)\.000$", lambda m: f" {int(m[1]) + SCRAPE}.000", line) for line in lines],
    "a label has another name": lambda lines, _: [line.replace("destination_workload=", "destination_wl=") for line in lines],
    "a restart more": lambda lines, stamp: altered(lines, stamp, add(1), sample("kube_pod_container_status_restarts_total")),
    "a quote is not escaped": lambda lines, stamp: altered(lines, stamp, lambda line: [line.replace('reporter="', 'reporter="a"b', 1)], sample("istio_requests_total")),
}


def prove(folder):
    """Each way to break the file must be seen by somebody."""
    run = Run("order-system-naive", folder / "run")
    original = run.metrics.read_text().splitlines()
    stamp, failed = f" {run.last:.0f}.000", 0
    table = Table()
    judge(run, table)
    if table.disagreements():
        table.print()
        return 1
    for name, breakage in BREAKAGES.items():
        run.metrics.write_text("\n".join(breakage(original, stamp)) + "\n")
        table = Table()
        judge(run, table)
        who = sorted({subject for (_, subject), wrong in table.wrong.items() if wrong})
        print(f"{name:42} {'noticed: ' + '; '.join(who) if who else 'NOT NOTICED'}", flush=True)
        failed += not who
    print(f"{len(BREAKAGES) - failed} of {len(BREAKAGES)} breakages noticed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

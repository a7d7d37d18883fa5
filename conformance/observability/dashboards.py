"""Asks a Prometheus what other people's dashboards would ask it, and tells which panels stay empty and why.

The dashboards are those of the corpus, if there is one; some expressions of the same kinds, in our own words, are asked in any case.
"""
import json
import math
import re

SCRAPE, EPOCH = 15, 1767225600

# Expressions of the kinds that dashboards and alerts have, with the runs in which they have to say something.
SHOP, MESH = ["order-system", "order-system-naive"], ["order-mesh"]
OWN = [
    (SHOP + MESH, 'sum by (destination_service_name) (rate(istio_requests_total{reporter="destination"}[1m]))'),
    (SHOP + MESH, 'sum by (source_workload, response_code) (irate(istio_requests_total{reporter="source"}[1m]))'),
    (SHOP + MESH, 'sum(rate(istio_requests_total{reporter="destination", response_code!~"5.."}[1m])) / sum(rate(istio_requests_total{reporter="destination"}[1m]))'),
    (SHOP + MESH, 'histogram_quantile(0.99, sum by (le, destination_workload) (rate(istio_request_duration_milliseconds_bucket{reporter="destination"}[1m]))) / 1000'),
    (MESH, 'sum by (source_principal) (rate(istio_requests_total{connection_security_policy="mutual_tls"}[1m]))'),
    (["order-system"], 'sum by (instance, name) (resilience4j_circuitbreaker_state{state="closed"})'),
    (["order-system"], 'sum(resilience4j_circuitbreaker_state{state=~"open|forced_open"}) > 0'),
    (["order-system"], 'sum by (name, kind) (rate(resilience4j_circuitbreaker_calls_seconds_count[1m]))'),
    (["order-system"], 'increase(resilience4j_circuitbreaker_calls_seconds_sum[1m]) / increase(resilience4j_circuitbreaker_calls_seconds_count[1m])'),
    (["order-system"], 'sum by (name, kind) (rate(resilience4j_retry_calls_total{application="orders"}[1m]))'),
    (["order-system"], 'sum by (name) (increase(resilience4j_circuitbreaker_not_permitted_calls_total[1m])) > 0'),
    (["order-system"], 'resilience4j_bulkhead_available_concurrent_calls / resilience4j_bulkhead_max_allowed_concurrent_calls < 1'),
    (MESH, 'sum by (envoy_cluster_name) (rate(envoy_cluster_upstream_rq{envoy_response_code=~"5.."}[1m]))'),
    (MESH, 'sum by (cluster_name) (envoy_cluster_upstream_cx_active) > 0'),
    (["grpc-or-rest"], 'sum by (destination_service_name) (rate(istio_request_bytes_sum{reporter="source"}[1m]))'),
    (["grpc-or-rest"], 'histogram_quantile(0.99, sum by (le, source_workload) (rate(istio_response_bytes_bucket{reporter="destination"}[1m]))) > 1000'),
    (SHOP + MESH, 'topk(5, histogram_quantile(0.95, sum by (le, service_name) (rate(traces_span_metrics_duration_milliseconds_bucket[1m]))))'),
    (SHOP + MESH, 'sum by (service_name, span_name) (rate(traces_span_metrics_calls_total{status_code="STATUS_CODE_ERROR"}[1m]))'),
    (SHOP + MESH, 'sum by (pod) (rate(container_cpu_usage_seconds_total{namespace!="", container!~"POD|istio-proxy"}[1m]))'),
    (SHOP + MESH, 'kube_deployment_spec_replicas - kube_deployment_status_replicas_available'),
    (["event-log", "rebalance-storm"], 'sum by (namespace, pod) (increase(kube_pod_container_status_restarts_total[5m])) > 0'),
    (["event-log"], 'up == 0'),
    (["order-events"], 'sum by (queue) (rabbitmq_queue_messages_ready) > 100'),
    (["order-events"], 'rate(rabbitmq_global_messages_received_total[1m]) - rate(rabbitmq_global_messages_delivered_total[1m])'),
    (["event-log", "rebalance-storm"], 'sum by (consumergroup, topic) (kafka_consumergroup_lag_sum) > 1000'),
    (["event-log", "rebalance-storm"], 'deriv(kafka_consumergroup_lag_sum[1m]) > 0'),
    (["event-log", "rebalance-storm"], 'max by (consumergroup, partition) (kafka_consumergroup_lag) > 100'),
    (["event-log"], 'sum by (topic) (rate(kafka_topic_messages_in_total[1m]))'),
    (["cloud-queues"], 'aws_sqs_approximate_age_of_oldest_message_maximum{dimension_QueueName="unbilled"} > 5'),
]

# What a label is asked to be and never is here, and why: panels that ask for it stay empty.
ABSENT = [
    (r'container="istio-proxy"|container=~"discovery\|istio-proxy"', "what sidecars use of processors is not simulated"),
    (r'connection_security_policy="mutual_tls".*reporter="source"', "a caller's proxy does not know how a connection is secured, Istio's neither"),
    (r'envoy_cluster_name=~"[^"]*-canary', "Istio's clusters are called after hosts, not after canaries"),
    (r'-primary', "nothing in these models is called so"),
    (r'source_workload="istio-ingressgateway"|pod=~"istio-ingressgateway', "no gateway of that name in these models"),
]

# Words of PromQL that are no metrics.
WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan", "start", "end", "by", "without", "on", "ignoring", "group_left", "group_right"}


class Panel:
    """An expression as it stands in a dashboard, and what came of it."""

    def __init__(self, board, text):
        self.board, self.text = board, text
        self.query = filled_in(text)
        self.metrics = metrics_in(self.query)
        self.data, self.error, self.evaluated, self.lacking = [], None, False, set()


def filled_in(text):
    """With values for what a dashboard's user would choose."""
    text = re.sub(r"\$\{(\w+)(:\w+)?\}|\[\[(\w+)\]\]", lambda m: f"${m[1] or m[3]}", text)
    for name, value in (("__rate_interval", "1m"), ("__interval", "30s"), ("__range", "5m"), ("qrep", "source|destination"), ("namespace", "default|production"),
                        ("primary", "(orders|order-service)"), ("canary", "(gateway|order-service-v2)"), ("target", "(orders|order-service)")):
        text = re.sub(rf"\${name}\b", value, text)
    text = re.sub(r'=\s*"default\|production"', '=~"default|production"', text)
    # Any other variable may be anything; where one value is asked for, Grafana would have put one.
    text = re.sub(r'=\s*"([^"]*\$\w+[^"]*)"', r'=~"\1"', text)
    text = text.replace("=~~", "=~")
    return re.sub(r"\$\w+", ".*", text)


def metrics_in(query):
    names = set(re.findall(r'__name__\s*=~?\s*"(?:\.\*)?(\w+)"', query))
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"", " ", query)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    for word in re.finditer(r"[a-zA-Z_:][\w:]*", bare):
        after = bare[word.end():].lstrip()
        if word[0].lower() not in WORDS and not after.startswith("(") and not re.search(r"\d$", bare[:word.start()]):
            names.add(word[0])
    return names


class Boards:
    def __init__(self, corpus):
        self.panels = []
        if corpus is None:
            print("no corpus: other people's dashboards are left out, the expressions in our own words are asked")
        else:
            for path in sorted(corpus.rglob("*.json")):
                self.panels += [Panel(str(path.relative_to(corpus)), text) for text in expressions(path)]
        self.own = [(runs, Panel("in our own words", text)) for runs, text in OWN]
        self.alerts, self.wrong = {}, []

    def evaluate(self, run, asked):
        found, _ = asked.range("count by (__name__) ({__name__=~\".+\"})", EPOCH, run.last)
        ours = {labels["__name__"] for labels, _ in found or []}
        for panel in self.panels:
            panel.lacking = panel.metrics - ours if not panel.evaluated else panel.lacking & (panel.metrics - ours)
            if not panel.evaluated or not panel.metrics - ours:
                ask(panel, run, asked)
        for name, query in asked.rules():
            ask(self.alerts.setdefault(name, Panel(name, query)), run, asked)
        for runs, panel in self.own:
            if run.name in runs:
                panel.data, panel.error = [], None
                ask(panel, run, asked)
                if not panel.data:
                    self.wrong.append(f"{run.name}: nothing, {panel.error or 'though it should'}: {panel.text}")

    def report(self, complete):
        """Prints what each dashboard shows; how many expressions ought to show something and do not."""
        print(f"\n{'dashboard':82} {'shown':>6} {'empty':>6} {'not ours':>9} {'no PromQL':>10}")
        for board in dict.fromkeys(panel.board for panel in self.panels):
            self.report_board(board, [panel for panel in self.panels if panel.board == board], complete)
        asked = sum(len(runs) for runs, _ in self.own)
        print(f"{'expressions in our own words':82} {asked if complete else 'some':>6}")
        print("\nalerting rules whose condition holds for a while, and in which runs")
        for name, panel in self.alerts.items():
            print(f"  {name:30} {', '.join(panel.data) or panel.error or 'never'}")
            if panel.error or complete and not panel.data:
                self.wrong.append(f"the alert {name} would never fire: {panel.error or one_line(panel.query)}")
        for said in self.wrong:
            print(f"  WRONG {said}")
        return len(self.wrong)

    def report_board(self, board, panels, complete):
        shown = [panel for panel in panels if panel.data]
        unparsed = [panel for panel in panels if panel.error]
        foreign = [panel for panel in panels if not panel.data and not panel.error and panel.lacking]
        empty = [panel for panel in panels if not panel.data and not panel.error and not panel.lacking]
        print(f"{board:82} {len(shown):6} {len(empty):6} {len(foreign):9} {len(unparsed):10}")
        if foreign:
            names = sorted(set().union(*(panel.lacking for panel in foreign)))
            print(f"  not ours: {', '.join(names[:8])}{f' and {len(names) - 8} more' if len(names) > 8 else ''}")
        for panel in unparsed:
            print(f"  no PromQL as it stands there: {one_line(panel.text)} ({one_line(panel.error)})")
        for panel in empty:
            why = next((why for pattern, why in ABSENT if re.search(pattern, panel.query)), None)
            print(f"  empty: {one_line(panel.text)}: {why or 'UNEXPECTED' if complete else why or 'in these runs'}")
            if complete and not why:
                self.wrong.append(f"{board}: all its metrics are ours, and it shows nothing: {one_line(panel.query)}")


def ask(panel, run, asked):
    series, error = asked.range(panel.query, EPOCH, run.last)
    panel.evaluated = True
    panel.error = error
    if any(not math.isnan(value) for _, values in series or [] for value in values.values()):
        panel.data.append(run.name)


def one_line(text):
    text = " ".join(text.split())
    return text if len(text) <= 130 else text[:127] + "…"


def expressions(path):
    """PromQL of a Grafana dashboard; nothing of any other file."""
    text = path.read_text(errors="replace")
    if '"expr"' not in text or '"panels"' not in text and '"rows"' not in text:
        return []
    try:
        found = list(walk(json.loads(text)))
    except ValueError:
        return []
    return list(dict.fromkeys(expression for expression in found if expression.strip()))


def walk(node, datasource=""):
    """What is asked of a Prometheus: what is for another kind of source has another language."""
    if isinstance(node, dict):
        own = node.get("datasource")
        datasource = own.get("type") or own.get("uid", "") if isinstance(own, dict) else own or datasource
        if isinstance(node.get("expr"), str) and "loki" not in str(datasource).lower():
            yield node["expr"]
        for below in node.values():
            yield from walk(below, datasource)
    elif isinstance(node, list):
        for below in node:
            yield from walk(below, datasource)

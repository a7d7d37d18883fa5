"""Translates a scenario's VirtualService and DestinationRule to what Istio would give Envoy, for the fields the scenarios use.

The numbers are written once, in the manifests that brownout reads as well. Istio's defaults are explicit here, since they differ
from Envoy's: no route timeout, limits of 2^32-1, success-rate ejection off, panic threshold 0 with outlier detection. An unknown
field is an error: silently leaving one out would compare two different policies.
"""
from units import proto

UNLIMITED = 4294967295
DEFAULT_RETRY_ON = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"
NAMESPACE = "default"


def fqdn(host):
    return host if "." in host else f"{host}.{NAMESPACE}.svc.cluster.local"


def cluster_name(host, subset=None):
    return f"outbound|80|{subset or ''}|{fqdn(host)}"


def take(mapping, *known):
    """The values of the known keys; any other key is an error."""
    unknown = set(mapping) - set(known)
    if unknown:
        raise ValueError(f"not translated: {sorted(unknown)}")
    return [mapping.get(key) for key in known]


def of_kind(documents, kind):
    return [d["spec"] for d in documents if d["kind"] == kind]


def routes(virtual_service, filters=()):
    """Envoy's routes for one VirtualService: each matches everything (the scenarios have one rule). What EnvoyFilters merge is merged."""
    out = []
    for rule in virtual_service["http"]:
        route, timeout, retries, fault = take(rule, "route", "timeout", "retries", "fault")
        entry = {"match": {"prefix": "/"}, "route": action(route, timeout, retries)}
        if fault:
            entry["typed_per_filter_config"] = {"envoy.filters.http.fault": fault_filter(fault)}
        for patch in (patch for spec in filters for patch in spec["configPatches"]):
            entry = merged(entry, patch["patch"]["value"])
        out.append(entry)
    return out


def merged(target, patch):
    if not isinstance(target, dict) or not isinstance(patch, dict):
        return patch
    return {key: merged(target.get(key), patch[key]) if key in patch else target[key] for key in target | patch}


def action(route, timeout, retries):
    out = {"timeout": proto(timeout) if timeout else "0s"}
    policy = retry_policy(retries)
    if policy:
        out["retry_policy"] = policy
    targets = [(cluster_name(r["destination"]["host"], r["destination"].get("subset")), r.get("weight", 0)) for r in route]
    if len(targets) == 1:
        out["cluster"] = targets[0][0]
    else:
        out["weighted_clusters"] = {"clusters": [{"name": name, "weight": weight} for name, weight in targets if weight]}
    return out


def retry_policy(retries):
    if retries is None:
        retries = {"attempts": 2}
    attempts, per_try, retry_on, backoff = take(retries, "attempts", "perTryTimeout", "retryOn", "backoff")
    if not attempts:
        return None
    tokens, codes = split_retry_on(retry_on) if retry_on else (DEFAULT_RETRY_ON, [])
    policy = {
        "retry_on": tokens,
        "num_retries": attempts,
        "retry_host_predicate": [{
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"},
        }],
        "host_selection_retry_max_attempts": "5",
    }
    if codes:
        policy["retriable_status_codes"] = codes
    if per_try:
        policy["per_try_timeout"] = proto(per_try)
    if backoff:
        policy["retry_back_off"] = {"base_interval": proto(backoff)}
    return policy


def split_retry_on(text):
    """Numbers become codes, and the token that makes Envoy look at them is appended."""
    tokens = [t.strip() for t in str(text).split(",")]
    codes = [int(t) for t in tokens if t.isdigit()]
    names = [t for t in tokens if not t.isdigit()]
    if codes and "retriable-status-codes" not in names:
        names.append("retriable-status-codes")
    return ",".join(names), codes


def fault_filter(fault):
    delay, abort = take(fault, "delay", "abort")
    out = {"@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault"}
    if delay:
        fixed, percentage = take(delay, "fixedDelay", "percentage")
        out["delay"] = {"fixed_delay": proto(fixed), "percentage": fractional(percentage)}
    if abort:
        status, percentage = take(abort, "httpStatus", "percentage")
        out["abort"] = {"http_status": status, "percentage": fractional(percentage)}
    return out


def fractional(percentage):
    value = (percentage or {}).get("value", 0)
    return {"numerator": int(value * 10000), "denominator": "MILLION"}


def clusters(rule, hosts_of, endpoints=None):
    """Envoy's clusters of one DestinationRule: the whole service, and one for each subset. `hosts_of(labels)` has the addresses; with
    a file of endpoints they are read from that, whenever it changes."""
    host, policy, subsets = take(rule, "host", "trafficPolicy", "subsets")
    wanted = [(cluster_name(host), {})] + [(cluster_name(host, s["name"]), s["labels"]) for s in subsets or []]
    return [cluster(name, policy or {}, hosts_of(labels), endpoints) for name, labels in wanted]


def cluster(name, policy, addresses, file=None):
    pool, outlier, balancer, budget = take(policy, "connectionPool", "outlierDetection", "loadBalancer", "retryBudget")
    simple, warmup = take(balancer or {}, "simple", "warmup")
    tcp, http = take(pool or {}, "tcp", "http")
    connections, connect_timeout = take(tcp or {}, "maxConnections", "connectTimeout")
    pending, requests, retries, per_connection = take(
        http or {}, "http1MaxPendingRequests", "http2MaxRequests", "maxRetries", "maxRequestsPerConnection")
    limits = {
        "max_connections": connections or UNLIMITED,
        "max_pending_requests": pending or UNLIMITED,
        "max_requests": requests or UNLIMITED,
        "max_retries": retries or UNLIMITED,
        "track_remaining": True,
    }
    if budget:
        limits["retry_budget"] = retry_budget(budget)
    out = {
        "name": name,
        "type": "STATIC",
        "connect_timeout": proto(connect_timeout or "10s"),
        "lb_policy": simple or "LEAST_REQUEST",
        "circuit_breakers": {"thresholds": [limits]},
        "load_assignment": assignment(name, addresses),
    }
    if file is not None:
        del out["load_assignment"]
        source = {"path_config_source": {"path": str(file)}, "resource_api_version": "V3"}
        out |= {"type": "EDS", "eds_cluster_config": {"eds_config": source}}
    if warmup:
        out[f"{out['lb_policy'].lower()}_lb_config"] = {"slow_start_config": slow_start(warmup)}
    if outlier is not None:
        out["outlier_detection"], panic = outlier_detection(outlier)
        out["common_lb_config"] = {"healthy_panic_threshold": {"value": panic}}
    if per_connection:
        out["typed_extension_protocol_options"] = per_connection_options(per_connection)
    return out


def assignment(name, addresses):
    endpoints = [{"endpoint": {"address": socket_address(a)}} for a in addresses]
    return {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]}


def discovered(rule, hosts_of):
    """What a file of endpoints holds."""
    resource = {"@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"}
    resources = [resource | assignment(cluster_name(rule["host"]), hosts_of({}))]
    return {"version_info": "0", "resources": resources}


def slow_start(warmup):
    duration, least, aggression = take(warmup, "duration", "minimumPercent", "aggression")
    return {
        "slow_start_window": proto(duration),
        "aggression": {"default_value": aggression or 1.0, "runtime_key": "aggression"},
        "min_weight_percent": {"value": 10 if least is None else least},
    }


def inbound_policy(retries):
    """What a sidecar does towards its own application."""
    return {"timeout": "0s"} | ({"retry_policy": {"retry_on": "reset-before-request", "num_retries": retries}} if retries else {})


def retry_budget(budget):
    percent, least = take(budget, "percent", "minRetryConcurrency")
    out = {"budget_percent": {"value": 20 if percent is None else percent}}
    out["min_retry_concurrency"] = 3 if least is None else least
    return out


def outlier_detection(outlier):
    """What Istio sends for `outlierDetection`, and the panic threshold that goes with it."""
    c5xx, gateway, interval, base, percent, health = take(
        outlier, "consecutive5xxErrors", "consecutiveGatewayErrors", "interval", "baseEjectionTime", "maxEjectionPercent",
        "minHealthPercent")
    out = {
        "interval": proto(interval or "10s"),
        "base_ejection_time": proto(base or "30s"),
        "max_ejection_percent": percent or 10,
        "enforcing_success_rate": 0,
        "enforcing_local_origin_success_rate": 0,
        "enforcing_failure_percentage": 0,
    }
    if c5xx is not None:
        out["consecutive_5xx"] = c5xx or 5
        out["enforcing_consecutive_5xx"] = 100 if c5xx else 0
    if gateway is not None:
        out["consecutive_gateway_failure"] = gateway or 5
        out["enforcing_consecutive_gateway_failure"] = 100 if gateway else 0
    return out, health or 0


def per_connection_options(most):
    return {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "common_http_protocol_options": {"max_requests_per_connection": most},
        "explicit_http_config": {"http_protocol_options": {}},
    }}


def socket_address(address):
    return {"socket_address": {"address": address[0], "port_value": address[1]}}

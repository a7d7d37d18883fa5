"""Judges a record: against what the specification says (`spec` in scenario.yaml), and one record against another.

Exact scenarios: outcomes, flags and counts must be equal, times within 50 ms. Statistical ones: within 99.9 % intervals.
Each function returns the list of what does not hold, in words; an empty list is agreement.
"""
from figures import Z, ordered
from units import seconds, share

TOLERANCE = 0.050


class Late(str):
    """A difference of times: on a machine that was busy it says nothing of Envoy."""


# What a real proxy adds to a pause between attempts: two event loops and two copies through the kernel.
PROXY_SECONDS = 0.004


def rounds(record):
    """The requests by the time at which they were offered."""
    out = {}
    for r in record["requests"]:
        out.setdefault(f"{r['offered']:g}", []).append(r)
    return out


def count(items):
    out = {}
    for item in items:
        out[item] = out.get(item, 0) + 1
    return out


def outcomes(requests):
    return count(ordered(r["outcome"]) for r in requests)


def normal(counts):
    return {ordered(key): value for key, value in counts.items()}


def against_spec(record, spec):
    problems = []
    for key, wanted in spec.items():
        problems += CHECKS[key](record, wanted)
    return problems


def check_outcomes(record, wanted):
    return differ("outcomes", normal(wanted), normal(record["outcomes"]))


def check_rounds(record, wanted):
    seen = rounds(record)
    return [p for at, counts in wanted.items() for p in differ(f"at {at} s", normal(counts), outcomes(seen.get(at, [])))]


def check_latency(record, wanted):
    problems = []
    for outcome, text in wanted.items():
        for r in record["requests"]:
            if ordered(r["outcome"]) == ordered(outcome):
                problems += apart(f"latency of {outcome}", seconds(text), r["latency"])
    return problems


def check_latencies(record, wanted):
    seen = sorted(r["latency"] for r in record["requests"])
    return [p for a, b in zip(sorted(map(seconds, wanted)), seen, strict=True) for p in apart("latency", a, b)]


def check_attempts(record, wanted):
    return differ("attempts seen by hosts", wanted, sum(record["hosts"].values()))


def check_attempt_counts(record, wanted):
    return differ("attempts by request", wanted, [r["attemptCount"] for r in record["requests"]])


def check_overloaded(record, wanted):
    """Exactly the requests with these outcomes carry `x-envoy-overloaded: true`."""
    wrong = [r["outcome"] for r in record["requests"]
             if (r["headers"].get("x-envoy-overloaded") == "true") != (r["outcome"] in wanted)]
    return [f"x-envoy-overloaded wrong on {wrong}"] if wrong else []


def enforced(record):
    return sorted((e for e in record["ejections"] if e.get("enforced", True)), key=lambda e: (round(e["at"], 1), e["host"]))


def check_ejections(record, wanted):
    seen = enforced(record)
    if len(seen) != len(wanted):
        return differ("number of ejections and returns", len(wanted), len(seen))
    problems = []
    for want, event in zip(wanted, seen):
        problems += apart(f"{event['what']} of {event['host']}", seconds(want["at"]), event["at"])
        problems += [p for key in want if key != "at" for p in differ(key, want[key], event.get(key))]
    return problems


def check_counters(record, wanted):
    return [p for key, value in wanted.items() for p in differ(key, value, record["counters"].get(key, 0))]


def check_host_counts(record, wanted):
    return differ("requests by host, sorted", sorted(wanted), sorted(record["hosts"].values()))


def check_round_robin(record, _wanted):
    """Attempts in the order of sending visit the hosts in turn, retries like first attempts."""
    names = sorted(record["hosts"])
    seen = [names.index(a["host"]) for a in sorted((a for r in record["requests"] for a in r["attempts"]), key=lambda a: a["sent"])]
    wrong = [k for k, (a, b) in enumerate(zip(seen, seen[1:])) if b != (a + 1) % len(names)]
    return [f"not in turn: {seen}"] if wrong else []


def figure_check(kind, value_of, slack=0.0):
    def check(record, wanted):
        problems = []
        for key, text in wanted.items():
            figure = record["figures"].get(f"{kind} {ordered(key) if kind == 'outcome' else key}", {"value": 0.0, "error": 0.0})
            allowed = Z * figure["error"] + slack
            if abs(figure["value"] - value_of(text)) > allowed:
                problems.append(f"{kind} {key}: {text} expected, {figure['value']:.4g} ± {allowed:.2g} seen")
        return problems
    return check


def check_pauses(record, wanted):
    numbered = {str(k): text for k, text in enumerate(wanted, 1)}
    return figure_check("pause", seconds, PROXY_SECONDS)(record, numbered)


def check_same_host(record, wanted):
    return figure_check("retries to the same", share)(record, {"host": wanted})


CHECKS = {
    "outcomes": check_outcomes, "rounds": check_rounds, "latency": check_latency, "latencies": check_latencies,
    "attempts": check_attempts, "attemptCounts": check_attempt_counts, "overloaded": check_overloaded,
    "ejections": check_ejections, "counters": check_counters, "hostCounts": check_host_counts, "roundRobin": check_round_robin,
    "shares": figure_check("outcome", share), "services": figure_check("service", share), "hosts": figure_check("host", share),
    "pauses": check_pauses, "retriesToSameHost": check_same_host,
}


def differ(what, wanted, seen):
    return [] if wanted == seen else [f"{what}: {wanted} expected, {seen} seen"]


def apart(what, wanted, seen):
    return [] if abs(wanted - seen) <= TOLERANCE else [Late(f"{what}: {wanted:.3f} s expected, {seen:.3f} s seen")]

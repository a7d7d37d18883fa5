"""Compares brownout's record of a scenario with the one measured on Envoy; `compare` in scenario.yaml says what must agree.

- `hosts`: exact (each request's attempts, host by host) | counts (requests per host) | sorted (the same, whichever host is which:
  the round robin starts at random) | cycle (the sequence of hosts from the first visit to the first host) | none
- `order: any`: requests of one instant are told apart by what became of them only
- `ejected: any`: which of several equal hosts is ejected first is not compared
- `figures`, `slack`: which figures of a statistical scenario, and what may differ beyond chance (a real proxy takes time itself)
"""
import math

from figures import Z, ordered
from judge import PROXY_SECONDS, apart, differ, enforced, rounds


def against(envoy, other, options, judge):
    """What differs between two records, in words."""
    if judge == "shares":
        return against_figures(envoy["figures"], other["figures"], options)
    problems = []
    ours, theirs = rounds(envoy), rounds(other)
    problems += differ("times of requests", sorted(ours), sorted(theirs))
    for at in ours.keys() & theirs.keys():
        problems += against_round(at, ours[at], theirs[at], options)
    problems += against_hosts(envoy, other, options.get("hosts", "exact"))
    problems += against_ejections(envoy, other, options)
    return problems


def against_round(at, ours, theirs, options):
    by_end = lambda r: (ordered(r["outcome"]), r["latency"])
    if options.get("order") == "any":
        ours, theirs = sorted(ours, key=by_end), sorted(theirs, key=by_end)
    problems = differ(f"outcomes at {at} s", [ordered(r["outcome"]) for r in ours], [ordered(r["outcome"]) for r in theirs])
    if problems:
        return problems
    for a, b in zip(ours, theirs):
        problems += apart(f"latency of {a['outcome']} at {at} s", a["latency"], b["latency"])
        if options.get("hosts", "exact") == "exact":
            problems += against_attempts(at, a, b)
    return problems


def against_attempts(at, ours, theirs):
    hosts = lambda r: [a["host"] for a in r["attempts"]]
    problems = differ(f"hosts at {at} s", hosts(ours), hosts(theirs))
    for a, b in zip(ours["attempts"], theirs["attempts"]):
        problems += apart(f"attempt at {at} s", a["sent"], b["sent"])
    return problems


def against_hosts(envoy, other, mode):
    if mode == "counts":
        return differ("requests by host", envoy["hosts"], other["hosts"])
    if mode == "sorted":
        return differ("requests by host, sorted", sorted(envoy["hosts"].values()), sorted(other["hosts"].values()))
    if mode == "cycle":
        first = min(envoy["hosts"])
        ours, theirs = cycle(envoy, first), cycle(other, first)
        common = min(len(ours), len(theirs))
        return differ("sequence of hosts", ours[:common], theirs[:common])
    return []


def cycle(record, first):
    hosts = [a["host"] for r in record["requests"] for a in r["attempts"]]
    return hosts[hosts.index(first):]


def against_ejections(envoy, other, options):
    ours, theirs = enforced(envoy), enforced(other)
    keys = ("what",) if options.get("ejected") == "any" else ("what", "host")
    events = lambda seen: [tuple(e[k] for k in keys) for e in seen]
    problems = differ("ejections and returns", events(ours), events(theirs))
    if not problems:
        for a, b in zip(ours, theirs):
            problems += apart(f"{a['what']} of {a['host']}", a["at"], b["at"])
    return problems


def against_figures(ours, theirs, options):
    """Each compared figure of both within the 99.9 % interval of their difference."""
    kinds = options.get("figures", ["outcome", "service", "host", "pause", "retries"])
    problems = []
    for name in sorted(ours.keys() | theirs.keys()):
        if not name.startswith(tuple(kinds)):
            continue
        nothing = {"value": 0.0, "error": 0.0}
        a, b = ours.get(name, nothing), theirs.get(name, nothing)
        slack = PROXY_SECONDS if name.startswith(("pause", "mean")) else 0.0
        allowed = Z * math.hypot(a["error"], b["error"]) + slack + options.get("slack", 0.0)
        if abs(a["value"] - b["value"]) > allowed:
            problems.append(f"{name}: {a['value']:.4g} on Envoy, {b['value']:.4g} ± {allowed:.2g} here")
    return problems

"""The figures of a statistical scenario, each with its standard error: shares of outcomes, services and hosts, pauses, latency.

A record of brownout's goes through the same functions, so that both sides mean the same by every name.
"""
import math
import statistics

# Half width of a 99.9 % interval of the normal distribution, in standard errors.
Z = 3.29


def of(requests):
    out = {}
    shares(out, "outcome", [ordered(r["outcome"]) for r in requests])
    hosts = [a["host"] for r in requests for a in r["attempts"]]
    shares(out, "service", [h.split("/")[0] for h in hosts])
    shares(out, "host", hosts)
    means(out, requests)
    retries = [a["host"] == b["host"] for r in requests for a, b in zip(r["attempts"], r["attempts"][1:])]
    if retries:
        out["retries to the same host"] = share(sum(retries), len(retries))
    return out


def ordered(outcome):
    """The outcome with its flags in alphabetical order: Envoy prints them in the order in which they were set."""
    status, _, flags = outcome.partition(" ")
    return status + (" " + ",".join(sorted(flags.split(","))) if flags else "")


def shares(out, kind, items):
    for item in sorted(set(items)):
        out[f"{kind} {item}"] = share(items.count(item), len(items))


def share(count, n):
    """A share with its error; one success and one failure more keep the error of 0 % and 100 % from being 0."""
    p = (count + 1) / (n + 2)
    return {"value": round(count / n, 6), "error": round(math.sqrt(p * (1 - p) / n), 6), "n": n}


def mean(values):
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 1.0
    return {"value": round(statistics.fmean(values), 6), "error": round(error, 6), "n": len(values)}


def means(out, requests):
    out["mean latency"] = mean([r["latency"] for r in requests])
    pauses = {}
    for r in requests:
        for k, (a, b) in enumerate(zip(r["attempts"], r["attempts"][1:]), 1):
            if a["ended"] is not None:
                pauses.setdefault(k, []).append(b["sent"] - a["ended"])
    for k, values in sorted(pauses.items()):
        out[f"pause {k}"] = mean(values)

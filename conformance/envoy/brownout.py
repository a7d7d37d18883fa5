"""The other side: runs brownout on a scenario's model and turns what it prints into a record like Envoy's.

The JSON that is read is described in conformance/README.md. It is virtual time, so a run takes no time to speak of.
"""
import json
import os
import pathlib
import subprocess

import figures

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MOST_REQUESTS = 100000


class NotAble(RuntimeError):
    """brownout is not built, refuses the model, or does not print traces yet."""


def binary():
    return pathlib.Path(os.environ.get("BROWNOUT", ROOT / "target" / "release" / "brownout"))


def run(scenario):
    if not binary().is_file():
        raise NotAble("no target/release/brownout: build it first")
    command = [str(binary()), "run", "model.yaml", "--format", "json", "--trace", str(MOST_REQUESTS)]
    done = subprocess.run(command, cwd=scenario.folder, capture_output=True, text=True, timeout=120)
    if done.returncode not in (0, 1):
        raise NotAble((done.stderr or done.stdout).strip().splitlines()[0])
    told = json.loads(done.stdout)
    if "traces" not in told:
        raise NotAble("its JSON has no `traces`")
    return record(scenario, told)


def record(scenario, told):
    requests = [request(r) for r in told["traces"] if r["ended"] is not None]
    attempts = [a for r in requests for a in r["attempts"]]
    counts = {h.name: sum(a["host"] == h.name for a in attempts) for h in scenario.model.hosts}
    exact = scenario.judge == "exact"
    return {
        "scenario": scenario.name,
        "brownout": told["fingerprint"],
        "outcomes": {o: sum(r["outcome"] == o for r in requests) for o in sorted({r["outcome"] for r in requests})},
        "hosts": counts,
        "ejections": [ejection(e) for e in told["ejections"]],
        "figures": {} if exact else figures.of(requests),
        "requests": requests if exact else [],
    }


def request(told):
    """Keeps the attempts that reached a host, as the scripted upstream sees them: one that never left the proxy has no `host`."""
    attempts = [{**a, "host": host(a["host"])} for a in told["attempts"] if a["host"] is not None]
    return {
        "client": told["client"],
        "id": told["number"],
        "offered": round(told["offered"], 4),
        "outcome": told["outcome"],
        "latency": told["ended"] - told["offered"],
        "attempts": attempts,
    }


def ejection(told):
    what = "eject" if told["ejected"] else "uneject"
    return {"at": told["at"], "host": host(told["host"]), "what": what, "enforced": True}


def host(replica):
    """`echo/v2-0` is replica 0 of version v2: `echo@v2/0`."""
    name, number = replica.rsplit("-", 1)
    return f"{name.replace('/', '@')}/{number}"

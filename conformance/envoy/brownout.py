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
    if "trace" not in told:
        raise NotAble("its JSON has no `trace`")
    return record(scenario, told)


def record(scenario, told):
    requests = [request(r) for r in told["trace"]["requests"]]
    attempts = [a for r in requests for a in r["attempts"]]
    counts = {h.name: sum(a["host"] == h.name for a in attempts) for h in scenario.model.hosts}
    exact = scenario.judge == "exact"
    return {
        "scenario": scenario.name,
        "brownout": told["fingerprint"],
        "outcomes": {o: sum(r["outcome"] == o for r in requests) for o in sorted({r["outcome"] for r in requests})},
        "hosts": counts,
        "ejections": told["trace"].get("ejections", []),
        "figures": {} if exact else figures.of(requests),
        "requests": requests if exact else [],
    }


def request(told):
    """Keeps the attempts that reached a host, as the scripted upstream sees them: one that never left the sidecar has no `sent`."""
    seen = [a for a in told["attempts"] if a["sent"] is not None]
    return {**told, "offered": round(told["offered"], 4), "attempts": seen}

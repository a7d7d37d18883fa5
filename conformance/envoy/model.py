"""Reads a scenario's brownout model: which hosts there are, how each behaves at each time, and what load the clients give.

So upstream and load are described once, in the file that brownout runs. Only what the scenarios use is understood; the rest is
refused. `work` and `wait` take their time, `fail` answers with a status; faults give single replicas errors, slowness, crashes.
"""
import csv
import random
from dataclasses import dataclass, field

from units import seconds, share

# Keys that only say how brownout stands in for Envoy; the real thing needs no word about them.
_MESH_ONLY = {"sidecar", "loadBalancing"}


@dataclass
class Host:
    """One replica. `faults` holds what is wrong with it, and from when to when."""
    name: str
    labels: dict
    steps: list
    faults: list = field(default_factory=list)

    def active(self, kind, now):
        return [f for f in self.faults if f["kind"] == kind and f["from"] <= max(now, 0.0) < f["to"]]

    def answer(self, now, rng):
        """(latency, status) of a request that arrives now; latency None: it is never answered."""
        for fault in self.active("errors", now):
            if rng.random() < fault["share"]:
                return 0.0, fault["status"]
        if self.active("hang", now):
            return None, 0
        factor = 1.0
        for fault in self.active("slow", now):
            factor *= fault["factor"]
        latency, status = 0.0, 200
        for step in self.steps:
            (kind, value), = step.items()
            if kind == "work":
                latency += seconds(value) * factor
            elif kind == "wait":
                latency += seconds(value)
            elif kind == "fail":
                if rng.random() < share(value.get("share", "100%")):
                    return latency, value["status"]
            else:
                raise ValueError(f"step not understood: {kind}")
        return latency, status


@dataclass
class Load:
    """One client: either `times` of its requests, or `users` of a closed loop that think for `think` seconds."""
    client: str
    service: str
    times: list = None
    users: int = 0
    think: float = 0.0


@dataclass
class Model:
    name: str
    duration: float
    hosts: list
    loads: list
    manifests: list
    # Whether each host has a sidecar of its own, and how often that tries a closed port again.
    sidecars: bool = False
    inbound_retries: int = 0
    # Whether hosts that crash leave the cluster, and join it when they are back.
    follows: bool = False

    def hosts_of(self, labels):
        return [h for h in self.hosts if labels.items() <= h.labels.items()]


def read(spec, folder):
    hosts = []
    for name, service in spec["services"].items():
        hosts += replicas(name, service)
    for fault in (spec.get("faults") or {}).values():
        add_fault(hosts, fault)
    loads = [load(name, client, folder) for name, client in spec["clients"].items()]
    mesh = spec["mesh"]
    sidecars = any(service.get("sidecar", True) for service in spec["services"].values())
    # Since Istio 1.24 (`reset-before-request`, twice).
    retries = 2 if int(mesh["istio"].split(".")[1]) >= 24 else 0
    crashes = any("crash" in fault for fault in (spec.get("faults") or {}).values())
    follows = crashes and (mesh.get("push") or {}).get("endpoints", True)
    return Model(spec["name"], seconds(spec["duration"]), hosts, loads, spec["manifests"], sidecars, retries, follows)


def replicas(name, service):
    unknown = set(service) - {"replicas", "labels", "endpoints", "versions"} - _MESH_ONLY
    if unknown:
        raise ValueError(f"not understood in a service: {sorted(unknown)}")
    out = many(name, service, service.get("labels") or {})
    for version, overlay in (service.get("versions") or {}).items():
        merged = {**service, **overlay}
        out += many(f"{name}@{version}", merged, merged.get("labels") or {})
    return out


def many(name, service, labels):
    (steps,) = service["endpoints"].values()
    return [Host(f"{name}/{i}", labels, steps) for i in range(service.get("replicas", 1))]


def add_fault(hosts, fault):
    start = seconds(fault["at"])
    end = start + seconds(fault["for"]) if "for" in fault else float("inf")
    (kind,) = set(fault) - {"at", "for"}
    what = fault[kind]
    if kind not in ("errors", "slow", "crash", "hang"):
        raise ValueError(f"fault not understood: {kind}")
    for host in hosts:
        service, index = host.name.split("/")
        if service == what["service"] and ("replica" not in what or int(index) in what["replica"]):
            host.faults.append({
                "kind": kind, "from": start, "to": end, "factor": what.get("factor", 1),
                "status": what.get("status", 500), "share": share(what.get("share", "100%")),
            })


def load(name, client, folder):
    service = client["target"].split(".")[0]
    arrivals = client.get("arrivals")
    if arrivals is None:
        think = client.get("thinkTime", "0s")
        return Load(name, service, users=client["users"], think=seconds(think))
    kind, argument = arrivals.rstrip(")").split("(")
    if kind != "trace":
        raise ValueError(f"arrivals not understood: {arrivals}")
    with open(folder / argument, newline="") as file:
        return Load(name, service, times=sorted(float(row[0]) for row in csv.reader(file) if row))


def generator(seed):
    """The upstream's own random numbers: the same for every run, so that only Envoy's draws differ."""
    return random.Random(seed)

"""The table of results in conformance/README.md, between its markers: one row for each scenario that has been measured."""
import pathlib

README = pathlib.Path(__file__).resolve().parent.parent / "README.md"
BEGIN, END = "<!-- results: written by envoy/run.py -->", "<!-- end of results -->"


def rows(entries):
    """`entries`: (scenario, envoy record, problems against the specification, verdict on brownout)."""
    out = ["| scenario | what | Envoy measured | specification | brownout |", "|---|---|---|---|---|"]
    for scenario, record, problems, verdict in entries:
        spec = "–" if not scenario.spec else "agrees" if not problems else "**differs**: " + "; ".join(problems[:2])
        out.append(f"| `{scenario.name}` | {scenario.title} | {measured(scenario, record)} | {spec} | {verdict} |")
    return out


def measured(scenario, record):
    if scenario.judge == "shares":
        return ", ".join(figure(name, f) for name, f in record["figures"].items() if told(scenario, record, name))
    parts = [f"{n} × {outcome}" for outcome, n in record["outcomes"].items()]
    latencies = sorted(r["latency"] for r in record["requests"])
    parts.append(f"{latencies[0] * 1000:.0f}–{latencies[-1] * 1000:.0f} ms")
    parts += [f"{e['what']} {e['host']} at {e['at']:.2f} s" for e in record["ejections"] if e.get("enforced", True)]
    return ", ".join(parts)


def told(scenario, record, name):
    """Whether a figure says something: a share that can only be 100 % does not, and latency only where it is compared."""
    kind = name.split(" ")[0]
    if kind == "pause":
        return True
    if kind == "mean":
        return "mean" in scenario.compare.get("figures", [])
    alone = sum(other.startswith(kind + " ") for other in record["figures"]) == 1
    return kind == "retries" or not alone or scenario.spec.get("hosts") is not None and kind == "host"


def figure(name, f):
    if name.split(" ")[0] in ("pause", "mean"):
        return f"{name} {f['value'] * 1000:.1f} ms"
    return f"{name} {f['value'] * 100:.1f} % of {f['n']}"


def write(lines):
    text = README.read_text()
    head, rest = text.split(BEGIN)
    README.write_text(f"{head}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{rest.split(END)[1]}")

"""Runs the conformance scenarios: first Envoy, then brownout, then the comparison and the table.

    python3.11 run.py                    all scenarios on both sides
    python3.11 run.py --short            without the long and the statistical ones
    python3.11 run.py --skip-envoy       brownout against the recorded results; needs no Envoy
    python3.11 run.py --skip-brownout    Envoy against the specification only
    python3.11 run.py --check            measure again and compare with the recorded results; writes nothing
    python3.11 run.py --check --within 240   and begin nothing new after so many seconds
    python3.11 run.py --read-only        never write the table of conformance/README.md
    python3.11 run.py NAME…              only these

Exit code: 0 all agree, 1 something differs, 2 a side could not run.
"""
import argparse
import json
import math
import pathlib
import sys
import time

import brownout
import compare
import envoy
import judge
import measure
import scenario as scenarios
import table

# A scenario that differs from its record is measured so often before it is believed.
CHECK_TRIES = 3
RESULTS = pathlib.Path(__file__).resolve().parent.parent / "results" / "envoy"


def main():
    options = arguments()
    names = options.names or scenarios.all_names()
    chosen = [s for s in map(scenarios.read, names) if s.short or not options.short]
    try:
        if options.check:
            return check_all(chosen, options.within)
        if not options.skip_envoy:
            measure_all(chosen)
    except envoy.NoEnvoy as error:
        print(error, file=sys.stderr)
        return 2
    entries = [judged(s, options.skip_brownout) for s in chosen if result_file(s).exists()]
    print_table(entries)
    if not options.names and not options.short and not options.read_only:
        table.write(table.rows(entries))
    return exit_code(entries)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--within", type=float, default=math.inf, metavar="SECONDS")
    parser.add_argument("--read-only", action="store_true")
    parser.add_argument("--skip-envoy", action="store_true")
    parser.add_argument("--skip-brownout", action="store_true")
    return parser.parse_args()


def measure_all(chosen):
    version = envoy.version()
    RESULTS.mkdir(parents=True, exist_ok=True)
    for scenario in chosen:
        result_file(scenario).write_text(dumps(measured(scenario, version)))


def measured(scenario, version):
    record = measure.measure(scenario, version)
    print(f"{scenario.name}: measured, longest stall {record['stall'] * 1000:.0f} ms", file=sys.stderr)
    return record


def check_all(chosen, within):
    """Whether Envoy does again what is recorded: what differs between two runs of the same Envoy cannot be asked of a simulator."""
    version, wrong, busy, left, until = envoy.version(), 0, 0, [], time.monotonic() + within
    for scenario in chosen:
        done = check(scenario, version, until)
        if done is None:
            left.append(scenario.name)
            continue
        problems, stall, times = done
        was_busy = stall > measure.STALL_SECONDS
        counted = [p for p in problems if not (was_busy and isinstance(p, judge.Late))]
        verdict = "DIFFERS" if counted else "reproduced, but for times of a busy machine" if problems else "reproduced"
        told = "; ".join((counted or problems)[:4])
        print(f"{scenario.name:28} {verdict}{f' after {times} runs' if times > 1 else ''}{': ' + told if told else ''}", flush=True)
        wrong += bool(counted)
        busy += was_busy
    if busy:
        print(f"the machine stalled for more than {measure.STALL_SECONDS * 1000:.0f} ms in {busy} of {len(chosen)} scenarios: "
              "their times were not judged")
    if left:
        print(f"there was no time for {len(left)} of {len(chosen)} scenarios: {', '.join(left)}")
    return 1 if wrong else 0


def check(scenario, version, until):
    """What differs from the record in the run of a few that differs least, the longest stall in that run, and how many runs there were;
    `None` if there was no time to tell.

    One that differs is done again: a machine that does other things holds Envoy, its hosts or its callers up, not always where the
    watch sees it. Envoy can do what is recorded if it does so once; what it does not, it does not three times."""
    recorded, options = json.loads(result_file(scenario).read_text()), scenario.compare | scenario.repeat
    kept = None
    for times in range(1, CHECK_TRIES + 1):
        if time.monotonic() > until:
            return None
        record = measured(scenario, version)
        problems = compare.against(recorded, record, options, scenario.judge)
        weight = (sum(not isinstance(p, judge.Late) for p in problems), len(problems))
        if kept is None or weight < kept[0]:
            kept = weight, problems, record["stall"]
        if not problems:
            break
    return *kept[1:], times


def result_file(scenario):
    return RESULTS / f"{scenario.name}.json"


def dumps(record):
    """One line per request, event and figure: records stay readable, and their changes too."""
    lines = []
    for key, value in record.items():
        if isinstance(value, list) and value:
            body = ",\n".join("    " + json.dumps(item) for item in value)
            lines.append(f'  "{key}": [\n{body}\n  ]')
        elif isinstance(value, dict) and value:
            body = ",\n".join(f"    {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items())
            lines.append(f'  "{key}": {{\n{body}\n  }}')
        else:
            lines.append(f'  "{key}": {json.dumps(value)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def judged(scenario, skip_brownout):
    record = json.loads(result_file(scenario).read_text())
    problems = judge.against_spec(record, scenario.spec)
    if skip_brownout:
        return scenario, record, problems, "not run"
    try:
        other = brownout.run(scenario)
    except brownout.NotAble as error:
        return scenario, record, problems, f"cannot run: {error}"
    differences = compare.against(record, other, scenario.compare, scenario.judge)
    return scenario, record, problems, "agrees" if not differences else "**differs**: " + "; ".join(differences[:2])


def print_table(entries):
    for scenario, record, problems, verdict in entries:
        print(f"{scenario.name:28} spec: {'-' if not scenario.spec else 'agrees' if not problems else 'DIFFERS':8} brownout: {verdict}")
        for problem in problems[:6]:
            print(f"    {problem}")


def exit_code(entries):
    verdicts = [verdict for _, _, _, verdict in entries]
    if any(v.startswith("cannot run") for v in verdicts):
        return 2
    return 1 if any(v.startswith("**differs") for v in verdicts) or any(problems for _, _, problems, _ in entries) else 0


if __name__ == "__main__":
    sys.exit(main())

"""Plays the scenarios on a real RabbitMQ.

    python3 run.py                      all of them, compared with their records; the same as --check
    python3 run.py --record             writes the records anew
    python3 run.py --check --within 240   begins nothing new after so many seconds
    python3 run.py --list               what there is
    python3 run.py NAME…                only these

Exit code: 0 the broker does what is recorded, 1 something differs, 2 there is no broker or no client.
"""
import argparse
import json
import math
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
SCENARIOS, RECORDS = HERE / "scenarios", HERE / "records"
# A scenario that differs from its record is played so often before it is believed: a machine that does other things may let a message
# expire that should not.
TRIES = 3


def main():
    options = arguments()
    chosen = options.names or sorted(path.stem for path in SCENARIOS.glob("*.json"))
    if options.list:
        return list_all(chosen)
    try:
        import broker
        import play
    except ImportError as error:
        print(f"no client: {error}; see conformance/rabbitmq/README.md", file=sys.stderr)
        return 2
    try:
        with broker.running() as running:
            if options.record:
                return record_all(chosen, running, play)
            return check_all(chosen, running, play, options.within)
    except broker.NoBroker as error:
        print(error, file=sys.stderr)
        return 2


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--check", action="store_true", help="what is done anyway")
    parser.add_argument("--within", type=float, default=math.inf, metavar="SECONDS")
    parser.add_argument("--list", action="store_true")
    return parser.parse_args()


def list_all(chosen):
    for name in chosen:
        print(f"{name:32} {scenario(name)['title']}")
    return 0


def scenario(name):
    return json.loads((SCENARIOS / f"{name}.json").read_text())


def record_all(chosen, running, play):
    RECORDS.mkdir(exist_ok=True)
    failed = 0
    for name in chosen:
        began = time.monotonic()
        try:
            steps = play.Player(running).play(scenario(name))
        except (KeyError, ValueError) as error:
            print(f"{name:32} cannot be played: {error!r}", flush=True)
            failed += 1
            continue
        lines = ",\n".join("    " + json.dumps(step) for step in steps)
        (RECORDS / f"{name}.json").write_text(f'{{\n  "broker": {json.dumps(running.version())},\n  "steps": [\n{lines}\n  ]\n}}\n')
        print(f"{name:32} recorded, {time.monotonic() - began:.1f} s", flush=True)
    return 1 if failed else 0


def check_all(chosen, running, play, within):
    version, until = running.version(), time.monotonic() + within
    differing, left = [], []
    for name in chosen:
        if time.monotonic() > until:
            left.append(name)
            continue
        recorded = json.loads((RECORDS / f"{name}.json").read_text())
        problem, tries = check(name, recorded, running, play)
        told = f"DIFFERS from RabbitMQ {recorded['broker']}: {problem}" if problem else "reproduced"
        print(f"{name:32} {told}{f' (after {tries} runs)' if tries > 1 else ''}", flush=True)
        if problem:
            differing.append(name)
    print(f"RabbitMQ {version}: {len(chosen) - len(left) - len(differing)} of {len(chosen)} scenarios reproduced"
          + (f", no time for {', '.join(left)}" if left else ""))
    recorded = {json.loads((RECORDS / f"{name}.json").read_text())["broker"] for name in chosen}
    if recorded != {version}:
        print(f"the records are of {', '.join(sorted(recorded))}: what differs may be the version's doing")
    return 1 if differing else 0


def check(name, recorded, running, play):
    """What differs first, or nothing, and how many runs it took to tell."""
    for tries in range(1, TRIES + 1):
        problem = first_difference(recorded["steps"], play.Player(running).play(scenario(name)))
        if problem is None:
            break
    return problem, tries


def first_difference(recorded, played):
    """JSON has fewer types than Python, so what was played is read back before it is compared."""
    played = json.loads(json.dumps(played))
    for number, (was, now) in enumerate(zip(recorded, played), 1):
        if was["step"] != now["step"]:
            return f"step {number} is another one than the one recorded: record the scenario anew"
        if was["seen"] != now["seen"]:
            return f"step {number} {json.dumps(was['step'])}: {json.dumps(now['seen'])} and not {json.dumps(was['seen'])}"
    return None if len(recorded) == len(played) else "it has another number of steps: record the scenario anew"


if __name__ == "__main__":
    sys.exit(main())

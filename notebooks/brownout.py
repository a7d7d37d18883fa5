"""Runs brownout from a notebook and hands over what it wrote, as pandas tables.

Everything goes through the command line and its CSV and JSON; there is nothing in here that you could not do in a shell.

    import brownout
    run = brownout.run("order-system", variant="naive", set={"faults.slow-db.for": "10s"})
    run.summary["clients"]["shoppers"]["successRate"]
    run.windows("client", "shoppers", "ok").plot()
    brownout.compare("order-system", variants=["naive"]).table("clients.shoppers.goodput")
"""
import csv
import io
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pandas as pd

HERE = pathlib.Path(__file__).resolve().parent


class Failed(Exception):
    """brownout could not do what it was asked; the text is its own."""


def binary():
    """The brownout that is used: BROWNOUT, or the release build of this checkout, or what is on the PATH."""
    built = HERE.parent / "target" / "release" / "brownout"
    found = os.environ.get("BROWNOUT") or (str(built) if built.is_file() else shutil.which("brownout"))
    if not found:
        raise Failed("there is no brownout: build it with `cargo build --release`, or say where it is in the variable BROWNOUT")
    return found


def model_path(model):
    """A model of the gallery or of these notebooks by its name, or any file by its path."""
    for folder in (HERE.parent / "models", HERE / "models"):
        if (folder / f"{model}.yaml").is_file():
            return folder / f"{model}.yaml"
    return pathlib.Path(model)


def call(*arguments):
    """What a command prints. That an expectation of the model failed (exit code 1) is a result and no error."""
    done = subprocess.run([binary(), *map(str, arguments)], capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise Failed(done.stderr.strip())
    return done.stdout


class Run:
    """What one run left behind."""

    def __init__(self, text, folder):
        self.text = text
        """What the command printed."""
        self.summary = json.loads((folder / "summary.json").read_text())
        """All figures, as `summary.json` has them: seconds, shares and rates per second."""
        self.series = pd.read_csv(folder / "series.csv")
        """One row per window and figure: time, kind (client, service, call, queue), name, metric, value."""
        self.timeline = pd.read_csv(folder / "timeline.csv")
        """What happened when: faults, breakers, pods, steps of the cascade."""

    def windows(self, kind, name, metric):
        """One figure over time."""
        rows = self.series[(self.series.kind == kind) & (self.series.name == name) & (self.series.metric == metric)]
        if rows.empty:
            known = self.series[self.series.kind == kind][["name", "metric"]].drop_duplicates()
            raise KeyError(f"no {metric} of the {kind} {name}; there is\n{known.to_string(index=False)}")
        return rows.set_index("time")["value"].rename(metric)

    def goodput(self, client):
        """Answers per second that were of use: in full or by a fallback."""
        return (self.windows("client", client, "ok") + self.windows("client", client, "degraded")).rename("goodput")

    def story(self):
        """The cascade as brownout tells it."""
        told = self.text[self.text.index("What happened"):] if "What happened" in self.text else "Nothing happened."
        return told.split("\nExpectations")[0].rstrip()

    def faults(self):
        """(name, begin, end) of each fault, to be drawn behind a figure."""
        whole = self.summary["duration"]
        return [(name, fault["began"], fault["ended"] or whole) for name, fault in self.summary["faults"].items()]


def run(model, variant=None, set=None, seed=None):
    """Runs a model once. `set` changes values of it: {"faults.slow-db.for": "10s"}."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out"
        text = call("run", model_path(model), "--quiet", "--no-color", "--out", out, *options(variant=variant, seed=seed), *changes(set))
        return Run(text, out)


class Comparison:
    """Variants of a model on the same random numbers."""

    def __init__(self, rows):
        self.figures = pd.DataFrame(rows)
        """One row per variant and figure: path, runs, mean, lo, hi, and the paired difference to the model as written."""
        numbers = [column for column in self.figures.columns if column not in ("variant", "path")]
        self.figures[numbers] = self.figures[numbers].apply(pd.to_numeric, errors="coerce")

    def table(self, path):
        """One figure of all variants: its mean and the interval that holds the true mean in 95 cases of 100."""
        rows = self.figures[self.figures.path == path]
        if rows.empty:
            raise KeyError(f"no figure is called {path}")
        return rows.set_index("variant")[["mean", "lo", "hi"]]

    def side_by_side(self, **paths):
        """Means of several figures, a column for each: side_by_side(goodput="clients.shoppers.goodput")."""
        return pd.DataFrame({name: self.table(path)["mean"] for name, path in paths.items()}).reindex(self.figures.variant.unique())


def compare(model, variants=None, set=None, seeds=5):
    """Runs a model as it is written and its variants, each with the same seeds."""
    listed = ",".join(variants) if variants else None
    text = call("compare", model_path(model), "--quiet", "--format", "csv", *options(variants=listed, seeds=seeds), *changes(set))
    return Comparison(list(csv.DictReader(io.StringIO(text))))


def explain(model, service):
    """What each call to a service and by it goes through, in order, with the place of every value."""
    # Paths are told as they are given: short ones are easier to read.
    done = subprocess.run([binary(), "check", os.path.relpath(model_path(model)), "--explain", service, "--no-color"], capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise Failed(done.stderr.strip())
    return done.stdout


def call_figure(edge, figure):
    """The path of a figure of a call, such as attempts of `orders.place -> inventory.reserve`."""
    return f'calls."{edge}".{figure}'


def options(**given):
    return [part for name, value in given.items() if value is not None for part in (f"--{name}", str(value))]


def changes(set):
    return [part for path, value in (set or {}).items() for part in ("--set", f"{path}={value}")]

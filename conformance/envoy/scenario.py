"""Where scenarios are: a folder each, with `scenario.yaml` (what is judged, and what the specification says), `model.yaml` (what
brownout runs, and what the upstream and the load are read from) and the Istio manifests that the model names."""
import pathlib
from dataclasses import dataclass

import model as models
import yamlite

FOLDER = pathlib.Path(__file__).resolve().parent / "scenarios"


@dataclass
class Scenario:
    name: str
    folder: pathlib.Path
    title: str
    about: str
    judge: str
    short: bool
    spec: dict
    compare: dict
    repeat: dict
    model: models.Model
    manifests: list


def read(name):
    folder = FOLDER / name
    head = yamlite.load((folder / "scenario.yaml").read_text())
    unknown = set(head) - {"title", "about", "judge", "short", "spec", "compare", "repeat"}
    if unknown:
        raise ValueError(f"{name}/scenario.yaml: unknown {sorted(unknown)}")
    model = models.read(yamlite.load((folder / "model.yaml").read_text()), folder)
    manifests = [d for file in model.manifests for d in yamlite.load_all((folder / file).read_text())]
    judge = head.get("judge", "exact")
    if judge not in ("exact", "shares"):
        raise ValueError(f"{name}: judge is `exact` or `shares`")
    return Scenario(name, folder, head["title"], head.get("about", ""), judge, head.get("short", True), head.get("spec") or {},
                    head.get("compare") or {}, head.get("repeat") or {}, model, manifests)


def all_names():
    return sorted(path.parent.name for path in FOLDER.glob("*/scenario.yaml"))

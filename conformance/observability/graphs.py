#!/usr/bin/env python3
"""Judges the graphs of brownout by the tools that draw them: Graphviz reads the DOT, Mermaid parses its flowchart, and both see as many nodes
and edges as the model has parts, queues and arrows.

Every model of the gallery is drawn. `hostile/` holds a graph of names that mean something to each format, which no model may have but which must
be text all the same; `tests/graph.rs` holds brownout to these files. Exit code 0: both tools take all of it; 1: something is refused or
miscounted; 2: a tool is not here.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
NODE_MODULES = ROOT / "conformance" / ".cache" / "observability" / "node_modules"
HOSTILE = Path(__file__).resolve().parent / "hostile"
ENDINGS = {"dot": "dot", "mermaid": "mmd", "svg": "svg"}
SVG = "{http://www.w3.org/2000/svg}"

PARSE = """
import { JSDOM } from 'jsdom';
import { readFileSync } from 'fs';
const dom = new JSDOM('<body></body>');
globalThis.window = dom.window; globalThis.document = dom.window.document;
const { default: mermaid } = await import('mermaid');
mermaid.initialize({ startOnLoad: false });
for (const file of process.argv.slice(2)) {
  try {
    const text = readFileSync(file, 'utf8');
    await mermaid.parse(text);
    const { db } = await mermaid.mermaidAPI.getDiagramFromText(text);
    // A group that a link leads to is both; it is one thing all the same.
    const nodes = new Set([...db.getVertices().keys(), ...db.getSubGraphs().map((group) => group.id)]);
    console.log(JSON.stringify({ file, nodes: nodes.size, edges: db.getEdges().length }));
  } catch (error) {
    console.log(JSON.stringify({ file, error: String(error.message ?? error) }));
  }
}
"""


def graph(brownout, model, form):
    return subprocess.run([brownout, "graph", str(model), "--format", form], capture_output=True, text=True)


def judge_dot(dot, text):
    """Nodes and edges that Graphviz has drawn, or what it says."""
    drawn = subprocess.run([dot, "-Tsvg"], input=text, capture_output=True, text=True)
    if drawn.returncode != 0 or drawn.stderr.strip():
        return None, drawn.stderr.strip()
    groups = [g.get("class") for g in xml.fromstring(drawn.stdout).iter(SVG + "g")]
    return (groups.count("node"), groups.count("edge")), ""


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("models", nargs="*", type=Path, help="only these models")
    models = arguments.parse_args().models
    brownout = os.environ.get("BROWNOUT", str(ROOT / "target" / "release" / "brownout"))
    dot, node = shutil.which("dot"), shutil.which("node")
    if not Path(brownout).exists() or not dot or not node or not (NODE_MODULES / "mermaid").is_dir():
        print(f"cannot judge here: brownout {brownout}, dot {dot}, node {node}, mermaid in {NODE_MODULES}; see README.md")
        return 2
    wrong, seen = [], {}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        flowcharts = []
        for model in models or [*sorted((ROOT / "models").glob("*.yaml")), HOSTILE]:
            if model == HOSTILE:
                made = {form: (HOSTILE / f"names.{ending}").read_text(encoding="utf-8") for form, ending in ENDINGS.items()}
            else:
                runs = {form: graph(brownout, model, form) for form in ENDINGS}
                failed = [form for form, run in runs.items() if run.returncode != 0]
                if failed:
                    wrong.append(f"{model.name}: brownout graph --format {failed[0]} failed: {runs[failed[0]].stderr.strip()}")
                    continue
                made = {form: run.stdout for form, run in runs.items()}
            counts, said = judge_dot(dot, made["dot"])
            if counts is None:
                wrong.append(f"{model.name}: Graphviz refuses the DOT: {said}")
                continue
            picture = xml.fromstring(made["svg"])
            arrows = sum(1 for path in picture.iter(SVG + "path") if path.get("marker-end"))
            parts = sum(1 for rect in picture.iter(SVG + "rect") if (rect.get("class") or "").startswith("box"))
            if (parts, arrows) != counts:
                wrong.append(f"{model.name}: SVG has {parts} boxes and {arrows} arrows, Graphviz drew {counts}")
            flowchart = folder / f"{model.stem}.mmd"
            flowchart.write_text(made["mermaid"])
            flowcharts.append(flowchart)
            seen[str(flowchart)] = (model.name, counts)
        script = NODE_MODULES.parent / "parse.mjs"
        script.write_text(PARSE)
        parsed = subprocess.run([node, str(script), *map(str, flowcharts)], capture_output=True, text=True, cwd=NODE_MODULES.parent)
        if parsed.returncode != 0:
            print("cannot judge here: Mermaid does not start:\n" + parsed.stderr[-2000:])
            return 2
        for line in parsed.stdout.splitlines():
            if not line.startswith("{"):
                continue
            answer = json.loads(line)
            name, counts = seen.pop(answer["file"])
            if "error" in answer:
                wrong.append(f"{name}: Mermaid refuses the flowchart: {answer['error']}")
                continue
            found = (answer["nodes"], answer["edges"])
            if found != counts:
                wrong.append(f"{name}: Mermaid sees {found} nodes and edges, Graphviz {counts}")
            else:
                print(f"{name}: {counts[0]} nodes, {counts[1]} edges")
        wrong += [f"{name}: Mermaid said nothing" for name, _ in seen.values()]
    for line in wrong:
        print("WRONG " + line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

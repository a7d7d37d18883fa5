"""Executes the notebooks and writes them so that two executions differ only where their outputs do."""
import argparse
import os
import pathlib
import re
import sys
import time

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

HERE = pathlib.Path(__file__).resolve().parent
# GitHub shows a notebook of this size at once.
MOST_BYTES = 300_000
# What a notebook and its kernel say to each other is not for the other users of a machine.
LOCAL = Config({"KernelManager": {"transport": "ipc"}})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only those whose names begin so")
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    # Figures belong into the notebook, whatever the machine has for a screen.
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    sources = [path for path in sorted(HERE.glob("[0-9]*.py")) if not options.names or any(path.name.startswith(name) for name in options.names)]
    failed = [path for path in sources if not execute(path, options.check)]
    return 1 if failed or not sources else 0


def execute(source, check):
    began = time.monotonic()
    notebook = jupytext.read(source)
    try:
        NotebookClient(notebook, timeout=600, record_timing=False, config=LOCAL, resources={"metadata": {"path": str(HERE)}}).execute()
    except CellExecutionError as error:
        plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
        print(f"{source.name:32} FAILED\n{plain}")
        return False
    for number, cell in enumerate(notebook.cells, 1):
        cell["id"] = f"cell-{number}"
    # Which Python it was is nobody's business.
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"], "language_info": {"name": "python"}}
    text = nbformat.writes(notebook) + "\n"
    print(f"{source.name:32} {time.monotonic() - began:5.1f} s, {len(text) // 1000} kB", flush=True)
    if len(text) > MOST_BYTES:
        print(f"{source.name:32} is too large: draw fewer or smaller figures")
        return False
    if not check:
        source.with_suffix(".ipynb").write_text(text)
    return True


if __name__ == "__main__":
    sys.exit(main())

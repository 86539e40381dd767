#!/usr/bin/python3
"""Compares libgradcam with PyTorch and prints the table; `make parity` runs it, `make parity QUICK=1` its short form.

Finished cases are kept in build/parity and are not run again until the library or this harness changes. With --docs FILE
the table is written into FILE between its markers. The exit code is 1 where a row fails.
"""
import argparse
import glob
import hashlib
import json
import os
import shutil
import sys
import time
import traceback
import warnings

import torch

from case import Case, container_rows, preprocessing_rows
from networks import NETWORKS

BEGIN, END = "<!-- table: written by make parity -->", "<!-- end of table -->"


def fingerprint(program):
    """Changes whenever the library or the harness does."""
    digest = hashlib.sha256()
    for path in [program, *sorted(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "*.py")))]:
        with open(path, "rb") as f:
            digest.update(f.read())
    return digest.hexdigest()


def tasks(options):
    """(title, function that returns rows) for everything there is to compare."""
    shared, program = options.shared, options.dump
    work = os.path.join(options.work, f"work-{os.getpid()}")
    found = [n for n in NETWORKS if n.available(shared) and options.only in n.name]
    trained = [n for n in found if n.checkpoint]
    for network in trained:
        yield f"preprocessing for {network.name}", lambda n=network: preprocessing_rows(n, program, shared, work)
        yield f"containers of {network.name}", lambda n=network: container_rows(n, program, shared, work)
    for network in found:
        if options.quick and network.name.startswith("vgg"):
            continue
        for size in network.sizes[:1] if options.quick else network.sizes:
            title = "{}, batch {}, {}x{}".format(network.name, *size)
            yield title, lambda n=network, s=size: Case(n, s, program, shared, work).rows()


def run(title, function, options, mark):
    """Rows of a task, from the store where they are there; a crash is a failing row."""
    store = os.path.join(options.work, "rows", hashlib.sha256((mark + title).encode()).hexdigest()[:24] + ".json")
    if os.path.exists(store) and not options.fresh:
        with open(store) as f:
            return json.load(f)["rows"]
    start = time.time()
    try:
        rows = function()
    except Exception as problem:
        traceback.print_exc()
        return [("run", 1, 0, f"{type(problem).__name__}: {problem}")]
    finally:
        shutil.rmtree(os.path.join(options.work, f"work-{os.getpid()}"), ignore_errors=True)
    os.makedirs(os.path.dirname(store), exist_ok=True)
    with open(store, "w") as f:
        json.dump({"title": title, "seconds": round(time.time() - start, 1), "rows": rows}, f)
    return rows


def show(title, rows):
    print(f"\n{title}")
    for check, value, limit, note in rows:
        print(f"  {'ok  ' if value <= limit else 'FAIL'} {check:36} {value:10.3g}  limit {limit:7.3g}  {note}", flush=True)


def cell(rows, *names):
    """The worst value among the checks `names` (all where there are none), bold where it fails."""
    chosen = [row for row in rows if row[0] in names] if names else rows
    if not chosen:
        return ""
    worst = max(chosen, key=lambda row: row[1])
    text = f"{worst[1]:.1e}" if worst[2] else f"{worst[1]:g}"
    return text if all(row[1] <= row[2] for row in chosen) else f"**{text}**"


def markdown(results):
    """Two tables for docs: cases, and what must agree bit for bit."""
    maps = ("gradcam", "signed", "counterfactual", "cam")
    inner = [tuple(f"{name}, {how}" for name in maps) for how in ("replayed", "free")]
    pixels = ("gradient", "guided-backprop", "deconvnet", "guided-gradcam")
    columns = [("logits", ("logits",)), ("activations", ("activations",)), ("CAM family", maps)]
    columns += [("CAM family at a middle layer: replayed", inner[0])]
    columns += [(f"{name}: replayed", (f"{name}, replayed",)) for name in pixels]
    columns += [("CAM family at a middle layer: free", inner[1])]
    columns += [(f"{name}: free", (f"{name}, free",)) for name in pixels]
    lines = []
    head = ["network, batch, size", *(title for title, _ in columns), "gradient at 3 depths: replayed", "free", "widest tie"]
    lines += ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for title, rows in results:
        if "batch" in title:
            at = [row for row in rows if row[0].startswith("gradient at")]
            cells = [cell(rows, *names) for _, names in columns]
            cells += [cell([row for row in at if row[0].endswith(end)]) for end in ("replayed", "free")]
            lines.append("| " + " | ".join([title, *cells, cell(rows, "decisions that differ")]) + " |")
    lines += ["", "| bit for bit | compared | values that differ |", "| --- | --- | --- |"]
    for title, rows in results:
        if "batch" not in title:
            lines.append(f"| {title} | {', '.join(row[0] for row in rows)} | {cell(rows)} |")
    return "\n".join(lines)


def write_docs(path, results):
    with open(path) as f:
        before, rest = f.read().split(BEGIN)
    after = rest.split(END)[1]
    count = sum(len(rows) for _, rows in results)
    failed = sum(row[1] > row[2] for _, rows in results for row in rows)
    with open(path, "w") as f:
        f.write(f"{before}{BEGIN}\n\n{count} rows, {failed} failed; PyTorch {torch.__version__}.\n\n{markdown(results)}\n\n{END}{after}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dump", required=True, help="the dump program")
    parser.add_argument("--work", required=True, help="folder for results and temporary files")
    parser.add_argument("--shared", default="../shared", help="folder with models/ and photos/; what is absent is left out")
    parser.add_argument("--docs", help="Markdown file to write the table into")
    parser.add_argument("--only", default="", help="part of a network's name")
    parser.add_argument("--quick", action="store_true", help="small networks, one size")
    parser.add_argument("--fresh", action="store_true", help="run finished cases again")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(2)
    mark, results = fingerprint(options.dump), []
    for title, function in tasks(options):
        results.append((title, run(title, function, options, mark)))
        show(*results[-1])
    count = sum(len(rows) for _, rows in results)
    failed = sum(row[1] > row[2] for _, rows in results for row in rows)
    print(f"\n{count} rows, {failed} failed")
    if options.docs and not (options.quick or options.only):
        write_docs(options.docs, results)
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main())

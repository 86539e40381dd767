#!/usr/bin/python3
"""Compares libgradcam with PyTorch and prints the table; `make parity` runs it, `make parity QUICK=1` its short form.

Finished cases are kept in build/parity and are not run again until the library or this harness changes, so a run that was stopped goes on. With --docs FILE
the table is written into FILE between its markers. The exit code is 1 where a row fails.
"""
import argparse
import fnmatch
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

from case import Case, container_rows, photo_rows, preprocessing_rows
from known import explanations
from networks import NETWORKS, PHOTO_NETWORKS

BEGIN, END = "<!-- table: written by make parity -->", "<!-- end of table -->"
QUICK = ("alexnet", "squeezenet1_1", "squeezenet1_1 (trained)", "tiny_darknet (trained)", "resnet20_cifar (trained)", "resnet18")


JUDGES = ("case", "containers", "generator", "methods", "trace")


def fingerprint(program):
    """Changes whenever the library or what judges it does."""
    digest = hashlib.sha256()
    for path in [program, *(os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".py") for name in JUDGES)]:
        with open(path, "rb") as f:
            digest.update(f.read())
    return digest.hexdigest()


class Task:
    """One thing to compare: `function` returns its rows, `pixels` says how long that takes, `about` what it depends on."""

    def __init__(self, title, network, function, pixels=0):
        self.title, self.function, self.pixels = title, function, pixels
        self.about = title + network.describe()


def tasks(options):
    """Everything there is to compare."""
    shared, program = options.shared, options.dump
    work = os.path.join(options.work, f"work-{os.getpid()}")
    found = [n for n in NETWORKS if n.available(shared)]
    for network in (n for n in found if n.checkpoint):
        yield Task(f"preprocessing for {network.name}", network, lambda n=network: preprocessing_rows(n, program, shared, work))
        yield Task(f"containers of {network.name}", network, lambda n=network: container_rows(n, program, shared, work))
    for network in (n for n in found if n.name in PHOTO_NETWORKS and os.path.isdir(os.path.join(shared, "photos"))):
        yield Task(f"one photo, three files of {network.name}", network, lambda n=network: photo_rows(n, program, shared, work))
    for network in found:
        for size in network.sizes[:1] if options.quick else network.sizes:
            title = "{}, batch {}, {}x{}".format(network.name, *size)
            yield Task(title, network, lambda n=network, s=size: Case(n, s, program, shared, work).rows(),
                       size[0] * size[1] * size[2] * (20 if network.name.startswith("vgg") else 1))


def chosen(options):
    """The tasks that `--only` and `--quick` leave."""
    patterns = [f"*{part}*" for part in options.only.split(";")]
    for task in tasks(options):
        is_slow = task.pixels and not any(task.title.startswith(name + ",") for name in QUICK)
        if any(fnmatch.fnmatchcase(task.title, pattern) for pattern in patterns) and not (options.quick and is_slow):
            yield task


def stored(task, options, mark):
    """The file that keeps a task's rows."""
    return os.path.join(options.work, "rows", hashlib.sha256((mark + task.about).encode()).hexdigest()[:24] + ".json")


def earlier(task, options):
    """Rows that an earlier build of the library got for the same task, the newest; None: there are none."""
    for path in sorted(glob.glob(os.path.join(options.work, "rows", "*.json")), key=os.path.getmtime, reverse=True):
        with open(path) as f:
            kept = json.load(f)
        if kept.get("about") == task.about:
            return kept["rows"]
    return None


def run(task, options, mark):
    """Rows of a task, from the store where they are there; a crash is a failing row."""
    store = stored(task, options, mark)
    if os.path.exists(store) and not options.fresh:
        with open(store) as f:
            return json.load(f)["rows"]
    start = time.time()
    try:
        rows = task.function()
    except Exception as problem:
        traceback.print_exc()
        return [("run", 1, 0, f"{type(problem).__name__}: {problem}")]
    finally:
        shutil.rmtree(os.path.join(options.work, f"work-{os.getpid()}"), ignore_errors=True)
    os.makedirs(os.path.dirname(store), exist_ok=True)
    with open(store, "w") as f:
        json.dump({"title": task.title, "about": task.about, "seconds": round(time.time() - start, 1), "rows": rows}, f)
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
    lines += ["", *onnx_table(results), "", "| bit for bit | compared | values that differ |", "| --- | --- | --- |"]
    for title, rows in results:
        if title.startswith(("preprocessing", "containers")):
            lines.append(f"| {title} | {', '.join(row[0] for row in rows)} | {cell(rows)} |")
    return "\n".join([*lines, "", *photo_table(results)])


def onnx_table(results):
    """The exports: an operator set and five figures for each case."""
    columns = [("logits", "logits"), ("top-5 that differ", "top-5 that differ"), ("Grad-CAM", "gradcam"),
               ("gradient: replayed", "gradient, replayed"), ("gradient: free", "gradient, free"),
               ("guided-backprop: replayed", "guided-backprop, replayed"), ("guided-backprop: free", "guided-backprop, free"),
               ("widest tie", "decisions that differ")]
    head = ["exported to ONNX: network, batch, size", "operator set", *(title for title, _ in columns)]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for title, rows in results:
        mine = [row for row in rows if row[0].startswith("onnx: ")]
        if mine:
            opset = mine[0][3].rpartition("opset ")[2]
            lines.append("| " + " | ".join([title, opset, *(cell(mine, f"onnx: {name}") for _, name in columns)]) + " |")
    return lines


def photo_table(results):
    lines = ["| one photo, through `.pth` and ... | pixels of the input that differ | top-5 that differ | maps: largest difference / max abs S |",
             "| --- | --- | --- | --- |"]
    for title, rows in results:
        for kind in (".safetensors", ".onnx") if title.startswith("one photo") else ():
            maps = [f"{kind}: {name}" for name in ("gradcam", "signed", "counterfactual")]
            cells = cell(rows, f"{kind}: pixels of the input"), cell(rows, f"{kind}: top-5"), cell(rows, *maps)
            lines.append("| " + " | ".join([f"`{kind}` of {title.rpartition(' of ')[2]}", *cells]) + " |")
    return lines


def write_docs(path, results, left, old):
    """`left`: titles of the cases that were not run; `old`: of those whose rows an earlier build got."""
    with open(path) as f:
        before, rest = f.read().split(BEGIN)
    after = rest.split(END)[1]
    count = sum(len(rows) for _, rows in results)
    failed = sum(row[1] > row[2] for _, rows in results for row in rows)
    parts = [f"{count} rows, {failed} failed; PyTorch {torch.__version__}.", *explanations(results), markdown(results)]
    if old:
        parts.append("Measured earlier, with another build of the library or other random weights, time being short: " + "; ".join(old) + ".")
    if left:
        parts.append("Not measured in this run: " + "; ".join(left) + ".")
    with open(path, "w") as f:
        f.write(before + "\n\n".join([BEGIN, *parts, END]) + after)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dump", required=True, help="the dump program")
    parser.add_argument("--work", required=True, help="folder for results and temporary files")
    parser.add_argument("--shared", default="../shared", help="folder with models/ and photos/; what is absent is left out")
    parser.add_argument("--docs", help="Markdown file to write the table into")
    parser.add_argument("--only", default="", help="parts of titles with * and ?, separated by semicolons")
    parser.add_argument("--threads", type=int, default=2, help="of both; 1 on a machine that is busy")
    parser.add_argument("--budget", type=float, default=float("inf"), help="seconds after which no new case is begun; then rows of earlier builds stand in, and are named")
    parser.add_argument("--quick", action="store_true", help="small networks, one size")
    parser.add_argument("--fresh", action="store_true", help="run finished cases again")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(options.threads)
    os.environ["PARITY_THREADS"] = str(options.threads)
    mark, results, left, old, start = fingerprint(options.dump), {}, [], [], time.time()
    ordered = list(chosen(options))
    for task in sorted(ordered, key=lambda task: task.pixels):
        if time.time() - start > options.budget and not os.path.exists(stored(task, options, mark)):
            rows = earlier(task, options)
            (old if rows else left).append(task.title)
            if not rows:
                continue
            results[task.title] = rows
        else:
            results[task.title] = run(task, options, mark)
        show(task.title, results[task.title])
    results = [(task.title, results[task.title]) for task in ordered if task.title in results]
    count = sum(len(rows) for _, rows in results)
    failed = sum(row[1] > row[2] for _, rows in results for row in rows)
    print(f"\n{count} rows, {failed} failed" + (f"; {len(left)} cases not begun" if left else ""))
    if options.docs and not (options.quick or options.only):
        write_docs(options.docs, results, left, old)
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""OpenCV's dnn module as a peer: peer_opencv.py forward MODEL THREADS SECONDS, as tools/bench/worker.c; reads the .onnx beside MODEL."""
import os
import sys
import time

import cv2
import numpy as np


def main():
    work, model, threads, seconds = sys.argv[1:]
    if work != "forward":
        sys.exit(f"no {work} with OpenCV")
    cv2.setNumThreads(int(threads))
    net = cv2.dnn.readNetFromONNX(os.path.splitext(model)[0] + ".onnx")
    x = np.random.default_rng(1).random((1, 3, 224, 224), np.float32)
    ms, end = [], 0.0
    while len(ms) < 4 or time.perf_counter() < end:
        start = time.perf_counter()
        net.setInput(x)
        net.forward()
        ms.append(1e3 * (time.perf_counter() - start))
        end = end or time.perf_counter() + float(seconds)
    ms = sorted(ms[1:])
    print(f"min_ms {ms[0]:.4f}\nmedian_ms {ms[len(ms) // 2]:.4f}\nruns {len(ms)}")


if __name__ == "__main__":
    main()

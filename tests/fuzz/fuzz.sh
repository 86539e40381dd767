#!/bin/sh
# Runs fuzz targets one after the other and says how many inputs each has tried. A crash is kept and makes the exit code 1.
#   sh tests/fuzz/fuzz.sh build/fuzz SECONDS TARGET...
set -eu

build=$1
seconds=$2
shift 2
"$build/replay" seeds "$build/seeds"
if [ -d "${ONNX_TESTDATA:-}/node" ]; then
    for model in "$ONNX_TESTDATA"/*/*/model.onnx; do
        seed=$(basename "$(dirname "$model")")
        for target in onnx onnx_graph; do cp "$model" "$build/seeds/$target/$seed"; done
    done
fi
failed=0
for target in "$@"; do
    corpus=$build/corpus/$target
    log=$build/$target.log
    mkdir -p "$corpus" "$build/crashes"
    set -- "$corpus" "$build/seeds/$target"
    if [ -d "tests/fuzz/corpus/$target" ]; then set -- "$@" "tests/fuzz/corpus/$target"; fi
    if [ -f "tests/fuzz/$target.dict" ]; then set -- "$@" "-dict=tests/fuzz/$target.dict"; fi
    status=ok
    "$build/bin/$target" -max_total_time="$seconds" -timeout=5 -malloc_limit_mb=256 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$build/crashes/$target-" "$@" 2>"$log" || status=CRASH
    [ "$status" = ok ] || failed=1
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    printf '  %-12s %-6s %12s executions, %6s inputs kept\n' "$target" "$status" "${runs:-?}" "$(find "$corpus" -type f | wc -l)"
    [ "$status" = ok ] || grep -m 3 -E 'ERROR|SUMMARY|runtime error' "$log" || true
done
[ "$failed" -eq 0 ] || echo "crashing inputs: $build/crashes"
exit "$failed"

#!/bin/sh
# The checks of tools/lint find what they are there to find: each is shown one good and one bad source.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/lib/kernels" "$folder/lib/graph" "$folder/include/gradcam" "$folder/examples"

must_pass() {
    "$@" >"$folder/log" 2>&1 || { echo "should pass: $*" && cat "$folder/log" && exit 1; }
}
must_fail() {
    if "$@" >"$folder/log" 2>&1; then echo "should fail: $*" && exit 1; fi
}
rooms() { awk -f tools/lint/rooms.awk "$1"; }

good=$folder/lib/graph/good.c
printf '#include "graph/graph.h"\n#include "layers/layer.h"\n#include "gradcam/core.h"\n' >"$good"
must_pass rooms "$good"
for line in 'lib/kernels/a.c graph/graph.h' 'lib/graph/a.c model/model.h' 'lib/graph/a.c gradcam/explain.h' \
    'include/gradcam/core.h gradcam/io.h' 'include/gradcam/io.h core/memory.h' 'examples/01_a.c core/memory.h'; do
    bad=$folder/${line% *}
    printf '#include "%s"\n' "${line#* }" >"$bad"
    must_fail rooms "$bad"
done

# A function of 101 lines and a file of 601.
short='int one(void) {\n    return 1;\n}\n'
# shellcheck disable=SC2059
printf "$short" >"$folder/short.c"
must_pass awk -f tools/lint/sizes.awk "$folder/short.c"
awk 'BEGIN { print "int two(void) {"; for (i = 0; i < 99; i++) print "    ;"; print "}" }' >"$folder/long.c"
must_fail awk -f tools/lint/sizes.awk "$folder/long.c"
awk 'BEGIN { for (i = 0; i < 601; i++) print "/* */" }' >"$folder/file.c"
must_fail awk -f tools/lint/sizes.awk "$folder/file.c"

# A symbol without a comment; one that is declared and not exported; one that is exported and not declared.
printf '/** One. */\nGCAM_API int gcam_one(void);\n' >"$folder/good.h"
must_pass awk -f tools/lint/documented.awk "$folder/good.h"
printf 'GCAM_API int gcam_one(void);\n' >"$folder/bare.h"
must_fail awk -f tools/lint/documented.awk "$folder/bare.h"
printf 'int gcam_one(void);\nint gcam_one(void) {\n    return 1;\n}\n' >"$folder/one.c"
${CC:-cc} -shared -fPIC -o "$folder/one.so" "$folder/one.c"
must_pass sh tools/lint/symbols.sh "$folder/one.so" "$folder/good.h"
printf '/** Two. */\nGCAM_API int gcam_two(void);\n' >>"$folder/good.h"
must_fail sh tools/lint/symbols.sh "$folder/one.so" "$folder/good.h"
printf '/** Nothing. */\ntypedef int gcam_nothing;\n' >"$folder/empty.h"
must_fail sh tools/lint/symbols.sh "$folder/one.so" "$folder/empty.h"

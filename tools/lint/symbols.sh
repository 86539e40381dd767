#!/bin/sh
# The library exports exactly what its headers declare, and every declaration is documented.
#   sh tools/lint/symbols.sh build/lib/libgradcam.so include/gradcam/*.h
set -eu

library=$1
shift
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

bad=0
awk -f tools/lint/documented.awk "$@" >"$folder/declared" || bad=1
sort -o "$folder/declared" "$folder/declared"
nm -D --defined-only "$library" | awk '$2 ~ /^[A-Z]$/ && $2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort >"$folder/exported"

only() { comm "$1" "$folder/declared" "$folder/exported"; }
for name in $(only -23); do
    echo "$name is declared in a public header, but the library does not export it"
    bad=1
done
for name in $(only -13); do
    echo "$name is exported, but no public header declares it"
    bad=1
done
exit $bad

#!/bin/sh
# The command on the demo's small network under Valgrind: no error, nothing lost. Each line is one subcommand.
#   sh tools/lint/valgrind.sh build
set -eu

build=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$build/demo/shapes" "$folder"
model=$folder/shapes.safetensors
photo=$folder/shapes.png

check() {
    printf '  %s\n' "$1"
    valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,possible \
        --suppressions=tools/lint/valgrind.supp "$build/bin/gradcam" "$@" >"$folder/log" 2>&1 ||
        { cat "$folder/log" && exit 1; }
}

methods=$("$build/bin/gradcam" methods | awk 'NF == 0 { exit } { printf "%s%s", sep, $1; sep = "," }')
check explain "$photo" -m "$model" --class 0,1 --method "$methods" --samples 3 --save png,sheet,npy,map -o "$folder/out"
check explain "$photo" -m "$model" --show --save none
check classify "$photo" -m "$model" --json
check localize "$photo" -m "$model" -o "$folder/out"
check convert "$model" "$folder/copy.safetensors" --dtype f16
check inspect "$model"
check doctor
echo 'valgrind: clean'

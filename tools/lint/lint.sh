#!/bin/sh
# All that can be said about the sources without running them. Each step prints one line; the first failure of a step prints
# what it found, and the others go on. A tool that is not installed is named: `sh tools/setup.sh --lint` brings all of them.
#   sh tools/lint/lint.sh build
set -u

build=$1
mkdir -p "$build/cppcheck" # what cppcheck found in files that have not changed since
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0

# step NAME COMMAND...: runs a command, shows its output only if it fails.
step() {
    name=$1
    shift
    if "$@" >"$log" 2>&1; then
        printf '  %-12s ok\n' "$name"
    else
        printf '  %-12s FAILED\n' "$name"
        head -n 40 "$log" | sed 's/^/    /'
        failed=1
    fi
}

# The same for a tool that may be absent.
tool_step() {
    if command -v "$2" >/dev/null 2>&1; then
        step "$@"
    else
        printf '  %-12s FAILED: %s is not installed; run sh tools/setup.sh --lint\n' "$1" "$2"
        failed=1
    fi
}

# Sources, whether or not git knows them yet; found by git where there is a repository, so that what it ignores is left out.
sources() { git ls-files --cached --others --exclude-standard -- "$@"; }

c_files=$(sources '*.c' '*.h')
lib_files=$(sources 'lib/*.c' 'lib/*.h' 'include/*.h' 'tools/*.c' 'tools/*.h' 'examples/*.c')
sized=$(sources 'lib/*.c' 'tools/*.c' 'examples/*.c')
scripts="$(sources '*.sh') .ci/run"
texts=$(sources '*.md' '*.sh' '*.awk' Makefile '*.c' '*.h')

# shellcheck disable=SC2086 # the lists are words
{
    tool_step format clang-format --dry-run -Werror $c_files
    step rooms awk -f tools/lint/rooms.awk $lib_files
    step headers sh tests/scripts/headers.sh
    step symbols sh tools/lint/symbols.sh "$build/lib/libgradcam.so" include/gradcam/*.h
    step sizes awk -f tools/lint/sizes.awk $sized
    tail -n 1 "$log" | sed 's/^/               /'
    tool_step shell shellcheck $scripts
    tool_step spelling codespell --ignore-words tools/lint/words $texts
    tool_step cppcheck cppcheck --quiet --std=c11 --cppcheck-build-dir="$build/cppcheck" --error-exitcode=1 --inline-suppr -j 2 --template=gcc \
        --enable=warning,portability,performance --suppressions-list=tools/lint/cppcheck-suppressions --suppress=missingInclude --suppress=unmatchedSuppression \
        -D_GNU_SOURCE -DGCAM_WITH_BLAS -DGCAM_WITH_JPEG -U__aarch64__ -Iinclude -Ilib lib tools examples
}

if [ "$failed" -ne 0 ]; then
    echo 'lint: failed'
    exit 1
fi
echo 'lint: clean'

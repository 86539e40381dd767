#!/bin/sh
# Fetches a published checkpoint from its official address, checks its SHA-256 against the digits in its name, and converts it.
#
#   sh weights/get.sh NAME [FOLDER]      writes FOLDER/NAME.safetensors (default: the current folder)
#   sh weights/get.sh --list             the names (published.tsv)
#
# Needs curl or wget. The command is $GRADCAM, else build/bin/gradcam, else the installed gradcam. $GRADCAM_WEIGHTS_BASE replaces
# the address up to the file's name, for a mirror. What fails leaves nothing behind. Exit code: 0 done, 1 failed, 2 wrong use.
set -eu

here=$(dirname "$0")
table=$here/published.tsv

say() { printf 'get.sh: %s\n' "$1" >&2; }
fail() {
    say "$1"
    exit 1
}

case ${1:-} in
--list)
    cut -f 1 "$table" | tail -n +2
    exit
    ;;
'' | -*)
    say 'usage: get.sh NAME [FOLDER], or get.sh --list'
    exit 2
    ;;
esac
name=$1
folder=${2:-.}

row=$(awk -F '\t' -v name="$name" 'NR > 1 && $1 == name' "$table")
if [ -z "$row" ]; then
    near=$(cut -f 1 "$table" | grep -F "$(printf %.4s "$name")" | tr '\n' ' ') || near=
    say "there is no published checkpoint \"$name\" in the table; get.sh --list names them${near:+, near to it: $near}"
    exit 2
fi
digits=$(printf %s "$row" | cut -f 3)
address=$(printf %s "$row" | cut -f 5)
file=${address##*/}
[ -z "${GRADCAM_WEIGHTS_BASE:-}" ] || address=$GRADCAM_WEIGHTS_BASE/$file

gradcam=${GRADCAM:-$here/../build/bin/gradcam}
[ -n "${GRADCAM:-}" ] || [ -x "$gradcam" ] || gradcam=gradcam
command -v "$gradcam" >/dev/null || fail "the command gradcam converts the file, and $gradcam is not there: run make first"

# The download runs beside the script, so that a signal ends both at once.
work=
child=
clean() {
    [ -z "$child" ] || kill "$child" 2>/dev/null || :
    [ -z "$work" ] || rm -rf "$work"
}
trap clean EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -p "$folder" || exit 1
work=$(mktemp -d "$folder/.get-XXXXXX") || exit 1

# download ADDRESS FILE: its exit code is the tool's.
download() {
    if command -v curl >/dev/null; then
        if [ -t 2 ]; then progress=--progress-bar; else progress=--silent; fi
        curl "$progress" --show-error --fail --location --connect-timeout 20 --speed-limit 1 --speed-time 60 --output "$2" "$1" &
    elif command -v wget >/dev/null; then
        wget --no-verbose --tries=1 --timeout=60 --output-document="$2" "$1" &
    else
        say 'neither curl nor wget is installed'
        return 127
    fi
    child=$!
    code=0
    wait "$child" || code=$?
    child=
    return "$code"
}

sha256() {
    if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -c 1-64
}

say "fetching $address"
download "$address" "$work/$file" || fail "$address cannot be downloaded (is there a network?)"
found=$(sha256 "$work/$file")
case $found in
"$digits"*) ;;
*) fail "$file is damaged or not what was published: its SHA-256 begins with $(printf %.10s "$found"), expected $digits" ;;
esac
"$gradcam" convert "$work/$file" "$work/$name.safetensors" >"$work/said" || exit 1
mv "$work/$name.safetensors" "$folder/$name.safetensors"
say "written: $folder/$name.safetensors (SHA-256 of $file begins with $digits, as published)"

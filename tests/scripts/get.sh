#!/bin/sh
# weights/get.sh against a file server on the loopback, with each of curl and wget: a good file, wrong digits, a missing file, a
# cut transfer, a stalled one that is interrupted, a file that is no checkpoint, no server; and its table.
#   sh tests/scripts/get.sh build
set -eu

build=$(cd "$1" && pwd)
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT

fail() {
    echo "$1"
    exit 1
}

# The table: five columns, digits as in the address, architectures that are known.
awk -F '\t' 'NR > 1 && (NF != 5 || $5 !~ "/[^/]*-" $3 "[.]pth$" || $3 !~ /^[0-9a-f]+$/ || length($3) < 8)' weights/published.tsv \
    >"$folder/bad"
[ ! -s "$folder/bad" ] || fail "published.tsv: $(cat "$folder/bad")"
"$build/bin/gradcam" archs | awk '{ print $1 }' | sort >"$folder/archs"
tail -n +2 weights/published.tsv | cut -f 2 | sort -u | comm -23 - "$folder/archs" >"$folder/bad"
[ ! -s "$folder/bad" ] || fail "published.tsv names unknown architectures: $(cat "$folder/bad")"
[ -z "$(cut -f 1 weights/published.tsv | sort | uniq -d)" ] || fail 'published.tsv has a name twice'

# A server's files: a small model, the same with wrong digits, and text; and a table for them.
digits() { sha256sum "$1" | cut -c 1-8; }
files=$folder/files
mkdir "$files" "$folder/weights"
cp weights/get.sh "$folder/weights/"
model=$build/demo/shapes.safetensors
echo 'no checkpoint' >"$folder/text"
good=shapes-$(digits "$model").pth text=text-$(digits "$folder/text").pth
cp "$model" "$files/$good"
cp "$model" "$files/wrong-0123abcd.pth"
cp "$folder/text" "$files/$text"
{
    printf 'name\tarchitecture\tsha256\ttried\taddress\n'
    printf 'shapes\tcustom\t%s\tno\thttp://127.0.0.1:9/models/%s\n' "$(digits "$model")" "$good"
    printf 'wrong\tcustom\t0123abcd\tno\thttp://127.0.0.1:9/models/wrong-0123abcd.pth\n'
    printf 'missing\tcustom\t0123abcd\tno\thttp://127.0.0.1:9/models/missing-0123abcd.pth\n'
    printf 'text\tcustom\t%s\tno\thttp://127.0.0.1:9/models/%s\n' "$(digits "$folder/text")" "$text"
} >"$folder/weights/published.tsv"

# shellcheck disable=SC2086 # CC may hold a launcher and options
${CC:-cc} -D_GNU_SOURCE -o "$folder/server" tests/scripts/file_server.c
mkfifo "$folder/open"
"$folder/server" "$files" <"$folder/open" >"$folder/port" &
server=$!
exec 9>"$folder/open"
while [ ! -s "$folder/port" ]; do sleep 0.05; done
base=http://127.0.0.1:$(cat "$folder/port")

GRADCAM=$build/bin/gradcam
export GRADCAM
unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY || true
tools=$PATH

# get BASE NAME: runs the script; $out/ is where it writes.
get() {
    PATH=$path GRADCAM_WEIGHTS_BASE=$1 sh "$folder/weights/get.sh" "$2" "$out" 2>"$folder/err"
}
# refused BASE NAME SENTENCE: exit code 1, the sentence, and nothing left.
refused() {
    code=0
    get "$1" "$2" || code=$?
    [ "$code" -eq 1 ] || fail "$tool: $2 from $1: exit code $code, expected 1: $(cat "$folder/err")"
    grep -q "$3" "$folder/err" || fail "$tool: $2 from $1 should say \"$3\", but says: $(cat "$folder/err")"
    [ "$(ls -A "$out")" = "$left" ] || fail "$tool: $2 from $1 left $(ls -A "$out")"
}

for tool in curl wget; do
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: get.sh with $tool, which is not installed"
        continue
    fi
    # Only this one of the two is to be found.
    path=$folder/$tool
    mkdir "$path"
    for name in "$tool" sh awk cut tail grep tr dirname mkdir mktemp rm mv sha256sum kill; do
        ln -s "$(PATH=$tools command -v "$name" | grep / || echo /bin/false)" "$path/$name"
    done
    out=$folder/out-$tool
    left=
    mkdir "$out"
    refused "$base" wrong 'its SHA-256 begins with .*, expected 0123abcd'
    refused "$base" missing 'missing-0123abcd.pth cannot be downloaded'
    refused "$base/cut" shapes 'cannot be downloaded'
    refused "$base" text 'gradcam: .*text-'
    refused http://127.0.0.1:9 shapes 'cannot be downloaded (is there a network?)'

    # Interrupted while the server is silent.
    GRADCAM_WEIGHTS_BASE=$base/stall PATH=$path sh "$folder/weights/get.sh" shapes "$out" 2>/dev/null &
    job=$!
    tries=0
    while ! find "$out" -name '*.pth' -size +0 | grep -q . && [ "$tries" -lt 200 ]; do
        tries=$((tries + 1))
        sleep 0.05
    done
    kill -TERM "$job"
    code=0
    wait "$job" || code=$?
    [ "$code" -eq 143 ] || fail "$tool: interrupted, get.sh ended with $code"
    [ -z "$(ls -A "$out")" ] || fail "$tool: interrupted, get.sh left $(ls -A "$out")"

    get "$base" shapes || fail "$tool: $(cat "$folder/err")"
    grep -q "written: $out/shapes.safetensors" "$folder/err" || fail "$tool: says $(cat "$folder/err")"
    left=shapes.safetensors
    [ "$(ls -A "$out")" = "$left" ] || fail "$tool: get.sh left $(ls -A "$out")"
    "$GRADCAM" inspect "$out/shapes.safetensors" >/dev/null || fail "$tool: what was written is no model"
    refused "$base/cut" shapes 'cannot be downloaded'
    "$GRADCAM" inspect "$out/shapes.safetensors" >/dev/null || fail "$tool: a failure harmed the file that was there"
done

path=$tools out=$folder/none
code=0
get "$base" vgg || code=$?
[ "$code" -eq 2 ] || fail "an unknown name: exit code $code"
grep -q 'there is no published checkpoint "vgg" in the table' "$folder/err" || fail "an unknown name: $(cat "$folder/err")"
[ "$(sh "$folder/weights/get.sh" --list | tr '\n' ' ')" = 'shapes wrong missing text ' ] || fail 'get.sh --list'
code=0
sh weights/get.sh 2>/dev/null || code=$?
[ "$code" -eq 2 ] || fail "no name: exit code $code"

#!/bin/sh
# Where the demo's photos come from, and what it does without them. A stand-in for apt-get hands out packages made here, or fails.
#   sh tests/scripts/demo.sh build
set -eu

build=$(cd "$1" && pwd)
if ! command -v dpkg-deb >/dev/null; then
    echo 'skipped: demo, there is no dpkg-deb'
    exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# package NAME PATH TEXT: a Debian package of one file.
package() {
    mkdir -p "$folder/tree/DEBIAN" "$folder/tree/$(dirname "$2")"
    printf 'Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\nDescription: test\n' "$1" \
        >"$folder/tree/DEBIAN/control"
    echo "$3" >"$folder/tree/$2"
    dpkg-deb --root-owner-group -b "$folder/tree" "$folder/debs/$1_1_all.deb" >/dev/null
    rm -r "$folder/tree"
}
mkdir "$folder/debs" "$folder/bin"
package darknet usr/share/darknet/data/dog.jpg dog
package python3-skimage usr/lib/python3/dist-packages/skimage/data/chelsea.png cat
cat >"$folder/bin/apt-get" <<'END'
#!/bin/sh
for package; do :; done
cp "$DEBS/${package}_1_all.deb" . || { echo 'E: no network' && exit 100; }
END
chmod +x "$folder/bin/apt-get"
PATH=$folder/bin:$PATH
PHOTOS_ROOT=$folder/none
DEBS=$folder/debs
export PATH PHOTOS_ROOT DEBS

fail() {
    echo "$1"
    exit 1
}
sh tools/demo/photos.sh "$folder/photos" 2>"$folder/err" || fail "photos.sh failed: $(cat "$folder/err")"
[ "$(cat "$folder/photos/dog.jpg" "$folder/photos/cat.png" | tr '\n' ' ')" = 'dog cat ' ] || fail 'the photos are not those of the packages'

# What is there needs no network; what is installed is taken from there.
DEBS=$folder/nowhere
sh tools/demo/photos.sh "$folder/photos" || fail 'photos that are there were not kept'
mkdir -p "$folder/none/usr/share/darknet/data"
echo 'installed dog' >"$folder/none/usr/share/darknet/data/dog.jpg"
if sh tools/demo/photos.sh "$folder/other" 2>"$folder/err"; then fail 'photos.sh succeeded without a network'; fi
grep -q 'python3-skimage.*cannot be downloaded: E: no network' "$folder/err" || fail "without a network it says: $(cat "$folder/err")"
[ "$(cat "$folder/other/"*)" = 'installed dog' ] || fail 'the installed photo was not taken'
rm -r "$folder/none"

# A package that is damaged leaves nothing.
DEBS=$folder/debs
echo broken >"$folder/debs/darknet_1_all.deb"
if sh tools/demo/photos.sh "$folder/damaged" 2>/dev/null; then fail 'photos.sh took a damaged package'; fi
[ -z "$(ls "$folder/damaged")" ] || fail 'a damaged package left something'

# The demo itself: of one's own photo; of the shapes, where there are no photos or no network.
mkdir -p "$folder/b/bin" "$folder/b/demo"
ln -s "$build/demo/shapes" "$build/demo/montage" "$folder/b/demo/"
cp "$build/tests/gradcam-shapes" "$folder/b/bin/gradcam"
cp "$build/demo/shapes.png" "$folder/mine.png"
sh tools/demo/demo.sh "$folder/b" "$folder/mine.png" >"$folder/out" || fail "the demo of one's own photo failed"
[ -s "$folder/b/demo/mine.sheet.png" ] || fail 'the sheet of the own photo is missing'
sh tools/demo/demo.sh "$folder/b" >"$folder/out" 2>&1 || fail "the demo without photos failed: $(cat "$folder/out")"
grep -q 'drawn shapes instead' "$folder/out" || fail "without photos the demo says: $(cat "$folder/out")"
[ -s "$folder/b/demo/shapes.sheet.png" ] || fail 'the sheet of the shapes is missing'
cp "$build/tests/gradcam-bare" "$folder/b/bin/gradcam"
sh tools/demo/demo.sh "$folder/b" >"$folder/out" 2>&1 || fail "the demo without a network failed: $(cat "$folder/out")"
grep -q 'carries no network' "$folder/out" || fail "without a network the demo says: $(cat "$folder/out")"

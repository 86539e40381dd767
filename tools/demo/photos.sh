#!/bin/sh
# Fetches the demo's two photos into a folder: dog.jpg of Debian's package darknet (Joseph Redmon, public domain) and chelsea.png
# of python3-skimage (Stefan van der Walt, CC0), written as cat.png. Nothing is installed, root is not needed, and what is there
# already is kept.
#   sh tools/demo/photos.sh FOLDER
# PHOTOS_ROOT is where installed packages are looked for, / by default.
set -eu

folder=$1
root=${PHOTOS_ROOT:-}
mkdir -p "$folder"

# fetch NAME PACKAGE PATH: from the installed package, or from the package downloaded into a temporary folder.
fetch() {
    name=$1 package=$2 path=$3
    [ ! -s "$folder/$name" ] || return 0
    from=$root/$path
    if [ ! -r "$from" ]; then
        download "$package" || return 1
        from=$work/$path
    fi
    cp "$from" "$folder/$name.part" && mv "$folder/$name.part" "$folder/$name"
}

download() {
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        echo "The demo's photos come from Debian packages, and this system has no apt-get and dpkg-deb." >&2
        return 1
    fi
    echo "  fetching $1 (Debian package, for a photo)" >&2
    if ! (cd "$work" && apt-get -q -o Acquire::Retries=0 -o Acquire::http::Timeout=20 download "$1") >"$work/log" 2>&1; then
        echo "The Debian package $1, which holds one of the demo's photos, cannot be downloaded:" \
            "$(grep -m 1 '^E:' "$work/log" || echo 'apt-get download failed')" >&2
        return 1
    fi
    dpkg-deb -x "$work/$1"_*.deb "$work"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
fetch dog.jpg darknet usr/share/darknet/data/dog.jpg
fetch cat.png python3-skimage usr/lib/python3/dist-packages/skimage/data/chelsea.png

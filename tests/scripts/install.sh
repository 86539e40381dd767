#!/bin/sh
# `make install` into a folder; a program from outside is compiled with pkg-config's flags, shared and static, and run; the
# installed command runs; `make uninstall` leaves nothing.
#   sh tests/scripts/install.sh build
set -eu

if [ -n "${GCAM_SANITIZE:-}" ]; then
    echo 'skipped: install, a sanitized library asks its users for the sanitizer'
    exit 0
fi
build=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
unset MAKEFLAGS MAKELEVEL MFLAGS || true

cp "$build/demo/shapes.safetensors" "$folder/carried.safetensors"
# -o: the command under test is not linked anew with this model.
make -s -o "$build/bin/gradcam" install BUILD="$build" PREFIX=/opt/grad DESTDIR="$folder/dest" \
    DEFAULT_MODEL="$folder/carried.safetensors" >"$folder/log" 2>&1 || { cat "$folder/log" && exit 1; }
root=$folder/dest/opt/grad
for file in include/gradcam.h include/gradcam/core.h lib/libgradcam.a lib/libgradcam.so lib/pkgconfig/gradcam.pc bin/gradcam \
    share/man/man1/gradcam.1 share/gradcam/carried.safetensors; do
    [ -e "$root/$file" ] || { echo "make install did not write $file" && exit 1; }
done
soname=$(objdump -p "$root/lib/libgradcam.so" | awk '$1 == "SONAME" { print $2 }')
[ -e "$root/lib/$soname" ] || { echo "the library's SONAME $soname is not installed" && exit 1; }

cat >"$folder/outside.c" <<'END'
#include <gradcam.h>
#include <stdio.h>

int main(void) {
    gcam_image *image = NULL;
    if (gcam_image_create(&image, 4, 3)) return 1;
    printf("%s %d %zu\n", gcam_version(), image->width, gcam_method_count());
    gcam_image_free(image);
    return 0;
}
END
PKG_CONFIG_PATH=$root/lib/pkgconfig
PKG_CONFIG_SYSROOT_DIR=$folder/dest
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
version=$(pkg-config --modversion gradcam)
model=$(PKG_CONFIG_SYSROOT_DIR='' pkg-config --variable=default_model gradcam)
[ "$model" = /opt/grad/share/gradcam/carried.safetensors ] || { echo "gradcam.pc names the model \"$model\"" && exit 1; }
(
    cd "$folder"
    # shellcheck disable=SC2046 # flags are words
    ${CC:-cc} outside.c $(pkg-config --cflags --libs gradcam) -o outside
    LD_LIBRARY_PATH=$root/lib ./outside >shared.out
    # shellcheck disable=SC2046
    ${CC:-cc} outside.c $(pkg-config --cflags gradcam) "$root/lib/libgradcam.a" \
        $(PKG_CONFIG_SYSROOT_DIR='' pkg-config --static --libs-only-l gradcam | tr ' ' '\n' | grep -v '^-lgradcam$') \
        $(PKG_CONFIG_SYSROOT_DIR='' pkg-config --static --libs-only-L gradcam) -o static
    ./static >static.out
    cmp shared.out static.out
    grep -q "^$version 4 " shared.out
    "$root/bin/gradcam" --version | grep -qx "gradcam $version"
)
unset PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR

make -s uninstall BUILD="$build" PREFIX=/opt/grad DESTDIR="$folder/dest" >"$folder/log" 2>&1 || { cat "$folder/log" && exit 1; }
left=$(find "$root" -type f -o -type l)
[ -z "$left" ] || { echo "make uninstall left: $left" && exit 1; }

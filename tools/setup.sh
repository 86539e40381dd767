#!/bin/sh
# Installs what building and testing need, with the system's own package manager; nothing else on the machine changes.
#
#   sh tools/setup.sh           compiler, make, libraries, test framework
#   sh tools/setup.sh --lint    also what `make lint` needs
#   sh tools/setup.sh --print   only says what it would install
#
# Running it again is harmless: what is installed already is left alone. Only Debian (and what descends from it) is installed
# on; for others the names of the packages are printed.
set -eu

BUILD='gcc libc6-dev make pkgconf libopenblas-dev libstb-dev libjpeg62-turbo-dev check'
LINT='g++ clang-format cppcheck shellcheck codespell'

say() { printf 'setup: %s\n' "$*"; }

usage() {
    sed -n '2,9s/^# \{0,1\}//p' "$0"
}

print_others() {
    say 'this is not a Debian system, so nothing is installed. Names elsewhere (untested):'
    cat <<'NAMES'
  Fedora    dnf install gcc make pkgconf openblas-devel stb_image-devel libjpeg-turbo-devel check-devel
  Arch      pacman -S gcc make pkgconf openblas stb libjpeg-turbo check
  Homebrew  brew install make pkgconf openblas jpeg-turbo check     (stb: set STB_CFLAGS=-I to a folder with stb_image.h)
  lint      clang-format (clang or clang-tools-extra) cppcheck shellcheck codespell
NAMES
}

# The packages of "$@" that are not installed yet.
missing_of() {
    for package in "$@"; do
        state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
        [ "$state" = installed ] || printf '%s ' "$package"
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        say "packages can only be installed by root, and there is no sudo; as root, run: $*" >&2
        exit 1
    fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 "$@"
}

packages=$BUILD
only_print=0
for option in "$@"; do
    case $option in
    --lint) packages="$BUILD $LINT" ;;
    --print) only_print=1 ;;
    -h | --help) usage && exit 0 ;;
    *) say "unknown option $option; there are --lint, --print and --help" >&2 && exit 2 ;;
    esac
done

if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-query >/dev/null 2>&1; then
    print_others
    exit 1
fi

# shellcheck disable=SC2086 # the lists are words
missing=$(missing_of $packages)
if [ -z "$missing" ]; then
    say "all there already: $packages"
    exit 0
fi
say "installing: $missing"
if [ "$only_print" -eq 1 ]; then exit 0; fi

# A machine that has never asked for the package lists must ask first; one that asked long ago may have to ask again.
if ! ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1; then
    say 'asking for the package lists'
    apt update
fi
# shellcheck disable=SC2086
if ! apt install -y --no-install-recommends $missing; then
    say 'asking for fresh package lists'
    apt update
    apt install -y --no-install-recommends $missing
fi

# shellcheck disable=SC2086
missing=$(missing_of $packages)
if [ -n "$missing" ]; then
    say "these are still missing: $missing" >&2
    exit 1
fi
say 'done'

#!/usr/bin/env bash
# Installs the Debian or Ubuntu packages that are missing for the given purpose: build, demo, test, bench or lint.
set -euo pipefail
purpose=${1:?usage: packages.sh build|demo|test|bench|lint}

packages=(build-essential cmake pkg-config libgsl-dev libyaml-dev libyajl-dev libsqlite3-dev zlib1g-dev)
case $purpose in
build) ;;
demo) packages+=(gnuplot-nox) ;;
test) packages+=(gnuplot-nox libcriterion-dev valgrind libopenmpi-dev openmpi-bin) ;;
bench) packages+=(libopenmpi-dev openmpi-bin) ;;
lint) packages+=(clang-format clang-tidy libcriterion-dev) ;;
*) echo "packages.sh: unknown purpose '$purpose'" >&2; exit 2 ;;
esac

missing=()
for package in "${packages[@]}"; do
    # gnuplot in any flavour will do.
    if [ "$package" = gnuplot-nox ] && command -v gnuplot >/dev/null; then continue; fi
    state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [ "$state" = "install ok installed" ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
    echo "ingot needs these packages, and there is no apt-get here: ${missing[*]}" >&2
    exit 3
fi
if [ "$(id -u)" -eq 0 ]; then
    as_root=()
elif sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
else
    echo "ingot needs these packages; install them as root: apt-get install ${missing[*]}" >&2
    exit 3
fi
echo "installing: ${missing[*]}"
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null

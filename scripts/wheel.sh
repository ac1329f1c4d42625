#!/bin/sh
# Build the wheel of this checkout into a directory (dist), byte by byte the same wherever it is built from one commit: with the
# pinned setuptools, dated as the commit is, whatever the umask. Beside it lies a list for pip that names it by its hash.
# Usage: scripts/wheel.sh [DIRECTORY] [PYTHON]; the interpreter has the packages of requirements/build.txt.
set -eu

cd "$(dirname "$0")/.."
out=${1:-dist}
python=${2:-.venv/bin/python}
umask 022
mkdir -p "$out"
out=$(cd "$out" && pwd)

if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null) || {
        echo "strongroom: this is no checkout with a commit; name its time in SOURCE_DATE_EPOCH" >&2
        exit 1
    }
fi
export SOURCE_DATE_EPOCH

# A copy: what a build leaves in the tree would be part of the next one, and modes of files are the builder's.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -R pyproject.toml LICENSE README.md requirements src "$copy/"
find "$copy" \( -name __pycache__ -o -name '*.egg-info' \) -prune -exec rm -rf {} +
find "$copy" -type d -exec chmod 755 {} + -o -type f -exec chmod 644 {} +

rm -f "$out"/strongroom-*.whl "$out/wheel.txt"
"$python" -m pip --disable-pip-version-check --no-input wheel --quiet --no-deps --no-build-isolation --no-index \
    --wheel-dir "$out" "$copy"
cd "$out"
for wheel in strongroom-*.whl; do
    hash=$(sha256sum "$wheel" | cut -d ' ' -f 1)
    printf './%s --hash=sha256:%s\n' "$wheel" "$hash" >wheel.txt
    echo "$hash  $wheel"
done

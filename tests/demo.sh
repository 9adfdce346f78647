#!/usr/bin/env bash
# The main job on the example monorepo, in a copy of it: lock, install and run a service, bundle it, then install the
# bundle in a fresh virtual environment that reaches neither an index nor the sources, and run the service from there.
#
#     tests/demo.sh [service]        default: service-api
#
# Needs a Rust toolchain, Python 3.11 or newer with venv, and the network for the packages themselves.
# MPOETRY=/path/to/mpoetry takes that program instead of building one.
set -euo pipefail
service=${1:-service-api}
module=${service//-/_}
here=$(cd "$(dirname "$0")/.." && pwd)

python=$(for name in python3 python3.11 python3.12 python3.13 python3.14; do
    "$name" -c 'import sys, ensurepip, venv; assert sys.version_info >= (3, 11); print(sys.executable)' 2>/dev/null && break
done) || { echo "needs Python 3.11 or newer with venv and ensurepip" >&2; exit 1; }

if [ -z "${MPOETRY:-}" ]; then
    cargo build --release --manifest-path "$here/Cargo.toml"
    MPOETRY=${CARGO_TARGET_DIR:-$here/target}/release/mpoetry
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$here/tests/fixtures/monorepo" "$work/monorepo"
cd "$work/monorepo/stack/$service"

step() { printf '\n$ %s\n' "${*/#$MPOETRY/mpoetry}"; "$@"; }

step "$MPOETRY" lock
step "$MPOETRY" install
step "$MPOETRY" run python -m "$module.main"
step "$MPOETRY" bundle .

# The image: only the bundle goes in, as in the service's Dockerfile.
mkdir "$work/image"
cp -R dist/. "$work/image"
mv "$work/monorepo" "$work/sources-out-of-reach"
cd "$work/image"
"$python" -m venv "$work/venv"
unset "${!PIP_@}" # nor with the help of your own settings
export PATH="$work/venv/bin:$PATH" PIP_DISABLE_PIP_VERSION_CHECK=1
export PIP_INDEX_URL=http://127.0.0.1:9/unreachable PIP_RETRIES=0 PIP_CONFIG_FILE=/dev/null
step sh -c 'pip install --quiet ./deps/*.whl'
step sh -c 'pip install --quiet ./*.whl'
step pip check
step python -m "$module.main" | tee "$work/printed"

grep "^OK $service " "$here/tests/fixtures/monorepo/tools/expected.txt" | diff - <(grep '^OK' "$work/printed")
printf '\n%s runs from its bundle alone, and printed what it must.\n' "$service"

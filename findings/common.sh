# What each finding does: an environment of its own with pinned packages, a program, and what it prints.
set -euo pipefail

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

# installs PACKAGE==VERSION...: into an environment in the temporary folder, which stands first on PATH.
installs() {
    "${PYTHON:-python3}" -m venv environment
    PATH="$scratch/environment/bin:$PATH"
    python -m pip install --quiet --disable-pip-version-check "$@"
}

# seen NAME: what stands on standard input is what was seen; compares it with the output that is in ./out.
seen() {
    cat >expected
    if diff expected out; then
        echo "$1: as it was seen"
    else
        echo "$1: this has changed (< seen before, > now)" >&2
        exit 1
    fi
}

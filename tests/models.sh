#!/usr/bin/env bash
# make test-models: the tests of pixmake-cellpose and pixmake-stardist with the packages' own classes, in an
# environment that is made for it and removed. No weights are downloaded; 10 GB of disk, a quarter of an hour.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
python=${1:-python3}
shift || true

folder=$(mktemp -d "${TMPDIR:-/tmp}/pixmake-models.XXXXXX") || exit 1
trap 'rm -rf "$folder"' EXIT
free=$(df -Pk "$folder" | awk 'NR == 2 { print int($4 / 1024 / 1024) }')
if [ "$free" -lt 12 ]; then
    echo "test-models: $folder has $free GB free; it takes 12 (another place: TMPDIR=…)" >&2
    exit 1
fi

"$python" -m venv "$folder/venv" || exit 1
bin=$folder/venv/bin
echo "Installing PyTorch, Cellpose, TensorFlow and StarDist into $folder"
# The newest pip, which gives up sooner on releases that do not go together; and no more of pixmake's extras
# than these tests need: with `s3` beside `zarr`, it tries one release of boto3 and aiobotocore after another.
"$bin/python" -m pip install --quiet --disable-pip-version-check --upgrade pip || exit 1
# shellcheck disable=SC2086  # several words
timeout 20m "$bin/python" -m pip install --quiet --progress-bar off \
    ${TORCH:-torch torchvision} cellpose ${TENSORFLOW:-tensorflow-cpu} stardist pytest \
    -e '.[classification,tiff,zarr]' -e plugins/pixmake-cellpose -e plugins/pixmake-stardist || exit 1

failed=0
for package in pixmake-cellpose pixmake-stardist; do
    timeout 10m "$bin/python" -m pytest -q -p no:cacheprovider --import-mode=importlib -W ignore \
        --rootdir "plugins/$package" "plugins/$package/tests" "$@" || failed=1
done
"$bin/python" -m pip list --disable-pip-version-check 2>/dev/null |
    grep -iE '^(torch|torchvision|cellpose|tensorflow(-cpu|_cpu)?|keras|csbdeep|stardist|numpy|onnxruntime) '
exit "$failed"

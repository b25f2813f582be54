# Sourced by the other scripts: makes .venv with the tested versions, "$1" names extras such as [test].
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# TensorFlow's tested version has no build for Python 3.14 yet
for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11; do
    if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "${python:-}" ]; then
    echo "expected Python 3.11, 3.12 or 3.13, but none was found; install one or set PYTHON" >&2
    exit 1
fi

wanted=$(cat scripts/constraints.txt pyproject.toml setup.py | cksum)$1
if [ "$(cat .venv/installed 2>/dev/null)" != "$wanted" ]; then
    "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint scripts/constraints.txt \
        --editable ".$1"
    # opencv-python needs libGL and glib; where a slim machine has neither, the headless build of the same version serves
    if ! .venv/bin/python -c 'import cv2' 2>/dev/null; then
        version=$(sed -n 's/^opencv-python==//p' scripts/constraints.txt)
        echo "opencv-python does not load here (no libGL?): using opencv-python-headless $version in .venv"
        .venv/bin/python -m pip uninstall --quiet --yes opencv-python
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps \
            "opencv-python-headless==$version"
    fi
    echo "$wanted" > .venv/installed
fi

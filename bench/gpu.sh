#!/usr/bin/env bash
# One run of at most ten minutes on a machine with a CUDA GPU, without network and without installing
# anything. Prints a Markdown table; with OUT=FOLDER it is in FOLDER/gpu.md too, each part's log beside it.
#   PYTHON         Python with torch and CUDA: .venv's where it sees a GPU, else python3
#   VLLM_PYTHON    Python with vLLM: .venv-vllm's where it sees a GPU, else PYTHON where it has vLLM
#   LIMIT_S        seconds for all of it, 560
#   PYTHONPATH     folders of what that Python lacks, kept behind src
# Exits 2 where there is no GPU. A part that cannot run is a row that says why.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

sees_gpu() {
  [ -x "$1" ] && timeout 60 "$1" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' >/dev/null 2>&1
}

has_vllm() {
  "$1" -c 'import sys, importlib.util as u; sys.exit(u.find_spec("vllm") is None)' >/dev/null 2>&1
}

python="${PYTHON:-}"
if [ -z "$python" ]; then
  python=python3
  if sees_gpu .venv/bin/python; then python=.venv/bin/python; fi
fi
if ! found="$(command -v "$python")"; then
  echo "There is no Python at $python." >&2
  exit 1
fi
# Not resolved: the link in a virtual environment is what makes Python use it.
case "$found" in
  /*) python="$found" ;;
  *) python="$PWD/$found" ;;
esac

export PYTHONPATH="$PWD/src${PYTHONPATH:+:$PYTHONPATH}"
vllm="${VLLM_PYTHON:-}"
if [ -z "$vllm" ]; then
  vllm=.venv-vllm/bin/python
  if ! sees_gpu "$vllm" && has_vllm "$python"; then vllm="$python"; fi
elif [ "${vllm#*/}" = "$vllm" ]; then
  vllm="$(command -v "$vllm" || echo "$vllm")"
fi
export RADRAFT_VLLM_PYTHON="$vllm"
export HF_HUB_OFFLINE=1
exec "$python" -m radraft.bench.gpu --limit $((${LIMIT_S:-560} - SECONDS)) ${OUT:+--out "$OUT"}

#!/usr/bin/env bash
# Installs the Debian packages that the demo, the tests or a benchmark need, and says which.
# Usage: packaging/system-packages.sh demo|test|bench
set -euo pipefail

# what is looked for | the package that brings it
demo=("module:ensurepip|python3-venv"
  "file:/usr/lib/*/libnuma.so.1|libnuma1") # vLLM's CPU kernels link it
test=("${demo[@]}"
  "program:chromium|chromium"
  "file:/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc|fonts-noto-cjk"
  "file:/usr/lib/postgresql/*/bin/initdb|postgresql"
  "program:storescu|dcmtk"
  "program:java|default-jre-headless" # runs PixelMed's checks of structured reports
  "file:/usr/share/java/pixelmed.jar|libpixelmed-java"
  "program:ip|iproute2"
  "file:/usr/sbin/Orthanc|orthanc"
  "file:/usr/share/orthanc/plugins/libOrthancDicomWeb.so|orthanc-dicomweb"
  "file:/usr/sbin/nginx|nginx-light" # the proxy of deploy/nginx
  "file:/usr/sbin/rsyslogd|rsyslog" # a log server that the audit is sent to
  "file:/usr/lib/*/rsyslog/lmnsd_ossl.so|rsyslog-openssl"
  "program:pdftoppm|poppler-utils" # draws a report's PDF
  "program:curl|curl")
bench=("module:ensurepip|python3-venv"
  "program:java|default-jre-headless" # METEOR 1.5, to compare with
  "program:storescu|dcmtk"
  "program:ip|iproute2"
  "file:/usr/sbin/Orthanc|orthanc")

case "${1:-}" in
  demo) wanted=("${demo[@]}") ;;
  test) wanted=("${test[@]}") ;;
  bench) wanted=("${bench[@]}") ;;
  *) echo "usage: $0 demo|test|bench" >&2; exit 2 ;;
esac

there() {
  case "$1" in
    module:*) "${PYTHON:-python3}" -c "import ${1#module:}" 2>/dev/null ;;
    program:*) command -v "${1#program:}" >/dev/null ;;
    file:*) compgen -G "${1#file:}" >/dev/null ;;
  esac
}

missing=()
for entry in "${wanted[@]}"; do
  there "${entry%%|*}" || missing+=("${entry##*|}")
done
[ "${#missing[@]}" -eq 0 ] && exit 0

echo "== Installing Debian packages: ${missing[*]}"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "These Debian packages are missing: ${missing[*]}" >&2
    echo "Ask an administrator to run: apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
"${as_root[@]}" apt-get update -q
# Debian starts what it installs; a PACS and a database that nobody asked for must not listen.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}"

#!/usr/bin/env bash
# Says what this machine lacks to build (`tools.sh build`) or to test (`tools.sh test`) trucban.
# What the tests need is installed through the package manager when run as root.
set -euo pipefail

missing=()

# at_least NAME FOUND WANTED: FOUND is empty where the program is absent.
at_least() {
  if [ -z "$2" ]; then
    missing+=("$1 $3 or newer (not found)")
  elif [ "$(printf '%s\n%s\n' "$3" "$2" | sort -V | head -n 1)" != "$3" ]; then
    missing+=("$1 $3 or newer (found $2)")
  fi
}

version_of() { command -v "$1" >/dev/null 2>&1 && "$@" 2>/dev/null | grep -oE '[0-9]+\.[0-9]+(\.[0-9]+)?' | head -n 1 || true; }

build_tools() {
  at_least rustc "$(version_of rustc --version)" 1.95.0
  at_least cargo "$(version_of cargo --version)" 1.95.0
  at_least node "$(version_of node --version)" 20.19.0
  at_least npm "$(version_of npm --version)" 10.0.0
  command -v cc >/dev/null 2>&1 || missing+=("a C compiler (cc), for SQLite")
  if [ ${#missing[@]} -gt 0 ]; then
    printf 'trucban needs:\n' >&2
    printf '  - %s\n' "${missing[@]}" >&2
    exit 1
  fi
}

test_tools() {
  local wanted=() package program
  # program:package, as Debian names them
  for pair in chromium:chromium ogrinfo:gdal-bin strace:strace sqlite3:sqlite3 faketime:faketime haproxy:haproxy pdftotext:poppler-utils; do
    program=${pair%%:*} package=${pair##*:}
    command -v "$program" >/dev/null 2>&1 || wanted+=("$package")
  done
  # The tests start servers of their own from it; Debian's own cluster is not asked for.
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && compgen -G '/usr/share/postgresql/*/extension/postgis.control' >/dev/null \
    || wanted+=(postgresql-15-postgis-3)
  /usr/bin/python3 -c 'import osgeo_utils.samples.validate_gpkg' 2>/dev/null || wanted+=(python3-gdal)
  /usr/bin/python3 -c 'import ensurepip' 2>/dev/null || wanted+=(python3-venv)
  if [ ${#wanted[@]} -gt 0 ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
      apt-get update -qq
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
    else
      printf 'the tests need these packages (Debian names): %s\n' "${wanted[*]}" >&2
      exit 1
    fi
  fi
  # OWSLib lists and pages our items as a foreign client, schemathesis holds the answers against the OpenAPI document,
  # capparser and cap-tools read our warnings as strangers; they live in a venv of their own.
  local venv=${CARGO_TARGET_DIR:-target}/venv
  local python=(OWSLib==0.35.0 schemathesis==4.32.5 capparser==2.0.4 cap-tools==3.1.1)
  if [ "$(cat "$venv/ready" 2>/dev/null)" != "${python[*]}" ]; then
    mkdir -p "$venv"
    if ! { /usr/bin/python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check "${python[@]}"; }; then
      printf 'the tests need these Python packages (pip): %s\n' "${python[*]}" >&2
      exit 1
    fi
    printf '%s\n' "${python[*]}" >"$venv/ready"
  fi
}

case "${1:-}" in
  build) build_tools ;;
  test) test_tools ;;
  *) echo "usage: tools.sh build|test" >&2; exit 2 ;;
esac

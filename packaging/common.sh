# shellcheck shell=bash
# What the scripts that make packages have in common; they source it from the project's folder.

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)

. packaging/tool.sh

# The same bytes for the same commit: what is made says the commit's time, whenever it is made.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH TZ=UTC LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
umask 022

# What packages bring beside the programs.
files=$PWD/target/packaging/files

say() { echo "$*" >&2; }
fail() {
  say "$0: $*"
  exit 1
}

# folder_of PROFILE: where cargo puts what it builds with it.
folder_of() {
  case $1 in
    dev) echo debug ;;
    *) echo "$1" ;;
  esac
}

# bill TARGET FILE: what is in the programs for that system, as CycloneDX. The library that writes it goes into a Python
# environment of its own.
bill() {
  local wanted=packaging/requirements.txt python=$tools/python
  mkdir -p "$tools"
  # Packages for Debian and for Windows may be made at the same time.
  exec 7>"$tools/python.lock"
  flock 7
  if ! cmp -s "$wanted" "$python/installed.txt"; then
    say "installing $(tr '\n' ' ' <"$wanted")"
    rm -rf "$python"
    python3 -m venv "$python" >&2 || fail "python3 -m venv does not work (Debian: python3-venv)"
    "$python/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted" >&2 ||
      fail "pip could not install what $wanted names"
    cp "$wanted" "$python/installed.txt"
  fi
  exec 7>&-
  "$python/bin/python" packaging/bill.py "$1" >"$2"
}

# checksums FOLDER: of all packages in it.
checksums() {
  (cd "$1" && find . -maxdepth 1 -type f ! -name "SHA256SUMS*" -printf '%P\n' | sort | xargs sha256sum >SHA256SUMS.new &&
    mv SHA256SUMS.new SHA256SUMS)
}

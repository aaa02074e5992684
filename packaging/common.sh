# shellcheck shell=bash
# What the scripts that make packages have in common; they source it from the project's folder.

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)

# The same bytes for the same commit: what is made says the commit's time, whenever it is made.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH TZ=UTC LC_ALL=C.UTF-8
umask 022

# What packages bring beside the programs.
files=$PWD/target/packaging/files
# Where programs go that make packages and were not installed otherwise.
tools=${SIU_TOOLS:-$PWD/target/lab/tools}

say() { echo "$*" >&2; }
fail() {
  say "$0: $*"
  exit 1
}

# tool NAME VERSION LEVEL: prints where a program of crates.io is; builds it when it is nowhere, optimised no more than what
# it does needs.
tool() {
  command -v "$1" && return
  if ! [ -x "$tools/bin/$1" ]; then
    say "building $1"
    CARGO_PROFILE_DEV_OPT_LEVEL=$3 CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --debug --locked --root "$tools" \
      --target-dir "$tools/build" "$1@$2" >&2 || fail "$1 could not be installed"
    rm -rf "$tools/build"
  fi
  echo "$tools/bin/$1"
}

# folder_of PROFILE: where cargo puts what it builds with it.
folder_of() {
  case $1 in
    dev) echo debug ;;
    *) echo "$1" ;;
  esac
}

# sbom TARGET FILE: what is in the programs for that system, as CycloneDX, by what Cargo.lock says.
sbom() {
  local cyclonedx
  cyclonedx=$(tool cargo-cyclonedx 0.5.9 0)
  # It writes beside Cargo.toml and nowhere else.
  "$cyclonedx" cyclonedx --quiet --format json --spec-version 1.5 --features gssapi --target "$1" \
    --override-filename "siu-sbom-$$"
  # The package itself it names by its folder.
  sed "s,path+file://$PWD#,,g" "siu-sbom-$$.json" >"$2"
  rm "siu-sbom-$$.json"
}

# checksums FOLDER: of all packages in it.
checksums() {
  (cd "$1" && find . -maxdepth 1 -type f ! -name "SHA256SUMS*" -printf '%P\n' | sort | xargs sha256sum >SHA256SUMS.new &&
    mv SHA256SUMS.new SHA256SUMS)
}

# shellcheck shell=bash
# Programs that are needed to make and check things and are no part of the product; scripts source this from the project's
# folder.

# Where they go when they were not installed otherwise.
tools=${SIU_TOOLS:-$PWD/target/lab/tools}

# tool NAME VERSION: prints where a program of crates.io is; builds it when it is nowhere. It runs for seconds, so it is not
# optimised: that would take three times as long as it saves.
tool() {
  command -v "$1" && return
  if ! [ -x "$tools/bin/$1" ]; then
    echo "building $1" >&2
    CARGO_PROFILE_DEV_OPT_LEVEL=0 CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=0 cargo install --quiet --debug --locked \
      --root "$tools" --target-dir "$tools/build" "$1@$2" >&2 || return
    rm -rf "$tools/build"
  fi
  echo "$tools/bin/$1"
}

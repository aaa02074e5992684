#!/bin/bash
# Makes a compiler for Windows on Debian 12 and prints the environment that uses it.
#
#   eval "$(tests/lab/windows-toolchain.sh [FOLDER])"     # default: target/lab/windows
#   cargo check --lib --bin siu-updater --no-default-features --target x86_64-pc-windows-gnu $SIU_BUILD_STD
#
# Where the installed toolchain has the target (`rustup target add x86_64-pc-windows-gnu`), only mingw is needed.
# Where it has not, and the host that rustup loads from can't be reached, Debian's rustc-web helps: it is the one
# packaged compiler that is new enough and comes with its library sources, from which cargo builds the standard
# library of the target. It is unpacked beside the system, never installed over it.
set -euo pipefail

root=${1:-$(cd "$(dirname "$0")/../.." && pwd)/target/lab/windows}
target=x86_64-pc-windows-gnu
log() { echo "$*" >&2; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

if ! command -v x86_64-w64-mingw32-gcc-posix >/dev/null; then
  log "installing mingw"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 install -y \
    --no-install-recommends gcc-mingw-w64-x86-64-posix >&2
fi

if [ -d "$(rustc --print sysroot)/lib/rustlib/$target" ]; then
  echo "export SIU_BUILD_STD="
else
  if ! [ -e "$root/ready" ]; then
    log "unpacking rustc with its library sources"
    rm -rf "$root"
    mkdir -p "$root/deb"
    cd "$root/deb"
    # Exact names: a dependency of libstd-rust-web-dev carries the version in its name.
    runtime=$(apt-cache depends libstd-rust-web-dev | awk '/Depends: libstd-rust-web-1/ {print $2; exit}')
    apt-get -qq download rustc-web rust-web-src libstd-rust-web-dev "$runtime" 2>/dev/null
    apt-get -qq download "$(dpkg-deb -f "$runtime"_*.deb Depends | grep -o 'libllvm[0-9]*' | head -1)" 2>/dev/null
    for package in *.deb; do dpkg-deb -x "$package" "$root/sysroot"; done
    rm -rf "$root/deb"
    # A wrapper, so that the compiler's own libraries do not leak into every other program.
    cat > "$root/rustc" <<WRAPPER
#!/bin/sh
LD_LIBRARY_PATH=$root/sysroot/usr/lib/x86_64-linux-gnu exec $root/sysroot/usr/bin/rustc "\$@"
WRAPPER
    chmod +x "$root/rustc"
    touch "$root/ready"
  fi
  # The option is an unstable one of cargo's; the packaged compiler is told to let it pass.
  echo "export RUSTC='$root/rustc' RUSTC_BOOTSTRAP=1 SIU_BUILD_STD='-Z build-std=std,panic_unwind'"
fi

cat <<ENVIRONMENT
export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=x86_64-w64-mingw32-gcc-posix
export CC_x86_64_pc_windows_gnu=x86_64-w64-mingw32-gcc-posix
export AR_x86_64_pc_windows_gnu=x86_64-w64-mingw32-ar
ENVIRONMENT

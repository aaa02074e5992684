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

# unpack PACKAGE PATTERN…: of one package, what matches. It is loaded, read as a stream and deleted again, so that neither
# the other packages nor the rest of this one (documentation, tests, LLVM's sources: over 400 MB) are ever on the disk.
unpack() {
  local package=$1
  shift
  (cd "$root/deb" && apt-get -qq download "$package" >&2)
  dpkg-deb --fsys-tarfile "$root/deb/$package"_*.deb |
    tar -x -C "$root/sysroot" --wildcards --no-wildcards-match-slash "$@" >&2
  rm -f "$root/deb/$package"_*.deb
}

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
    mkdir -p "$root/deb" "$root/sysroot"
    # Exact names: a dependency of libstd-rust-web-dev carries the version in its name.
    runtime=$(apt-cache depends libstd-rust-web-dev | awk '/Depends: libstd-rust-web-1/ {print $2; exit}')
    llvm=$(apt-cache depends "$runtime" | awk '/Depends: libllvm/ {print $2; exit}')
    unpack rustc-web './usr/bin/rustc'
    unpack "$runtime" './usr/lib/*/*.so'
    unpack "$llvm" './usr/lib/*/libLLVM*'
    unpack libstd-rust-web-dev './usr/lib/rustlib/*/lib'
    unpack rust-web-src './usr/lib/rustlib/src' './usr/src/*/library'
    rmdir "$root/deb"
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

#!/bin/bash
# Makes a compiler for Windows on Debian 12 and a Wine that runs what it builds, and prints the environment of both.
#
#   eval "$(tests/lab/windows-toolchain.sh [FOLDER])"     # default: target/lab/windows
#   cargo build --bins --target x86_64-pc-windows-gnu $SIU_BUILD_STD
#   wine target/x86_64-pc-windows-gnu/debug/siu-updater.exe --help
#   wineserver -k                                          # ends whatever still runs in this Wine
#
# Where the installed toolchain has the target (`rustup target add x86_64-pc-windows-gnu`), only mingw is needed to build.
# Where it has not, and the host that rustup loads from can't be reached, Debian's rustc-web helps: it is the one packaged
# compiler that is new enough and comes with its library sources, from which cargo builds the standard library of the
# target. What is needed of it is unpacked beside the system, never installed over it.
#
# Wine 8 lacks bcryptprimitives.dll, which Rust's standard library asks for random numbers: a stand-in that asks Wine's
# own source of them is put into the Wine prefix. It is the only thing in there that Wine did not bring.
set -euo pipefail

root=${1:-$(cd "$(dirname "$0")/../.." && pwd)/target/lab/windows}
target=x86_64-pc-windows-gnu
log() { echo "$*" >&2; }
mkdir -p "$root"
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

# need PACKAGE…: installs those of Debian's packages that are missing.
need() {
  local package missing=()
  for package; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  log "installing ${missing[*]}"
  # One at a time: apt-get itself does not wait for another that loads its lists.
  {
    flock 8
    install "${missing[@]}" ||
      { as_root apt-get -qq -o DPkg::Lock::Timeout=600 update >&2 8>&- && install "${missing[@]}"; }
  } 8>"${SIU_APT_LOCK:-$root/apt.lock}"
}
install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 install -y \
    --no-install-recommends "$@" </dev/null >&2 8>&-
}

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

# C and C++ of dependencies (SQLite, the cryptography of TLS), resources, and the linker.
need gcc-mingw-w64-x86-64-posix g++-mingw-w64-x86-64-posix wine wine64

if [ -d "$(rustc --print sysroot)/lib/rustlib/$target" ]; then
  echo "export SIU_BUILD_STD= SIU_WINDOWS_CLIPPY='$(command -v clippy-driver || true)'"
else
  if ! [ -e "$root/ready" ] || ! [ -e "$root/sysroot/usr/bin/clippy-driver" ]; then
    log "unpacking rustc with its library sources"
    rm -rf "$root/sysroot" "$root/deb"
    mkdir -p "$root/deb" "$root/sysroot"
    # Exact names: a dependency of libstd-rust-web-dev carries the version in its name.
    runtime=$(apt-cache depends libstd-rust-web-dev | awk '/Depends: libstd-rust-web-1/ {print $2; exit}')
    llvm=$(apt-cache depends "$runtime" | awk '/Depends: libllvm/ {print $2; exit}')
    # What LLVM itself is linked with.
    need libedit2 libffi8 libxml2 libz3-4 libzstd1 zlib1g
    unpack rustc-web './usr/bin/rustc'
    unpack rust-web-clippy './usr/bin/clippy-driver'
    unpack "$runtime" './usr/lib/*/*.so'
    unpack "$llvm" './usr/lib/*/libLLVM*'
    unpack libstd-rust-web-dev './usr/lib/rustlib/*/lib'
    unpack rust-web-src './usr/lib/rustlib/src' './usr/src/*/library'
    rmdir "$root/deb"
    touch "$root/ready"
  fi
  for program in rustc clippy-driver; do
    # A wrapper, so that the compiler's own libraries do not leak into every other program.
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%q exec %q "$@"\n' "$root/sysroot/usr/lib/x86_64-linux-gnu" \
      "$root/sysroot/usr/bin/$program" >"$root/$program.new"
    chmod +x "$root/$program.new"
    # As it is, it is known to cargo, which would otherwise ask it anew who it is.
    if cmp -s "$root/$program.new" "$root/$program"; then rm "$root/$program.new"; else mv "$root/$program.new" "$root/$program"; fi
  done
  # The option is an unstable one of cargo's; the packaged compiler is told to let it pass.
  echo "export RUSTC='$root/rustc' RUSTC_BOOTSTRAP=1 SIU_BUILD_STD='-Z build-std=std,panic_unwind'"
  echo "export SIU_WINDOWS_CLIPPY='$root/clippy-driver'"
fi

if ! [ -e "$root/prefix/ready" ]; then
  log "making a Wine prefix"
  rm -rf "$root/prefix"
  mkdir -p "$root/prefix"
  export WINEPREFIX=$root/prefix WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml="
  timeout 300 wine wineboot -i >/dev/null 2>&1 || log "wineboot ended with status $?"
  # A Windows that the programs are made for; Wine 8 would be Windows 7.
  timeout 60 wine reg add 'HKCU\Software\Wine' /v Version /d win10 /f >/dev/null 2>&1 || log "Wine stays Windows 7"
  timeout 60 wineserver -w || wineserver -k || true
  system=$root/prefix/drive_c/windows/system32
  [ -d "$system" ] || { log "Wine made no prefix"; exit 1; }
  # Wine copies its libraries into every prefix, 600 MB of them. Links do, and never again does it write there.
  echo disable >"$root/prefix/.update-timestamp"
  find "$system" -maxdepth 1 -type f -printf '%f\n' | while IFS= read -r file; do
    for own in /usr/lib/*/wine/x86_64-windows/"$file"; do
      if cmp -s "$own" "$system/$file"; then ln -sf "$own" "$system/$file"; fi
    done
  done
  if ! [ -e "$system/bcryptprimitives.dll" ]; then
    cat >"$root/bcryptprimitives.c" <<'C'
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length)
{ return SystemFunction036(data, (ULONG)length); }
C
    x86_64-w64-mingw32-gcc-posix -shared -s -o "$system/bcryptprimitives.dll" "$root/bcryptprimitives.c" -ladvapi32
    rm "$root/bcryptprimitives.c"
  fi
  touch "$root/prefix/ready"
fi

cat <<ENVIRONMENT
export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=x86_64-w64-mingw32-gcc-posix
export CC_x86_64_pc_windows_gnu=x86_64-w64-mingw32-gcc-posix
export CXX_x86_64_pc_windows_gnu=x86_64-w64-mingw32-g++-posix
export AR_x86_64_pc_windows_gnu=x86_64-w64-mingw32-ar
export WINEPREFIX='$root/prefix' WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml='
ENVIRONMENT

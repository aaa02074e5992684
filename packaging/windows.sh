#!/bin/bash
# Makes the packages for Windows, x64, on Debian: installer, portable zip, bill of materials, checksums.
#
#   packaging/windows.sh                  builds both programs as a release and packs them
#   packaging/windows.sh --built PROFILE  packs what was built with that profile of cargo for x86_64-pc-windows-gnu
#   packaging/windows.sh --out FOLDER     puts them there; default: target/packages
#
# Needs Debian's nsis, zip, mingw-w64 and Python 3.11 with venv, and a compiler for Windows (tests/lab/windows-toolchain.sh)
# to build.
set -euo pipefail
cd "$(dirname "$0")/.."
. packaging/common.sh

target=x86_64-pc-windows-gnu
profile=release out=$PWD/target/packages built=
while [ $# -gt 0 ]; do
  case $1 in
    --built) profile=$2 built=yes && shift 2 ;;
    --out) out=$(realpath -m "$2") && shift 2 ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0" && exit 2 ;;
  esac
done
if [ -z "$built" ]; then
  environment=$(tests/lab/windows-toolchain.sh "$PWD/target/lab/windows")
  eval "$environment"
  # shellcheck disable=SC2086 # several words, or none
  cargo build --locked --profile "$profile" --target $target ${SIU_BUILD_STD:-} --bin siu-updater --bin siu-panel
fi
folder=target/$target/$(folder_of "$profile")
programs=$PWD/target/packaging/windows
# A release keeps its symbols, for traces of what broke; elsewhere they are most of the program.
strip=--strip-debug
[ "$profile" = release ] || strip=--strip-all
rm -rf "$programs"
mkdir -p "$programs" "$out"
for program in siu-updater.exe siu-panel.exe; do
  [ -e "$folder/$program" ] || fail "$folder/$program is not built"
  x86_64-w64-mingw32-strip $strip -o "$programs/$program" "$folder/$program"
done
sed 's/$/\r/' packaging/windows/README.txt >"$programs/README.txt"
{
  echo "Sent Items Update is licensed under either of these, at your option."
  printf '\n\n' && cat LICENSE-MIT
  printf '\n\n' && cat LICENSE-APACHE
} | sed 's/$/\r/' >"$programs/licenses.txt"
packaging/notices.py $target | sed 's/$/\r/' >"$programs/third-party.txt"
bill $target "$programs/sent-items-update.cdx.json"

name=sent-items-update-$version-windows-x64
fast=()
[ "$profile" = release ] || fast=(-DFAST)
makensis -V2 -NOCD -WX "${fast[@]}" "-DVERSION=$version" "-DPROGRAMS=$programs" "-DOUT=$out/$name-setup.exe" \
  packaging/windows/setup.nsi

find "$programs" -type f -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
level=-9
[ "$profile" = release ] || level=-1
rm -f "$out/$name.zip"
(cd "$programs" && find . -type f -printf '%P\n' | sort | zip -q -X $level "$out/$name.zip" -@)
cp "$programs/sent-items-update.cdx.json" "$out/$name.cdx.json"
checksums "$out"

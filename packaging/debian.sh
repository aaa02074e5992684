#!/bin/bash
# Makes the Debian package: sent-items-update_VERSION_ARCHITECTURE.deb, its bill of materials, and checksums.
#
#   packaging/debian.sh                  builds both programs as a release and packs them
#   packaging/debian.sh --built PROFILE  packs what was built with that profile of cargo, the same features (gssapi) given
#   packaging/debian.sh --out FOLDER     puts it there; default: target/packages
#
# Who makes the package is its maintainer, as everywhere on Debian: DEBFULLNAME, DEBEMAIL.
#
# Needs Debian or Ubuntu with dpkg-dev, and libkrb5-dev and libclang-dev to build; Python 3.11 with venv. cargo-deb
# is taken from the path, or built once into target/lab/tools.
set -euo pipefail
cd "$(dirname "$0")/.."
. packaging/common.sh

profile=release out=$PWD/target/packages built=
while [ $# -gt 0 ]; do
  case $1 in
    --built) profile=$2 built=yes && shift 2 ;;
    --out) out=$(realpath -m "$2") && shift 2 ;;
    *) sed -n '2,11s/^# \{0,1\}//p' "$0" && exit 2 ;;
  esac
done
folder=target/$(folder_of "$profile")
[ -n "$built" ] || cargo build --locked --profile "$profile" --features gssapi --bin siu-updater --bin siu-panel
for program in siu-updater siu-panel; do
  [ -x "$folder/$program" ] || fail "$folder/$program is not built"
done

mkdir -p "$out"
rm -rf "$files"
"$folder/siu-updater" package-files "$files"
architecture=$(dpkg --print-architecture)
host=$(rustc -vV | sed -n 's/^host: //p')
bill "$host" "$files/sent-items-update.cdx.json"
packaging/notices.py "$host" | gzip -9 -n >"$files/third-party.txt.gz"
maintainer="${DEBFULLNAME:-The Sent Items Update authors} <${DEBEMAIL:-root@localhost}>"
packaging/changelog.py "$version" "$maintainer" | gzip -9 -n >"$files/changelog.gz"

# What was not built for speed is not packed for size, either.
compression=(--compress-system --compress-type xz)
[ "$profile" = release ] || compression=(--compress-system --compress-type gz --fast)
"$(tool cargo-deb 3.8.0)" --no-build --profile "$profile" --deb-revision= --maintainer "$maintainer" --locked --offline --strip "${compression[@]}" \
  --output "$out/sent-items-update_${version}_$architecture.deb"
cp "$files/sent-items-update.cdx.json" "$out/sent-items-update_${version}_$architecture.cdx.json"
checksums "$out"

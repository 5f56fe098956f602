#!/bin/sh
# deb.sh OUT: Debian packages of this checkout into OUT/packages, by debhelper in a source tree that is laid out there, and
# lintian's word on them: an error or a warning of lintian's fails.  Run by `make deb`, as root or not, from any folder.
# The checkout is only read.  Nothing is fetched but what the console is built with, where tools/deps.sh has not before.
#
# VERSION=0.1.0 is the packages' version; else it is that of CHANGELOG.md, while unreleased with the time and name of
# the commit behind it, so that a later build is an update of an earlier one and the release one of all of them.
# DEBFULLNAME and DEBEMAIL, for whoever publishes them, are the maintainer.
set -eu
cd "$(dirname "$0")/../.."
root=$(pwd)
mkdir -p "$1/packages"
out=$(cd "$1/packages" && pwd)
# Two at once in one checkout: one after the other.
exec 9>"$out/lock" && flock 9

say() { printf '  %-5s %s\n' "$1" "$2"; }

newest=$(sed -n 's/^## //p' CHANGELOG.md | head -n 1)
version=${VERSION:-${newest%% *}}
# A folder of somebody else's checkout is none of ours, even below it.
if commit=$(git log -1 --format=%h 2>/dev/null) && [ "$(git rev-parse --show-prefix)" = '' ]; then
    SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
else
    commit=
    SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(stat -c %Y CHANGELOG.md)}
fi
export SOURCE_DATE_EPOCH
case ${VERSION:+set}$newest in
    set*) ;;
    *unreleased*) version=$version~$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d.%H%M%S)${commit:+.$commit} ;;
esac

tree=$out/mod-saas-$version
rm -rf "$out"/mod-saas-* "$out"/*mod-saas[-_]*_*
mkdir -p "$tree/build"
cp -R mod_saas plugins conf sql docs tools apxs.mk Makefile README.md CHANGELOG.md LICENSE "$tree/"
cp -R tools/packages/debian "$tree/debian"
# What the console is built with was fetched for this checkout.
[ ! -d build/console-npm ] || ln -s "$root/build/console-npm" "$tree/build/console-npm"

maintainer="${DEBFULLNAME:-mod_saas maintainers} <${DEBEMAIL:-maintainers@mod-saas.invalid}>"
sed -i "s|^Maintainer: .*|Maintainer: $maintainer|" "$tree/debian/control"
cat > "$tree/debian/changelog" <<EOF
mod-saas ($version) unstable; urgency=medium

  * mod_saas ${newest%% *}${commit:+, commit $commit}: see CHANGELOG.md.

 -- $maintainer  $(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")
EOF

# Build dependencies are what tools/deps.sh installs; node and npm may come from elsewhere than Debian (-d).
say DEB "mod-saas $version (log: $out/build.log)"
(cd "$tree" && env -u CFLAGS -u CPPFLAGS -u LDFLAGS -u MAKEFLAGS -u MAKELEVEL -u DESTDIR LC_ALL=C.UTF-8 \
    dpkg-buildpackage -b -d -us -uc -j2) >"$out/build.log" 2>&1 || {
    tail -n 30 "$out/build.log" >&2
    echo "the packages were not built; see $out/build.log" >&2
    exit 1
}
say LINT "mod-saas $version"
lintian --allow-root --fail-on error,warning --tag-display-limit 0 "$out"/mod-saas_*.changes
rm -rf "$tree"
for package in "$out"/*.deb; do say '' "$package"; done

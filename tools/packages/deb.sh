#!/bin/sh
# deb.sh OUT: Debian packages of this checkout into OUT/packages, by debhelper in a source tree that is laid out there, and
# lintian's word on them: an error or a warning of lintian's fails.  Run by `make deb`, as root or not, from any folder.
# Nothing is fetched: tools/deps.sh has brought what the console is built with.
set -eu
cd "$(dirname "$0")/../.."
set -- "$1/packages"
. tools/packages/tree.sh

tree=$out/mod-saas-$version
rm -rf "$out"/mod-saas-* "$out"/*mod-saas[-_]*_*
lay_out "$tree"
cp -R tools/packages/debian "$tree/debian"
# What the console is built with was fetched for this checkout.
[ ! -d build/console-npm ] || ln -s "$root/build/console-npm" "$tree/build/console-npm"

sed -i "s|^Maintainer: .*|Maintainer: $maintainer|" "$tree/debian/control"
cat > "$tree/debian/changelog" <<EOF
mod-saas ($version) unstable; urgency=medium

  * mod_saas ${newest%% *}${commit:+, commit $commit}: see CHANGELOG.md.

 -- $maintainer  $(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")
EOF

# Build dependencies are what tools/deps.sh installs; node and npm may come from elsewhere than Debian (-d).
say DEB "mod-saas $version (log: $out/build.log)"
(cd "$tree" && alone dpkg-buildpackage -b -d -us -uc -j2) >"$out/build.log" 2>&1 || {
    tail -n 30 "$out/build.log" >&2
    echo "the packages were not built; see $out/build.log" >&2
    exit 1
}
say LINT "mod-saas $version"
lintian --allow-root --fail-on error,warning --tag-display-limit 0 "$out"/mod-saas_*.changes
rm -rf "$tree"
for package in "$out"/*.deb; do say '' "$package"; done

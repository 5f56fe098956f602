#!/bin/sh
# rpm.sh OUT: RPM packages of this checkout into OUT/rpm, by rpmbuild in a source tree that is laid out there, and rpmlint's
# word on the spec: an error or a warning fails but for those of mod_saas.rpmlintrc.  Run by `make rpm`, as root or not.
# Nothing is fetched.  Where rpm is a guest (Debian) its database knows no build dependencies, and they are not asked for.
set -eu
cd "$(dirname "$0")/../.."
set -- "$1/rpm"
. tools/packages/tree.sh
shift

spec=tools/packages/mod_saas.spec
say LINT "$spec"
rpmlint --strict --rpmlintrc tools/packages/mod_saas.rpmlintrc "$spec" >"$out/lint.log" 2>&1 || { cat "$out/lint.log" >&2; exit 1; }
[ -d build/console-npm/node_modules ] || { echo 'build/console-npm is missing: run make deps' >&2; exit 1; }

rm -rf "$out/SOURCES" "$out/BUILD" "$out/BUILDROOT" "$out/RPMS"
mkdir -p "$out/SOURCES"
name=mod_saas-$version
lay_out "$out/$name"
tar -C "$out" -czf "$out/SOURCES/$name.tar.gz" "$name"
rm -rf "${out:?}/$name"
tar -czf "$out/SOURCES/$name-npm.tar.gz" build/console-npm

say RPM "$name (log: $out/build.log)"
[ ! -e /etc/debian_version ] || set -- --nodeps
alone rpmbuild -bb "$@" --define "_topdir $out" --define "saas_version $version" "$spec" >"$out/build.log" 2>&1 || {
    tail -n 30 "$out/build.log" >&2
    echo "the packages were not built; see $out/build.log" >&2
    exit 1
}
rm -rf "$out/SOURCES" "$out/BUILD" "$out/BUILDROOT"
for package in "$out"/RPMS/*/*.rpm; do say '' "$package"; done

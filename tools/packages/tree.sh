# Sourced by deb.sh and rpm.sh, with the folder for what is built as $1: the version of the packages, and the source tree that
# they are built from.  The checkout is only read.
#
# VERSION=0.1.0 is the packages' version; else it is that of CHANGELOG.md, while unreleased with the time and name of
# the commit behind it, so that a later build is an update of an earlier one and the release one of all of them.
# DEBFULLNAME and DEBEMAIL, for whoever publishes them, are the maintainer.

root=$(pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
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
maintainer="${DEBFULLNAME:-mod_saas maintainers} <${DEBEMAIL:-maintainers@mod-saas.invalid}>"

# lay_out TREE: what the packages are made of, and nothing else of the checkout.
lay_out() {
    rm -rf "$1"
    mkdir -p "$1/build"
    cp -R mod_saas plugins conf sql docs tools apxs.mk Makefile README.md CHANGELOG.md LICENSE "$1/"
}

# alone COMMAND…: without what a make around us has set.
alone() {
    env -u CFLAGS -u CPPFLAGS -u LDFLAGS -u MAKEFLAGS -u MAKELEVEL -u DESTDIR LC_ALL=C.UTF-8 "$@"
}

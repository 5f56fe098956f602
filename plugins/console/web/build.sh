#!/bin/sh
# build.sh OUT: the console's files into OUT/console, by build.mjs. Without npm, or without what it would have to fetch,
# it says so in one line and leaves the console out; what does not compile fails.
set -eu
cd "$(dirname "$0")/../../.."
out=$1 web=plugins/console/web npm=build/console-npm

left_out() {
    echo "console: $1; everything else is built (see docs/console.md)" >&2
    exit 0
}

command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 \
    || left_out 'it is built with node and npm, and they are not here: the console is left out'
if [ ! -d $npm/node_modules/preact ] || ! cmp -s $web/package-lock.json $npm/package-lock.json; then
    mkdir -p $npm
    cp $web/package.json $web/package-lock.json $npm/
    (cd $npm && npm ci --ignore-scripts --no-audit --no-fund --silent) >build/npm.log 2>&1 || {
        rm -f $npm/package-lock.json
        left_out 'npm could not install what it is built with (build/npm.log): the console is left out'
    }
fi
# The checkout is left alone: node and the compiler look for modules beside the sources.
work=$out/obj/console
rm -rf "$work"
mkdir -p "$work"
cp -R $web/src $web/index.html $web/build.mjs $web/tsconfig.json $web/package.json "$work/"
ln -s "$(pwd)/$npm/node_modules" "$work/node_modules"
node "$work/build.mjs" docs/openapi "$out/console"

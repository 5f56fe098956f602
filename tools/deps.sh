#!/bin/sh
# Installs what building, the demo and the tests need, once, and the packages
# that are named besides.  Quick and silent when nothing is missing.  On a system
# without apt it lists what to install.
set -eu
cd "$(dirname "$0")/.."

packages='gcc make pkg-config apache2-bin apache2-dev apache2-utils libaprutil1-dbd-pgsql libaprutil1-dbd-sqlite3
libapache2-mod-auth-openidc libpq-dev libsqlite3-dev libjansson-dev libargon2-dev libidn2-dev libcurl4-openssl-dev libcsv-dev libglib2.0-dev libssl-dev libunbound-dev libldns-dev libpsl-dev dns-root-data publicsuffix libyajl-dev zlib1g-dev tzdata postgresql postgresql-client sqlite3
check curl ca-certificates openssl procps util-linux python3 python3-argon2 python3-bcrypt python3-django python3-dnspython python3-cryptography python3-pytest python3-pytest-xdist python3-requests python3-psycopg2 python3-aiosmtpd
python3-jsonschema python3-prometheus-client redis-tools groff-base iproute2 gdb nginx haproxy caddy varnish prometheus pgbouncer chromium sslscan testssl.sh poppler-utils faketime'" $*"

if command -v dpkg-query >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1; then
    missing=
    for package in $packages; do
        case $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true) in
            installed) ;;
            *) missing="$missing $package" ;;
        esac
    done
    # Whoever provides node and npm already has them.
    command -v node >/dev/null 2>&1 || missing="$missing nodejs"
    command -v npm >/dev/null 2>&1 || missing="$missing npm"
    if [ -n "$missing" ]; then
        echo "Installing:$missing"
        root=
        if [ "$(id -u)" != 0 ]; then
            command -v sudo >/dev/null 2>&1 || {
                echo "Not root and no sudo here. As root: apt-get install$missing" >&2
                exit 1
            }
            root=sudo
        fi
        # The tests make their own PostgreSQL clusters; none is wanted at boot.
        if ! dpkg-query -W -f='${db:Status-Status}' postgresql-common 2>/dev/null | grep -q '^installed'; then
            $root mkdir -p /etc/postgresql-common/createcluster.d
            echo 'create_main_cluster = false' | $root tee /etc/postgresql-common/createcluster.d/no-main.conf >/dev/null
        fi
        # Neither is any other server started or left to be started: the tests start their own.
        services=$(for package in $missing; do case $package in nginx|haproxy|caddy|varnish|prometheus|pgbouncer) echo "$package" ;; esac; done)
        policy=/usr/sbin/policy-rc.d
        if [ -n "$services" ] && [ ! -e "$policy" ]; then
            printf '#!/bin/sh\nexit 101\n' | $root tee "$policy" >/dev/null
            $root chmod 755 "$policy"
            trap '$root rm -f "$policy"' EXIT
            trap 'exit 1' INT TERM
        fi
        mkdir -p build
        # Several checkouts on one machine may get here at once.
        for try in 1 2 3; do
            if { $root apt-get update -q && $root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
                install -y -q --no-install-recommends $missing; } >build/deps.log 2>&1; then
                break
            fi
            [ "$try" -lt 3 ] || { tail -n 20 build/deps.log >&2; echo "apt-get failed; see build/deps.log" >&2; exit 1; }
            sleep 5
        done
        if [ -n "$services" ] && command -v systemctl >/dev/null 2>&1; then
            $root systemctl disable -q $services >/dev/null 2>&1 || true
        fi
    fi
else
    missing=
    for program in gcc make pkg-config apxs httpd pg_config initdb psql sqlite3 curl openssl python3 pytest node npm; do
        command -v "$program" >/dev/null 2>&1 || missing="$missing $program"
    done
    for library in libpq sqlite3 jansson libargon2 libidn2 libcurl libcrypto glib-2.0 libunbound ldns libpsl check; do
        pkg-config --exists "$library" 2>/dev/null || missing="$missing $library(headers)"
    done
    [ -z "$missing" ] || {
        echo "This is no Debian; install by hand:$missing" >&2
        echo "and Python's requests, psycopg2, dnspython, cryptography, jsonschema, prometheus_client, aiosmtpd, argon2, bcrypt, Django and pytest-xdist, Redis, gdb, nginx, HAProxy, Caddy, Varnish, Prometheus (promtool), PgBouncer, Chromium, sslscan, testssl.sh, poppler-utils, apr-util's drivers for PostgreSQL and SQLite." >&2
        exit 1
    }
fi

# npm_install FOLDER TARGET PACKAGE: what FOLDER pins, into build/TARGET, unless that is there, PACKAGE and all.
npm_install() {
    [ ! -d "build/$2/node_modules/$3" ] || ! cmp -s "$1/package-lock.json" "build/$2/package-lock.json" || return 0
    mkdir -p "build/$2"
    cp "$1/package.json" "$1/package-lock.json" "build/$2/"
    (cd "build/$2" && npm ci --ignore-scripts --no-audit --no-fund --silent) >build/npm.log 2>&1 || {
        rm -f "build/$2/package-lock.json"
        cat build/npm.log >&2
        echo "npm could not install $3; see build/npm.log" >&2
        exit 1
    }
}

# What the console is built with.
npm_install plugins/console/web console-npm preact
# Stripe's official client, for the test that holds the sandbox to it.
npm_install tests/sandbox/npm npm stripe
# What drives Debian's Chromium in the tests of what a person sees, what builds a frontend for them, and what looks for barriers.
npm_install tests/browser/npm browser axe-core
# What receivers of outgoing webhooks verify them with.
npm_install tests/api/npm npm-webhooks standardwebhooks
# MDN's HTTP Observatory, whose verdicts those of audits are compared with.
npm_install tests/api/observatory/npm observatory @mdn/mdn-http-observatory

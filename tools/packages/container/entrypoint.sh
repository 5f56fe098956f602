#!/bin/sh
# mod-saas serve | migrate | saasctl …: what the container does.  Never as root, and nothing secret in a command line.
set -eu

# A folder of /run may be a new, empty one.
mkdir -p /run/apache2 /run/lock

case $SAAS_DB_DRIVER in
    sqlite3) SAASCTL_DB=${SAASCTL_DB:-sqlite:$SAAS_DB_PARAMS} ;;
    pgsql)
        # libpq takes a file of passwords that is its user's alone, and what is mounted seldom is.
        if [ -r /run/secrets/pgpass ]; then
            install -m 600 /run/secrets/pgpass /run/apache2/pgpass
            export PGPASSFILE=/run/apache2/pgpass
        fi
        SAASCTL_DB=${SAASCTL_DB:-pgsql:$SAAS_DB_PARAMS}
        ;;
    *) echo "mod-saas: SAAS_DB_DRIVER is sqlite3 or pgsql, not '$SAAS_DB_DRIVER'" >&2; exit 2 ;;
esac
export SAASCTL_DB

case ${1:-} in
    serve) exec apache2 -DFOREGROUND ;;
    migrate) exec saasctl "$@" ;;
    saasctl) exec "$@" ;;
    *) echo "usage: mod-saas serve | migrate [--plan] | saasctl COMMAND" >&2; exit 2 ;;
esac

#!/bin/sh
# Runs every part of the tests, goes on after a failure, and ends with totals.
# Output of a part stands in build/test/<part>.log as well. `run.sh check`: the
# inner loop alone, unit tests, guards and the tests marked as smoke.
set -u
cd "$(dirname "$0")/.."
out=build/test
python=${PYTHON:-/usr/bin/python3}
[ -x "$python" ] || python=python3
mkdir -p "$out"
passed=0 failed=0 skipped=0 broken=

# part NAME COMMAND…
part() {
    name=$1
    shift
    log=$out/$name.log
    printf '== %s\n' "$name"
    started=$(date +%s)
    { "$@" 2>&1; echo "exit=$?"; } | tee "$log"
    status=$(sed -n 's/^exit=//p' "$log" | tail -n 1)
    # pytest: "3 failed, 40 passed, 1 skipped in 5s"; Check: "100%: Checks: 40, Failures: 0, Errors: 0"
    counts=$(awk '
        /^=* ?([0-9]+ (passed|failed|skipped|error|errors|warnings?|deselected|xfailed|xpassed),? ?)+in / {
            p = f = s = 0
            for (i = 1; i < NF; i++) {
                if ($(i + 1) ~ /^passed/) p = $i
                if ($(i + 1) ~ /^(failed|error)/) f += $i
                if ($(i + 1) ~ /^skipped/) s = $i
            }
        }
        /%: Checks: / {
            match($0, /Checks: [0-9]+/); n = substr($0, RSTART + 8, RLENGTH - 8)
            match($0, /Failures: [0-9]+/); x = substr($0, RSTART + 10, RLENGTH - 10)
            match($0, /Errors: [0-9]+/); y = substr($0, RSTART + 8, RLENGTH - 8)
            p = n - x - y; f = x + y; s = 0
        }
        END { print p + 0, f + 0, s + 0 }' "$log")
    set -- $counts
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
    if [ "$status" != 0 ] || [ "$1" = 0 ]; then
        broken="$broken $name"
        [ "$2" != 0 ] || failed=$((failed + 1))
    fi
    printf -- '-- %s: %s passed, %s failed, %s skipped, %ss\n\n' "$name" "$1" "$2" "$3" "$(($(date +%s) - started))"
}

pytest() {
    "$python" -m pytest -p no:cacheprovider -q -rs "$@"
}

# What a command has said before, and how it ended.
told() {
    sed '/^exit=/d' "$1"
    return "$(sed -n 's/^exit=//p' "$1" | tail -n 1)"
}

# Runs a part beside the next ones, which leave it a core; what it says is told when its turn comes.
beside() {
    name=$1
    shift
    { "$@"; echo "exit=$?"; } > "$out/$name.beside" 2>&1 &
}

# Of four workers two wait at any time, for a server, a clock or a database that is away.
several() {
    pytest -n 4 --dist loadgroup "$@"
}

if [ "${1:-all}" = check ]; then
    # All unit tests in one process, which looks for leaks once and not after each test; beside them the guards, which
    # wait for PostgreSQL half of the time.
    beside unit env CK_FORK=no timeout 300 build/unit/run-unit
    part guards pytest -n 2 --dist loadgroup tests/guards
    wait
    part unit told "$out/unit.beside"
    part smoke pytest -n 2 --dist loadgroup -m smoke tests/api
else
    beside unit build/unit/run-unit
    part guards pytest -n 2 --dist loadgroup tests/guards
    wait
    part unit told "$out/unit.beside"
    beside sandbox pytest tests/sandbox
    beside fuzz pytest tests/fuzz
    part plugin pytest tests/plugins
    wait
    part sandbox told "$out/sandbox.beside"
    part fuzz told "$out/fuzz.beside"
    part api several tests/api
    part ctl several tests/ctl
    part faults several tests/faults
    part browser several tests/browser
fi

[ "$skipped" = 0 ] || grep -h '^SKIPPED' "$out"/*.log
[ -z "$broken" ] || echo "broken:$broken"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ -z "$broken" ]

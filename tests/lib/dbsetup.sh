#!/bin/bash
# Makes a database ready for a test, without ljctl: roles, migrations, functions, event types and roles. Usage: dbsetup.sh DSN_SUPERUSER DBNAME
#   DSN_SUPERUSER  a libpq keyword string without dbname, e.g. "host=/tmp/x user=postgres"; DBNAME is dropped first where it exists.
# Does what `ljctl migrate` does, from the same files in the same order (db/order.txt). A kind that proto/event_types.tsv names but whose
# functions file is not there is left out with a notice: ljctl treats that as an error.
set -euo pipefail
[ $# -eq 2 ] || { echo "usage: dbsetup.sh DSN_SUPERUSER DBNAME" >&2; exit 2; }
dsn=$1 db=$2
root=$(cd "$(dirname "$0")/../.." && pwd)
export PGOPTIONS='-c client_min_messages=warning'

run() { psql -X -q -v ON_ERROR_STOP=1 -d "$dsn dbname=$db" "$@"; }

psql -X -q -v ON_ERROR_STOP=1 -d "$dsn dbname=postgres" \
    -c "drop database if exists \"$db\" with (force)" \
    -c "create database \"$db\" template template0 encoding 'UTF8' locale 'C.UTF-8'"
run -f "$root/db/roles.sql"
for f in "$root"/db/migrations/*.sql; do
    name=$(basename "$f") sum=$(sha256sum "$f" | cut -d' ' -f1)
    run -1 -c 'set session authorization liangjin_migrate' -f "$f" \
        -c "set role liangjin_owner; insert into liangjin.schema_migration (name, checksum) values ('$name', '$sum')"
done

functions=()
listed=$(grep -v '^#' "$root/db/order.txt")
for name in $listed; do
    [ -f "$root/db/functions/$name.sql" ] && functions+=("$name")
done
for f in "$root"/db/functions/*.sql; do
    name=$(basename "$f" .sql)
    grep -qx "$name" <<<"$listed" || functions+=("$name")
done
for name in "${functions[@]}"; do
    run -1 -c 'set session authorization liangjin_migrate' -f "$root/db/functions/$name.sql" || { echo "dbsetup: in $name.sql" >&2; exit 1; }
done

known=$(run -At -c 'select name from liangjin.kind')
{
    echo 'set role liangjin_owner; set search_path = liangjin, pg_catalog;'
    while IFS=$'\x1f' read -r number name origin key class kinds _; do
        [[ -z $number || $number == \#* ]] && continue
        have=
        for k in ${kinds//,/ }; do
            if grep -qx "$k" <<<"$known"; then have+=${have:+,}$k; else echo "dbsetup: left out: kind $k of $name" >&2; fi
        done
        echo "select load_event_type($number::int2, '$name', '$origin', '$key', $class::int2, '{$have}');"
    done < <(tr '\t' '\037' <"$root/proto/event_types.tsv")  # tabs would be taken together around an empty field
    pairs=$(grep -v '^#' "$root/proto/event_roles.tsv")
    echo "select load_event_roles(array['$(cut -f1 <<<"$pairs" | paste -sd'~' | sed "s/~/','/g")'], array['$(cut -f2 <<<"$pairs" | paste -sd'~' | sed "s/~/','/g")']);"
} | run -1 -o /dev/null

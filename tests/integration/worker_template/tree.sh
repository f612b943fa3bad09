#!/bin/bash
# Adds the kind "greeting" to a copy of the tree as workers/template/README.md says, takes it away again, and builds the worker program.
#   tree.sh copy DIR    make DIR/src from this tree: what the worker program and the database need
#   tree.sh add DIR     steps 1 to 3 of the README, then the build
#   tree.sh remove DIR  takes them back, then the build
# The program is DIR/build/workers/liangjin-worker.
set -euo pipefail
[ $# -eq 2 ] || { echo "usage: tree.sh copy|add|remove DIR" >&2; exit 2; }
root=$(cd "$(dirname "$0")/../../.." && pwd)
src=$2/src

build() {
    cmake -S "$src" -B "$2/build" -G "${LJ_GENERATOR:-Ninja}" -DCMAKE_BUILD_TYPE=Debug -DLJ_TESTS=OFF -DLJ_WERROR=ON >"$2/cmake.log" 2>&1 \
        || { tail -20 "$2/cmake.log" >&2; return 1; }
    cmake --build "$2/build" --target liangjin-worker --parallel 2 >"$2/build.log" 2>&1 || { tail -40 "$2/build.log" >&2; return 1; }
}

case $1 in
copy)
    mkdir -p "$src/tests"
    cp -a "$root/CMakeLists.txt" "$root/cmake" "$root/common" "$root/proto" "$root/workers" "$root/db" "$src/"
    cp -a "$root/tests/lib" "$src/tests/"
    ;;
add)
    sed 's/template/greeting/g' "$src/workers/template/template.c" >"$src/workers/greeting.c"
    sed -e 's/template/greeting/g' -e 's/(90,/(91,/' "$src/workers/template/template.sql" >"$src/db/functions/greeting.sql"
    cp -a "$src/proto/event_types.tsv" "$2/event_types.before"
    awk -F'\t' -v OFS='\t' '$2 == "feedback.received" { $6 = $6 ($6 == "" ? "" : ",") "greeting" } { print }' "$2/event_types.before" \
        >"$src/proto/event_types.tsv"
    build "$@"
    ;;
remove)
    rm "$src/workers/greeting.c" "$src/db/functions/greeting.sql"
    cp -a "$2/event_types.before" "$src/proto/event_types.tsv"
    build "$@"
    ;;
*)
    echo "tree.sh: what is $1?" >&2
    exit 2
    ;;
esac

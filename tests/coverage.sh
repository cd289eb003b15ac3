#!/usr/bin/env bash
# coverage.sh [CTEST ARGUMENT...]: which branches of daemon/ the tests take. Builds with gcov
# into build/coverage, runs the tests (default: label ci, but for those that build nothing of
# the daemon, and fault injection with every call), and prints a table by folder, the branches
# never taken by file, and a total.
#
#   tests/coverage.sh                       # about as long as ./bootstrap test
#   tests/coverage.sh -R 'unit/|night/'     # some of them
#   COVERAGE_LINES=engine/engine.c tests/coverage.sh -N   # the lines of one file, from before
#
# Without optimisation, so that a branch is one of the source; functions that are inlined by
# force into each of their callers are compiled once, so that their branches count once.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
build=${COVERAGE_BUILD:-$here/build/coverage}
mkdir -p "$build"
cmake -G Ninja -S "$here" -B "$build" -DCMAKE_BUILD_TYPE=Debug \
    -DCMAKE_C_FLAGS="--coverage -O0 -Dalways_inline=unused -fprofile-update=atomic" \
    -DCMAKE_CXX_FLAGS="--coverage -O0 -fprofile-update=atomic" \
    ${CMAKE_C_COMPILER_LAUNCHER:+-DCMAKE_C_COMPILER_LAUNCHER=$CMAKE_C_COMPILER_LAUNCHER} \
    ${CMAKE_CXX_COMPILER_LAUNCHER:+-DCMAKE_CXX_COMPILER_LAUNCHER=$CMAKE_CXX_COMPILER_LAUNCHER} \
    >"$build.log" 2>&1 || { cat "$build.log"; exit 1; }
# shellcheck disable=SC2086 # a list of targets
ninja -C "$build" ${COVERAGE_TARGETS:-all} | tail -1
if [ $# -eq 0 ]; then
    set -- -L 'ci|coverage' -E 'style/|package/|training/|rtl/|fpga/|bench/|bootstrap|failing/calls'
fi
case " $* " in *" -N "*) ;; # the data of the last run
*) find "$build" -name '*.gcda' -delete ;;
esac
ctest --test-dir "$build" "$@" --output-on-failure | tail -5 || true
exec "${PYTHON:-/usr/bin/python3}" "$here/tests/coverage.py" "$build" ${COVERAGE_LINES:-}

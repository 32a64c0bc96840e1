# For scripts that feed the program what it must refuse. Sourced with the script's arguments: PROGRAM [--valgrind].
# Under valgrind a leak or an invalid access is a failure too.
set -uo pipefail
program=$(realpath "$1")
wrapper=()
if [ "${2-}" = --valgrind ]; then
    if ! command -v valgrind >/dev/null; then
        echo "SKIPPED: valgrind is not installed: apt-get install valgrind"
        exit 77
    fi
    wrapper=(valgrind --quiet --leak-check=full --show-leak-kinds=all --errors-for-leak-kinds=all --error-exitcode=99
        --suppressions="$(realpath "$(dirname "$0")")/valgrind.supp")
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0 cases=0

# refuses EXPECTED ARGUMENT...: exit 2, nothing on stdout, one line on stderr that begins with EXPECTED, an extended
# regular expression.
refuses() {
    local expected=$1 code
    shift
    "${wrapper[@]}" "$program" "$@" >out 2>err </dev/null
    code=$?
    cases=$((cases + 1))
    if [ $code -ne 2 ] || [ -s out ] || [ "$(wc -l <err)" -ne 1 ] || ! grep -qE "^$expected" err; then
        failures=$((failures + 1))
        echo "FAILED ingot $*: exit $code instead of 2, $(wc -c <out) bytes on stdout, expected '$expected' on stderr:"
        head -c 2000 err
    fi
}

# Valgrind is slow: what differs little is left to the run without.
under_valgrind() {
    [ ${#wrapper[@]} -gt 0 ]
}

finish() {
    echo "$cases cases, $failures failures"
    [ $failures -eq 0 ]
    exit
}

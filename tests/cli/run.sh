#!/usr/bin/env bash
# Runs one case of the command line: run.sh PROGRAM JSON_CHECK CASE.sh
#
# The case runs in an empty directory with `ingot`, `json_check` and `report_check` (tests/*.c) on its PATH, and $SOURCE, the
# source tree. What it prints is compared with the files beside it:
#   CASE.stdout, CASE.stderr   line by line: equal, or after "~ " an extended regular expression for the whole line, or
#                              a line "..." for any number of lines. A missing file: nothing may be printed.
#   CASE.exit                  the exit code; 0 when missing
# A case that exits 77 is skipped. To accept what a case prints now, write its files by hand: they are few lines.
set -uo pipefail
program=$(realpath "$1") json_check=$(realpath "$2") script=$(realpath "$3")
expected=${script%.sh}
export SOURCE=$(realpath "$(dirname "$0")/../..")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/here"
ln -s "$program" "$work/bin/ingot"
ln -s "$json_check" "$work/bin/json_check"
ln -s "$(dirname "$json_check")/report_check" "$work/bin/report_check"
cd "$work/here" || exit 1
PATH=$work/bin:$PATH bash -u "$script" >"$work/stdout" 2>"$work/stderr" </dev/null
code=$?
[ $code -eq 77 ] && cat "$work/stdout" "$work/stderr" && exit 77

# Whether the file $2 says what the expectations in $1 ask for.
agrees() {
    awk -v expectations="$1" '
        BEGIN { while ((getline line < expectations) > 0) want[++wants] = line }
        function fits(pattern, line) {
            if (substr(pattern, 1, 2) == "~ ")
                return line ~ ("^(" substr(pattern, 3) ")$")
            return line == pattern
        }
        { got[NR] = $0 }
        END {
            at = 1
            for (i = 1; i <= wants; i++) {
                if (want[i] == "...") {
                    any = 1
                    continue
                }
                while (any && at <= NR && !fits(want[i], got[at]))
                    at++
                if (at > NR || !fits(want[i], got[at])) {
                    printf "expected: %s\n     got: %s\n", want[i], at > NR ? "(nothing)" : got[at]
                    exit 1
                }
                at++
                any = 0
            }
            if (at <= NR && !any) {
                printf "more than expected: %s\n", got[at]
                exit 1
            }
        }' "$2"
}

failed=0
wanted=0
[ -e "$expected.exit" ] && wanted=$(<"$expected.exit")
if [ "$code" -ne "$wanted" ]; then
    echo "exit $code, expected $wanted"
    failed=1
fi
for stream in stdout stderr; do
    want=$expected.$stream
    [ -e "$want" ] || want=/dev/null
    if ! agrees "$want" "$work/$stream"; then
        echo "$stream of $(basename "$script") was:"
        head -c 4000 "$work/$stream"
        failed=1
    fi
done
exit $failed

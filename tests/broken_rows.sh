#!/usr/bin/env bash
# Broken operator rows, measured steps and command lines: exit 2, one line on stderr, nothing on stdout or on disk.
# usage: broken_rows.sh PROGRAM [--valgrind]
source "$(dirname "$0")/broken_lib.sh"

# ---- rows: CSV ----
rows() { # NAME EXPECTED; text from stdin
    cat >"$1.csv"
    refuses "$1\.csv:$2" predict "$1.csv" --machine h200-sxm
    under_valgrind || refuses "$1\.csv:$2" validate "$1.csv" --machine h200-sxm
}
header=op,dtype,m,n,k,measured_us
rows too-few "2:13: row has 4 fields, the header has 6" <<<"$header"$'\n'"gemm,bf16,1,2"
rows too-many "2:[0-9]+: row has 7 fields" <<<"$header"$'\n'"gemm,bf16,1,2,3,4,5"
rows not-a-number "2:13: .*'x'" <<<"$header"$'\n'"gemm,bf16,1,x,3,1"
rows half-a-row "2:15: .*3\.5" <<<"$header"$'\n'"gemm,bf16,1,4,3.5,1"
rows unknown-op "2:1: .*gemmm.*gemm" <<<"$header"$'\n'"gemmm,bf16,1,4,3,1"
rows unknown-dtype "2:6: .*bf61.*bf16" <<<"$header"$'\n'"gemm,bf61,1,4,3,1"
rows negative "2:11: .*-1" <<<"$header"$'\n'"gemm,bf16,-1,4,3,1"
rows blank-size "2:[0-9]+: .*k" <<<"$header"$'\n'"gemm,bf16,1,4,,1"
rows too-large "2:11: .*1e13.*at most 1e\+12" <<<"$header"$'\n'"gemm,bf16,1e13,4,3,1"
rows overflow "2:11: .*" <<<"$header"$'\n'"gemm,bf16,99999999999999999999,4,3,1"
rows open-quote "2:11: .*" <<<"$header"$'\n'"gemm,bf16,\"1,4,3,1"
rows column-twice "1:12: .*'m'" <<<"op,dtype,m,m,k"$'\n'"gemm,bf16,1,4,3"
rows no-op-column "1:1: .*op" <<<"dtype,m,n,k"$'\n'"bf16,1,4,3"
# Predicts a row before it ends: vectors of 512 bits, which valgrind does not know.
under_valgrind || rows third-line "3:13: .*'x'" <<<"$header"$'\n'"gemm,bf16,1,2,3,1"$'\n'"gemm,bf16,1,x,3,1"
rows empty "1:1: .*empty" </dev/null
rows nul "2:[0-9]+: .*" < <(printf '%s\ngemm,bf16,1,\0,3,1\n' "$header")
refuses "missing\.csv:1:1: .*No such file" predict missing.csv --machine h200-sxm
mkdir directory.csv
refuses "directory\.csv:1:1: .*directory" predict directory.csv --machine h200-sxm

# ---- steps: JSON lines ----
steps() { # NAME EXPECTED LINE
    printf '%s\n' "$3" >"$1.jsonl"
    refuses "$1\.jsonl:$2" validate "$1.jsonl" --machine h200-sxm
}
good='{"model": "codellama-7b", "lever": "compile", "phase": "decode", "batch": 1, "prompt": 154, "kv_len": 218, "wall_us": 4955.2, "busy_us": 4638.4, "kernels": 645, "cats": {"linear": 4005.1}}'
steps negative "1:93: .*-1" "${good/218/-1}"
steps missing-key "1:1: .*batch" "${good/\"batch\": 1, /}"
steps text-for-number "1:108: .*wall_us" "${good/4955.2/\"x\"}"
steps cut-short "1:[0-9]+: .*" "${good%\}}"
steps key-twice "1:[0-9]+: .*" "${good/\"batch\": 1/\"batch\": 1, \"batch\": 2}"
steps unknown-lever "1:[0-9]+: .*compiel" "${good/compile/compiel}"
steps unknown-model "1:[0-9]+: .*codellama" "${good/codellama-7b/codelama-7b}"
steps a-list "1:1: .*object" '[]'
steps blank "1:1: .*empty" ''
steps second-line "2:1: .*" "$good"$'\n''{'
steps deep "1:[0-9]+: .*" "$(printf '{"a":%.0s' {1..100})"

# ---- command lines ----
refuses ".*h200-smx.*h200-sxm" simulate --machine h200-smx --workload codellama-7b/humaneval
refuses ".*codellama" simulate --machine h200-sxm --workload codelama-7b/humaneval
refuses ".*humaneval" simulate --machine h200-sxm --workload codellama-7b/humanevla
refuses ".*preset.*baselin" simulate --machine h200-sxm --workload codellama-7b/humaneval --preset baselin
refuses ".*weights.*int9" simulate --machine h200-sxm --workload codellama-7b/humaneval --set weights=int9
refuses ".*wieghts.*weights" simulate --machine h200-sxm --workload codellama-7b/humaneval --set wieghts=int8
refuses ".*key=value" simulate --machine h200-sxm --workload codellama-7b/humaneval --set weights
refuses ".*sm.cuont.*sm.count" simulate --machine h200-sxm --workload codellama-7b/humaneval --override sm.cuont=1
refuses ".*sm.count" simulate --machine h200-sxm --workload codellama-7b/humaneval --override sm.count=-1
refuses ".*1\.98GHz" simulate --machine h200-sxm --workload codellama-7b/humaneval --override sm.clock_max_hz=1.98GHz
refuses ".*engine.*analitic" simulate --machine h200-sxm --workload codellama-7b/humaneval --engine analitic
refuses ".*statistic.*p75" simulate --machine h200-sxm --workload codellama-7b/humaneval --statistic p75
refuses ".*host.*pytorch" simulate --machine h200-sxm --workload codellama-7b/humaneval --host pytorch-egaer
refuses ".*give --prompt and --steps" simulate --machine h200-sxm --workload codellama-7b
refuses "missing\.db: .*" report missing.db --output page.html
refuses "directory\.csv/: is a directory" report directory.csv/ --output page.html
printf 'no database\n' >text.db
refuses "text\.db: .*not a sweep store" report text.db --output page.html
# Those below end before anything is read.
if ! under_valgrind; then
    refuses "ingot: no command"
    refuses "ingot: unknown command 'simulat'" simulat
    refuses "ingot list: list what" list
    refuses "ingot list: cannot list 'machnies'; did you mean machines" list machnies
    refuses "ingot list: cannot take 'ops'" list levers ops
    refuses "ingot list: cannot take '--bogus'" list --bogus
    refuses "ingot simulate: give --machine and --workload" simulate
    refuses "ingot simulate: cannot take '-b'" simulate -b
    refuses "--batch: 'x' is not a whole number" simulate --machine h200-sxm --workload codellama-7b --batch x
    refuses "--batch: ' 1' is not a whole number" simulate --machine h200-sxm --workload codellama-7b --batch ' 1'
    refuses "'/codellama-7b' is no workload" simulate --machine h200-sxm --workload /codellama-7b
    refuses "--steps: '-3' is not a whole number" simulate --machine h200-sxm --workload codellama-7b --steps -3
    refuses "ingot predict: give" predict
    refuses "ingot predict: cannot take 'b'" predict a b --machine h200-sxm
    refuses "ingot validate: give" validate
    refuses "ingot sweep: give" sweep
    refuses "--threads: '0' is not a whole number from 1 to 1024" sweep x.yaml --threads 0
    refuses "ingot sweep: --resume needs --store" sweep x.yaml --resume
    refuses "ingot report: give" report
fi

cases=$((cases + 1))
if compgen -G '*.html' >/dev/null || compgen -G '*.gz' >/dev/null; then
    failures=$((failures + 1))
    echo "FAILED: something was written:" *.html *.gz
fi
finish

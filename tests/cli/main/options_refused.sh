# Options that cannot go together, or not with what is given, are refused in a line, and nothing is written.
refused() {
    ingot "$@"
    [ $? -eq 2 ] || echo "exit code of: $*"
}
run="$SOURCE/validate/measured/h100-sxm/7b-autoquant-b1.run.jsonl.gz"
printf 'op,m,n,k,dtype\ngemm,1,x,8192,bf16\n' >rows.csv
cat >co.yaml <<'YAML'
schema: 1
name: co
machines: [h200-sxm]
workloads: [codellama-7b/humaneval]
levers: [compile]
vary: {sm.count: [66, 132]}
YAML
refused run --workload codellama-7b --prompt 8 --steps 2 --dry-run --output a.run.jsonl.gz
refused run --workload codellama-7b --prompt 8 --steps 2 --dry-run --json
refused fidelity --published .
refused validate rows.csv --operators --machine h100-sxm
refused validate "$run" --operators --json --machine h100-sxm
refused bench missing.csv -o out.csv
refused bench rows.csv --l2-share 0.5 --l2-set-aside-mb 5
refused bench rows.csv --l2-share 0.5 --bandwidth-share 0.5
refused sweep co.yaml --interactions --store co.db
refused sweep co.yaml --interactions --report co.html
refused sweep co.yaml --seed 3
refused sweep co.yaml --evaluations 3
ls

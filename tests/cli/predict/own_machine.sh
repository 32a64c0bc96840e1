# A variant described in a file, as the README has it.
cat >mine.yaml <<'YAML'
schema: 1
base: h200-sxm
hbm:
  bandwidth_bytes_per_s: {value: 9.6e12, source: "what if"}
YAML
printf 'op,dtype,m,n,k\ngemm,bf16,1,8192,8192\n' >rows.csv
ingot predict rows.csv --machine mine.yaml

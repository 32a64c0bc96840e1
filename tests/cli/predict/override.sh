# A number of the machine in place: as the variant's file gives it.
cat >rows.csv <<'CSV'
op,dtype,m,n,k
gemm,bf16,4096,4096,4096
CSV
cat >half.yaml <<'YAML'
schema: 1
name: half
base: h200-sxm
sm: {count: 66}
YAML
ingot predict rows.csv --machine half.yaml >file.csv
ingot predict rows.csv --machine h200-sxm --override sm.count=66 | diff - file.csv && echo same
ingot predict rows.csv --machine h200-sxm --override sm.cout=66; echo $?
ingot predict rows.csv --machine h100; echo $?

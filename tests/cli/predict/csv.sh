cat >rows.csv <<'CSV'
op,dtype,m,n,k,mine
gemm,bf16,1,8192,8192,a
gemm,bf16,4096,8192,8192,"b, c"
CSV
ingot predict rows.csv --machine h200-sxm

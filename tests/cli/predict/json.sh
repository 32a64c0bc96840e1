printf 'op,dtype,m,n,k\ngemm,bf16,1,8192,8192\ngemm,fp8,64,8192,8192\n' >rows.csv
ingot predict rows.csv --machine h200-sxm --json | json_check --lines line op shape measured_us predicted_us bound

printf 'op,dtype,m,n,k,measured_us\ngemm,bf16,1,8192,8192,32\ngemm,bf16,64,8192,8192,35\n' >rows.csv
ingot validate rows.csv --machine h200-sxm --json | json_check

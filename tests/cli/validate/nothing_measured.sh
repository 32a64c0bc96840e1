printf 'op,dtype,m,n,k\ngemm,bf16,1,8192,8192\n' >rows.csv
ingot validate rows.csv --machine h200-sxm

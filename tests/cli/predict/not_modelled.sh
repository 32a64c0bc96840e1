printf 'op,dtype,m,n,k,collective,ranks,bytes\nmoe,bf16,1,2,3,,,\ngemm,bf16,16,16,16,,,\n' >rows.csv
ingot predict rows.csv --machine h200-sxm

# What executors cannot run says so in a line, before a GPU is looked for: also where there is none.
try() {
    ingot run "$@" >stdout 2>stderr
    echo "$? $(cat stdout stderr)"
}
for workload in seamless-m4t-v2/{s-s,s-t,t-s,t-t} hstu/h-a; do
    try -w "$workload"
done
try -w "$SOURCE/tests/data/hf/mixtral-8x7b/config.json" -P 8 --steps 2 | sed "s|$SOURCE||"
for setting in flavour={hf,gptfast,meta,fairseq2} tp=2 pp=2 ep=2 kv_keep=topk 'kv_keep=window(4,60)' weights=fp8 \
    activations=int8 schedule=continuous kv_cache=dynamic; do
    try -w codellama-7b -P 100 --steps 8 -s "$setting"
done
try -w codellama-7b/humaneval --steps 5000

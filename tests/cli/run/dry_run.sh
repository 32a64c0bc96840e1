# Every lever that executors run plans its memory, without a GPU.
plan() {
    ingot run --dry-run -P 100 --steps 8 "$@" | head -1
}
ingot run --dry-run -w chameleon-7b/t-i -P 100 --steps 8
for preset in baseline sdpa; do
    ingot run --dry-run -w codellama-7b -P 100 --steps 8 -p $preset -s kv_cache=static -s attention=naive | head -1
done
for preset in compile autoquant layerskip all; do
    plan -w codellama-7b -p $preset
done
for setting in attention=naive launch=eager fuse={none,maximal} kv_cache=paged kv_dtype={fp8,int8,int4} \
    'kv_keep=window(4,124)' weights={fp16,int8,int4,autoquant-int4,autoquant-fp8} \
    activations=fp16 streams=2 'speculate=draft(llama-2-7b,3,0.6)' 'speculate=layerskip(4,3,0.6)'; do
    plan -w codellama-7b -s "$setting"
done
plan -w codellama-7b -s weights=fp8 -s activations=fp8
for mode in none batched_3x sequential_2x; do
    plan -w chameleon-7b/t-i -s cfg_mode=$mode
done

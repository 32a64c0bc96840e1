#!/usr/bin/env bash
# Operator rows to measure, on stdout: the shapes of the models' layers, and log-random ones around them.
#     tests/gpu/make_rows.sh [SEED] > shapes.csv
# The same seed gives the same rows.
set -euo pipefail
awk -v seed="${1:-1}" '
function log_uniform(low, high) { return int(exp(log(low) + rand() * (log(high) - log(low))) + 0.5) }
function multiple(value, of) { value = int(value / of + 0.5) * of; return value < of ? of : value }
function gemm(type, weights, m, n, k, group) { print "gemm," type "," weights "," m "," n "," k ",1,,,,,,,,,,," group ",,,,,,,,,,," }
function attention(batch, heads, kv, dim, q, len, causal, kv_type) {
    print "attention,bf16,,,,," batch "," heads "," kv "," dim "," q "," len "," causal "," kv_type ",ingot,,,,,,,,,,,,,,"
}
function rows(op, type, r, c, function_name, gated, residual, out_type, inputs, log_flag) {
    print op "," type ",,,,,,,,,,,,,," r "," c ",," function_name "," gated "," residual "," out_type "," inputs "," log_flag ",,,,,"
}
BEGIN {
    srand(seed)
    print "op,dtype,weights_dtype,m,n,k,batch,heads,kv_heads,head_dim,q_len,kv_len,causal,kv_dtype,backend,rows,cols," \
          "group_size,function,gated,residual,out_dtype,inputs,log,table_rows,kv_write,sample_method,top,ways"
    # Layers of Code Llama 7B, 13B, 34B, Llama 3.1 8B, Chameleon: n, k of qkv, out, gate and up, down, head.
    shapes = "12288 4096 4096 4096 22016 4096 4096 11008 32000 4096 15360 5120 5120 5120 27648 5120 5120 13824 " \
             "10240 8192 8192 8192 44032 8192 8192 22016 32000 8192 6144 4096 28672 4096 4096 14336 128256 4096 65536 4096"
    count = split(shapes, s, " ")
    tokens = split("1 2 4 8 16 32 64 154 218 512 1030 2048 4096", t, " ")
    for (i = 1; i < count; i += 2)
        for (j = 1; j <= tokens; j++) {
            gemm("bf16", "bf16", t[j], s[i], s[i + 1], 0)
            if (j % 3 == 1) gemm("fp8", "fp8", t[j] < 16 ? 16 : t[j], s[i], s[i + 1], 0)
            if (t[j] <= 16) { gemm("bf16", "int8", t[j], s[i], s[i + 1], 0); gemm("bf16", "int4", t[j], s[i], s[i + 1], 128) }
        }
    for (i = 0; i < 420; i++)
        gemm("bf16", "bf16", log_uniform(1, 8192), multiple(log_uniform(64, 32768), 8), multiple(log_uniform(64, 16384), 8), 0)
    for (i = 0; i < 100; i++)
        gemm("fp8", "fp8", multiple(log_uniform(16, 8192), 16), multiple(log_uniform(256, 32768), 16), multiple(log_uniform(256, 16384), 16), 0)
    for (i = 0; i < 100; i++)
        gemm("bf16", i % 2 ? "int8" : "int4", log_uniform(1, 16), multiple(log_uniform(256, 32768), 64), multiple(log_uniform(256, 16384), 128), i % 2 ? 0 : 128)
    heads = split("32 32 128 64 8 128 32 8 128 40 40 128 16 16 64", h, " ")
    for (i = 0; i < 300; i++) { # decode, and verification of a few drafts
        p = 3 * int(rand() * heads / 3)
        attention(log_uniform(1, 64), h[p + 1], h[p + 2], h[p + 3], i % 5 ? 1 : log_uniform(2, 8), log_uniform(64, 16384), 1, i % 4 == 3 ? "fp8" : i % 8 == 6 ? "int8" : "bf16")
    }
    for (i = 0; i < 200; i++) { # prefill
        p = 3 * int(rand() * heads / 3); q = log_uniform(32, 8192); b = log_uniform(1, 8); if (q * b > 16384) b = 1
        attention(b, h[p + 1], h[p + 2], h[p + 3], q, q, 1, "bf16")
    }
    for (i = 0; i < 60; i++) {
        r = log_uniform(1, 65536); c = multiple(log_uniform(128, 16384), 8)
        while (r * c > 400000000) r = int(r / 2)
        rows("add", "bf16", r, c, "", "", "", "", "", "")
        rows("rmsnorm", "bf16", r, c, "", "", i % 2, "", "", "")
        rows("layernorm", "bf16", r, c, "", "", i % 2, "", "", "")
        rows("activation", "bf16", r, c, i % 3 ? "silu" : "gelu", i % 2, "", "", "", "")
        rows("softmax", "fp32", r, c, "", "", "", "", "", i % 4 == 0)
        rows("copy", "bf16", r, c, "", "", "", "bf16", "", "")
        rows("elementwise", "bf16", r, c, "cast", "", "", i % 2 ? "fp8" : "fp32", 1, "")
        rows("reduce", "fp32", r, c, "", "", "", "", "", "")
        rows("quantise", "bf16", r, c, "", "", "", i % 2 ? "int8" : "fp8", "", "")
        print "embedding,bf16,,,,,,,,,,,,,," r "," c ",,,,,,,,32000,,,,"
    }
}'

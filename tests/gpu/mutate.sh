#!/usr/bin/env bash
# Plants one fault at a time in a kernel and keeps the library that results, to be caught by the kernel test on a GPU:
#     tests/gpu/mutate.sh BUILD FOLDER      makes FOLDER/mutants/NAME.so (all.sh's part `mutants` runs them)
# Sources are restored after each.
set -euo pipefail
build=${1:?usage: mutate.sh BUILD FOLDER} folder=${2:?usage: mutate.sh BUILD FOLDER}
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$folder/mutants"

mutate() { # NAME KIND FILE SED-EXPRESSION
    local name=$1 kind=$2 expression=$4
    file=$root/kernels/$3 # the trap outlives the function
    cp -p "$file" "$file.whole"
    trap 'mv -f "$file.whole" "$file"' EXIT
    sed -i -E "$expression" "$file"
    if cmp -s "$file" "$file.whole"; then
        echo "$name: the expression no longer matches $3" >&2
        exit 1
    fi
    cmake --build "$build" --target ingot_gpu >/dev/null
    mv -f "$file.whole" "$file"
    touch "$file"
    trap - EXIT
    cp "$build/libingot_gpu.so" "$folder/mutants/$name.$kind.so"
    strip --strip-debug "$folder/mutants/$name.$kind.so"
    echo "$name: built"
}

mutate off_by_one add add.cu 's/i < count; i \+= stride/i <= count; i += stride/'
mutate missing_barrier rope rope.cu '0,/__syncthreads\(\);/s///'
mutate dropped_scale gemm gemm_weight_only.cu 's/sum \*= __half2float\(s.scales\[feature\]\);/sum *= 1.0f;/'
mutate wrong_mask attention attention_tiles.cu 's/(visible_keys\(s, length, min\(query), (s.q_len - 1\)\);)/\1 + 1, \2/'
mutate swapped_head attention attention_split.cu \
    's/(index \/ s.group \* s.q.row \+ )\(at.kv_head \* s.group \+ index % s.group\)/\1(index % s.group * s.kv_heads + at.kv_head)/'
cmake --build "$build" --target ingot_gpu >/dev/null

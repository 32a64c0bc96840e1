#!/usr/bin/env bash
# Gathers a build into one folder that runs on a machine with a GPU and CUDA's libraries but none of ours:
#     tests/gpu/pack.sh BUILD FOLDER
# The programs, the GPU library, the shared libraries that they need besides the C library's, and the configuration.
set -euo pipefail
build=${1:?usage: pack.sh BUILD FOLDER} folder=${2:?usage: pack.sh BUILD FOLDER}
root=$(cd "$(dirname "$0")/../.." && pwd)
rm -rf "$folder"
mkdir -p "$folder/lib"
cp "$build/ingot" "$build/libingot_gpu.so" "$build/tests/kernel_test" "$folder/"
strip --strip-debug "$folder/ingot" "$folder/kernel_test" "$folder/libingot_gpu.so"
ldd "$folder/ingot" "$folder/kernel_test" | awk '$2 == "=>" && $3 ~ /^\// {print $3}' | sort -u |
    grep -vE '/(libc|libm|libdl|libpthread|librt|libstdc\+\+|libgcc_s)\.so' | xargs -I{} cp -L {} "$folder/lib/"
cp -r "$root/configs" "$folder/"
cp "$root/tests/gpu/all.sh" "$root/tests/gpu/peers.py" "$root/tests/gpu/shares.awk" "$root"/tests/gpu/rows*.csv "$folder/"
du -sh "$folder" | cut -f1

#!/usr/bin/env bash
# Refits the calibrations of measured generations and carries them over to the others; then that of our own kernels.
# usage: configs/calibration/refit.sh PROGRAM DIRECTORY-OF-MEASURED-ROWS   everything
#        configs/calibration/refit.sh PROGRAM                              our own kernels alone, from the shipped rows
#        configs/calibration/refit.sh PROGRAM carry                        only carry fitted values over
set -euo pipefail
program=$1 rows=${2:-} here=$(dirname "$0")
shipped=$here/../../validate/measured

# Twice: a fit ends after some rounds, and the second starts from the first's values.
fit() { # MACHINE NAME FILES OF
  local round
  for round in 1 2; do
    "$program" calibrate "$1" "$rows/$3"-{gemm,attention,collective}.csv -o "$here/$2.yaml" \
      --data "$4 operator rows (graph_steady), rows of even hash" | grep "%" | sed "s/^/round $round: /"
  done
}

# Every machine inherits own.yaml: its latencies and rates are multiples of the machine's.
fit_own() { # MACHINE FOLDER OF
  "$program" calibrate "$1" "$shipped/$2"/operators-{cold,steady,fewer-sms,model}.csv --own -o "$here/own.yaml" \
    --data "$3 rows of our own kernels by both methods, split=fit of even hash" | grep '%'
}

carry() { # FROM TO
  { echo "# Priors: no measurements of this generation were fitted; values are carried over from a measured one."
    sed -e "s/^name: .*/name: $2/" -e "s/^data: .*/data: \"priors, not fitted: carried over from $1\"/" \
      -e '/^residuals:/,/^$/d' "$here/$1.yaml"; } > "$here/$2.yaml"
}

# A prior that a public figure gives for a generation without rows.
prior() { # GENERATION GROUP KEY VALUE FROM
  awk -v group="$2:" -v key="$3:" -v value="$4" -v from="$5" '
    /^[a-z]/ { at = $1 }
    at == group && $1 == key { $0 = "  " key " " value "  # derived: " from; found = 1 }
    { print }
    END { exit !found }' "$here/$1.yaml" > "$here/$1.yaml.new"
  mv "$here/$1.yaml.new" "$here/$1.yaml"
}

value() { # GENERATION GROUP KEY
  awk -v group="$2:" -v key="$3:" '/^[a-z]/ { at = $1 } at == group && $1 == key { print $2 }' "$here/$1.yaml"
}

carry_all() {
  carry hopper blackwell
  carry ampere volta
  carry ada turing
  carry ada blackwell-rtx
  carry ampere cdna3
  # A B200's shortest products in graphs take 1.5 us where an H200's take 2.2 (public table): less the gaps between
  # kernels (1.74 of 0.34 and 0.5 us), that is 0.68 of the time and, at 1.965 against 1.98 GHz, of the clocks.
  prior blackwell gemm start_clk "$(awk -v x="$(value hopper gemm start_clk)" 'BEGIN { printf "%.0f", 0.68 * x }')" \
    "0.68 of the H200's, as the shortest products in graphs"
  prior blackwell gemm prologue_clk "$(awk -v x="$(value hopper gemm prologue_clk)" 'BEGIN { printf "%.0f", x + 1413 - 709 }')" \
    "the H200's, and what a first tile by TMA takes longer: 1,413 clocks on a B200 [BW], 709 on an H800 [HPM]"
  # The same 0.68 of the time for kernels whose start is counted in memory latencies: 689 clocks at 1.98 GHz on an H200,
  # 860 at 1.965 GHz on a B200.
  local start
  for start in "attention start" "attention helper" "attention copy" "attention_xqa start" "attention_xqa helper" "rowwise start"; do
    set -- $start
    prior blackwell "$1" "$2_latencies" "$(awk -v x="$(value hopper "$1" "$2_latencies")" \
      'BEGIN { printf "%.4g", 0.68 * x * (689 / 1.98) / (860 / 1.965) }')" "0.68 of the H200's time, as the shortest products in graphs"
  done
  local kernel decode="grouped decoding of 4 sequences, 1,024 to 8,192 keys, on a B200 (flashinfer-ai/flashinfer pull 1415)"
  for kernel in attention_fa3 attention_fa3_paged; do
    prior blackwell $kernel decode_cta_latencies 7.5 "$decode"
    prior blackwell $kernel decode_step_latencies 1.3 "$decode"
  done
  prior blackwell attention_fa3_paged decode8_step_ratio 1 "its tensor cores take 8-bit operands in either order: nothing is transposed"
  prior blackwell attention_fa3_paged block8_frac 0 "likewise"
  prior blackwell gemm power_lag_s 0.00065 \
    "bf16 8192^3 in 0.65 ms, half-way from 2,016 TFLOP/s at the highest clock to the 1,420 of long series (pytorch/ao pull 2427): 1,427 to 1,687 in a public table"
  local cudnn="cuDNN on GB200, 1,024 to 16,384 tokens (Dao-AILab/flash-attention pull 2605)"
  prior blackwell attention_fa3 cta_latencies 5 "FlashAttention-4 on B200 and GB200, 1,024 to 16,384 tokens (the same pull)"
  prior blackwell attention_fa3_paged cta_latencies 5 "as attention_fa3"
  prior blackwell attention_cudnn cta_ratio 0.2 "$cudnn"
  prior blackwell attention_cudnn step_ratio 1 "$cudnn"
  prior blackwell attention_fmha_hopper cta_latencies 2 "its kernels there are of cuDNN's kind, persistent"
  prior blackwell attention_fmha_hopper tensor_efficiency_frac 0.95 "as attention_fa3"
  prior blackwell attention_fmha_hopper tensor8_efficiency_frac 0.9 "as attention_fa3_paged"
  prior blackwell collective start_clk 12100 "all-reduces of 512 bytes among 2, 4 and 8 B200 take 9.1, 14.4 and 26.6 us (public NCCL table)"
  prior blackwell collective hop_latencies 2.43 "1.46 us, the same; 15.4 us for 1 KB among 4 GB200 (Azure ND GB200 v6 results) agree"
  prior blackwell collective wide_bytes_per_clk 151 "297 GB/s: 4 MB among 4 GB200 at 146 GB/s (Azure ND GB200 v6 results)"
  prior blackwell collective simple_start_clk 50000 "128 MB among 4 GB200 at 574 GB/s (Azure ND GB200 v6 results)"
  prior blackwell collective wide_hop_ratio 3.2 "NCCL's tables (1.9 and 0.6 us); 16 MB among 4 GB200 at 331 GB/s (Azure ND GB200 v6 results)"
  prior blackwell collective switch_frac 0.6 "8 GB among 8 B200 at 838 GB/s (stas00/ml-engineering network/benchmarks)"
  prior volta gemm warp_tensor_efficiency_frac 0.85 \
    "fp16 8192^3 at 97.4 of 125.3 TFLOP/s on a V100 (zzc0721/torch-performance-test-data issue 140)"
  prior cdna3 gemm warp_tensor_efficiency_frac 0.75 \
    "fp8 8192^3 at 907 of the 1,251 TFLOP/s of 1,005 MHz on an MI300X (ROCm/hipBLASLt issue 1721)"
  prior blackwell-rtx collective host_contention_exponent 0.4 \
    "39, 26 and 25 GB/s among 2, 4 and 8 RTX PRO 6000, all-reduces of 0.5 GB (public NCCL table)"
}

if [ "$rows" = carry ]; then
  carry_all
  exit
fi
if [ -n "$rows" ]; then
  fit h200-sxm hopper h200_sxm "H200 SXM"
  fit a100-sxm-80gb ampere a100_sxm "A100 SXM"
  fit l40s ada l40s L40S
  carry_all
fi
fit_own h100-sxm h100-sxm "H100 SXM" # on top of the library's, which products share

#!/usr/bin/env bash
# Refits the calibrations of measured generations and carries them over to the others; then that of our own kernels.
# usage: configs/calibration/refit.sh PROGRAM DIRECTORY-OF-MEASURED-ROWS   everything
#        configs/calibration/refit.sh PROGRAM                              our own kernels alone, from the shipped rows
set -euo pipefail
program=$1 rows=${2:-} here=$(dirname "$0")
shipped=$here/../../validate/measured

fit() { # MACHINE NAME FILES OF
  "$program" calibrate "$1" "$rows/$3"-{gemm,attention,collective}.csv -o "$here/$2.yaml" \
    --data "$4 operator rows (graph_steady), rows of even hash" | grep '%'
}

# Every machine inherits own.yaml: its latencies and rates are multiples of the machine's.
fit_own() { # MACHINE FOLDER OF
  "$program" calibrate "$1" "$shipped/$2"/operators-{cold,steady,fewer-sms}.csv --own -o "$here/own.yaml" \
    --data "$3 rows of our own kernels by both methods, split=fit of even hash" | grep '%'
}

carry() { # FROM TO
  { echo "# Priors: no measurements of this generation were fitted; values are carried over from a measured one."
    sed -e "s/^name: .*/name: $2/" -e "s/^data: .*/data: \"priors, not fitted: carried over from $1\"/" \
      -e '/^residuals:/,/^$/d' "$here/$1.yaml"; } > "$here/$2.yaml"
}

# A B200's shortest products in graphs take 1.5 us where an H200's take 2.2 (public table): less the gaps between kernels
# (1.74 of 0.34 and 0.5 us), that is 0.68 of the time and, at 1.965 against 1.98 GHz, of the clocks.
start_of_blackwell() {
  awk '/^[a-z]/ { group = $1 } group == "gemm:" && $1 == "start_clk:" {
         $0 = sprintf("  start_clk: %.0f  # derived: 0.68 of the H200\047s, as the shortest products in graphs", 0.68 * $2) }
       { print }' "$here/blackwell.yaml" > "$here/blackwell.yaml.new"
  mv "$here/blackwell.yaml.new" "$here/blackwell.yaml"
}

if [ -n "$rows" ]; then
  fit h200-sxm hopper h200_sxm "H200 SXM"
  fit a100-sxm-80gb ampere a100_sxm "A100 SXM"
  fit l40s ada l40s L40S
  carry hopper blackwell
  start_of_blackwell
  carry ampere volta
  carry ada turing
  carry ada blackwell-rtx
  carry ampere cdna3
fi
fit_own h100-sxm h100-sxm "H100 SXM" # on top of the library's, which products share

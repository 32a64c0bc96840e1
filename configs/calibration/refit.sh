#!/usr/bin/env bash
# Refits the calibrations of measured generations and carries them over to the others.
# usage: configs/calibration/refit.sh PROGRAM DIRECTORY-OF-MEASURED-ROWS
set -euo pipefail
program=$1 rows=$2 here=$(dirname "$0")

fit() { # MACHINE NAME FILES OF
  "$program" calibrate "$1" "$rows/$3"-{gemm,attention,collective}.csv -o "$here/$2.yaml" \
    --data "$4 operator rows (graph_steady), rows of even hash" | grep '%'
}

carry() { # FROM TO
  { echo "# Priors: no measurements of this generation were fitted; values are carried over from a measured one."
    sed -e "s/^name: .*/name: $2/" -e "s/^data: .*/data: \"priors, not fitted: carried over from $1\"/" \
      -e '/^residuals:/,/^$/d' "$here/$1.yaml"; } > "$here/$2.yaml"
}

fit h200-sxm hopper h200_sxm "H200 SXM"
fit a100-sxm-80gb ampere a100_sxm "A100 SXM"
fit l40s ada l40s L40S
carry hopper blackwell
carry ampere volta
carry ada turing
carry ada blackwell-rtx
carry ampere cdna3

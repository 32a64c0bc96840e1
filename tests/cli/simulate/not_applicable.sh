ingot simulate --machine h200-sxm --workload chameleon-7b/i-t --preset layerskip

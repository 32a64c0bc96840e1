# A saved scenario gives the same result again, and is refused where it does not belong.
run="ingot simulate --machine h200-sxm --workload codellama-7b/humaneval --preset layerskip"
$run --seed 5 --save-scenario five.yaml >drawn
$run --scenario five.yaml >read
cmp drawn read
ingot simulate --machine h200-sxm --workload codellama-7b/mbpp --preset layerskip --scenario five.yaml

# The paper's fifteen tasks as a mix: a short search finds a machine within 1.1 times an H200's cost that is faster than it,
# and none that is 1.5 times as fast. Task by task, the table of interactions has every one of them.
design="$SOURCE/configs/sweeps/paper-design.yaml"
ingot sweep "$design" --search sobol --evaluations 100 --seed 2 --where "latency_s <= base(latency_s) / 1.1" --json >best.json
json_check <best.json && grep -c '"best": {' best.json
ingot sweep "$SOURCE/configs/sweeps/paper-knobs.yaml" --interactions >knobs && grep -c ', latency_s$' knobs
ingot sweep "$design" --search sobol --evaluations 100 --seed 2 --where "latency_s <= base(latency_s) / 1.5"

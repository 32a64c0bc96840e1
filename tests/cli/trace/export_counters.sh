# A simulated timeline and a recorded one side by side: both have the three counter tracks, two levels a kernel.
trace=$SOURCE/validate/measured/h200-sxm/traces/codellama-7b-compile-decode.json.gz
ingot trace export --simulate -m h200-sxm -w codellama-7b -p compile -s flavour=hf -P 154 --steps 3 $trace -o both.json
for pid in 0 2; do
    for name in "HBM GB/s" "power W" "SMs in use %"; do
        grep -oE "\"ph\": ?\"C\"[^}]*\"name\": ?\"$name\"[^}]*\"pid\": ?$pid," both.json | wc -l
    done
done | uniq -c | awk '{ print $1, ($2 > 3800) }'
# A trace of something else has none: its kernels are not the workload's.
ingot trace export --simulate -m h200-sxm -w codellama-34b -p compile -s flavour=hf -P 154 --steps 3 $trace -o other.json
grep -oE "\"ph\": ?\"C\"[^}]*\"pid\": ?2," other.json | wc -l

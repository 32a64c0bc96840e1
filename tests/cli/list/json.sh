# Every listing is valid JSON and tells as many things as the text has lines below its header.
for what in machines workloads levers presets hosts engines ops; do
    ingot list $what --json >list.json
    json_check <list.json || echo "$what"
    lines=$(($(ingot list $what | wc -l) - 1))
    [ "$(grep -c '^  {' list.json)" -eq $lines ] || echo "$what: not $lines things"
done

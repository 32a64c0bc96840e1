ingot simulate -m h200-sxm -w codellama-7b -p compile -P 100 --steps 2 --timeline a.run.jsonl.gz >/dev/null
ingot trace export a.run.jsonl.gz -o a.json
ingot trace export --simulate -m h200-sxm -w codellama-7b -p compile -P 100 --steps 2 -o b.json
for file in a.run.jsonl.gz a.json b.json; do
    ingot trace import $file | sed -n 's/^wall.*GPU busy \([0-9]*[.][0-9][0-9]\).*/busy \1/p'
done | uniq -c | awk '{ print $1, ($2 == "busy") }'

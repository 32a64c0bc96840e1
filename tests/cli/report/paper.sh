# The paper's report: its tables are complete for all fifteen tasks, in every format.
ingot report paper --output paper.md --output paper.json --output paper.csv
json_check sections.tables.rows answer <paper.json
grep '^#' paper.md
for table in "Shares of the latency" "Latency by preset, A100" "Times as fast as baseline, A100" \
    "Latency by preset, H200" "Times as fast as baseline, H200" "What was measured of each task"; do
    awk -v table="**$table" 'index($0, table) == 1 { on = 1; next } on && /^\*\*|^#/ { on = 0 }
        on && /^\| (codellama|chameleon|seamless|hstu)/ { tasks++ } END { print tasks }' paper.md
done
awk -F'|' '/^\*\*Latency by preset/ { on = 1 } /^#/ { on = 0 } on && / [–] /' paper.md # nothing is left open
grep -c 'not applicable' paper.md

# Every number of the designs and of the time by category is the store's.
command -v gnuplot >/dev/null || { echo "SKIPPED: no gnuplot"; exit 77; }
ingot sweep "$SOURCE/tests/data/small-sweep.yaml" --store small.db >/dev/null
ingot report small.db --output small.html --output small.json --output small.csv
report_check small.db small.html
json_check title question answer sections.tables.rows sections.heading <small.json && head -1 small.csv
# A number that is not the store's is found.
sed -E '0,/<td class="n"><data value="[^"]*">/s//<td class="n"><data value="12345.5">/' small.html >wrong.html
report_check small.db wrong.html | cut -c1-50

# A file whose name does not say what it should hold, or whose folder is not there, is refused before any work is done;
# one that cannot be written whole is not left half written.
refused() {
    local wanted=$1
    shift
    ingot "$@"
    local got=$?
    [ $got -eq "$wanted" ] || echo "exit code $got of: $*"
}
demo="$SOURCE/configs/sweeps/demo.yaml"
refused 2 sweep "$demo" --report sweep.txt
refused 2 report any.db -o page.html -o page.pdf
refused 2 compare h200-sxm l4 -w codellama-7b/humaneval -o difference
refused 2 simulate -m h200-sxm -w codellama-7b -P 8 --steps 1 --timeline steps.jsonl
refused 2 trace export --simulate -m h200-sxm -w codellama-7b -P 8 --steps 1 -o trace.txt
refused 2 calibrate h200-sxm rows.csv -o fit.json
refused 2 run -w codellama-7b -P 8 --steps 1 -o run.json
refused 3 sweep "$demo" --report missing/page.html
mkdir folder.html
refused 3 report any.db -o folder.html
[ -w /dev/full ] || { echo "SKIPPED: no /dev/full"; exit 77; }
ln -s /dev/full full.json
ln -s /dev/full full.run.jsonl.gz
refused 3 trace export --simulate -m h200-sxm -w codellama-7b -P 8 --steps 1 -o full.json
refused 3 simulate -m h200-sxm -w codellama-7b -P 8 --steps 1 -q --timeline full.run.jsonl.gz
refused 3 simulate -m h200-sxm -w codellama-7b -P 8 --steps 1 -q --save-graph full.json
refused 3 simulate -m h200-sxm -w codellama-7b -P 8 --steps 1 -q --save-scenario full.json
ls

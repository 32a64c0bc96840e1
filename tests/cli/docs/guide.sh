# Every command of the user's guide, in order, in one directory: the blocks that begin with ```sh.
command -v gnuplot >/dev/null || { echo "SKIPPED: no gnuplot"; exit 77; }
ln -s "$SOURCE/validate" validate
awk '/^```sh$/ { on = 1; next } /^```$/ { on = 0 } on' "$SOURCE/docs/guide.md" >guide
bash -euo pipefail guide >output || { echo "the guide's commands end with $?:"; tail -3 output; }
grep -c '^ingot ' guide
ls *.html *.md both.json.gz my-host.yaml mine.yaml

# Pages opened in headless Chromium at two widths, light and dark: nothing overlaps, is clipped or complains.
command -v gnuplot >/dev/null || { echo "SKIPPED: no gnuplot"; exit 77; }
ingot sweep "$SOURCE/tests/data/small-sweep.yaml" --store small.db >/dev/null
ingot report small.db --output small.html
ingot report paper --output paper.html
if command -v tidy >/dev/null; then # of 2021, which does not know <data>
    tidy -q -e --new-inline-tags data small.html paper.html 2>&1 | grep 'Error:'
fi
bash "$SOURCE/tests/browser/check_pages.sh" small.html paper.html

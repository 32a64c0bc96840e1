#!/usr/bin/env bash
# Opens reports in headless Chromium at desktop and phone width, light and dark: check_pages.sh PAGE.html...
# Prints what overlaps, is clipped or is written to the console (layout.js), and exits 1 when there is anything; 77 without
# Chromium. With SHOTS=FOLDER it keeps a screenshot of each, and a PDF as printed.
set -uo pipefail
here=$(dirname "$0")
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
    { echo "SKIPPED: no chromium"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

open_page() { # URL ARGUMENTS...: what the page became on stdout, the console's lines in $work/console
    timeout 120 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$work/profile" --hide-scrollbars \
        --enable-logging=stderr "${@:2}" "$1" 2>"$work/log"
    grep -a 'CONSOLE' "$work/log" >"$work/console" || true
}

for page; do
    { cat "$page"; printf '<script>\n'; cat "$here/layout.js"; printf '</script>\n'; } >"$work/page.html"
    for width in 1200 390; do
        for scheme in 1 0; do # light, dark
            open_page "file://$work/page.html" --window-size=$width,900 --blink-settings=preferredColorScheme=$scheme \
                --dump-dom >"$work/dom"
            found=$(sed -n '/<pre id="layout">/,/<\/pre>/p' "$work/dom" | sed -e 's/.*<pre id="layout">//' -e 's/<\/pre>.*//')
            [ "$found" = fine ] && [ ! -s "$work/console" ] && continue
            echo "$page, $width px, $([ $scheme = 1 ] && echo light || echo dark):"
            echo "${found:-no layout was found}"
            cat "$work/console"
            failed=1
        done
    done
    if [ -n "${SHOTS:-}" ]; then
        name=$(basename "$page" .html)
        for width in 1200 390; do
            open_page "file://$(realpath "$page")" --window-size=$width,6000 --screenshot="$SHOTS/$name-$width.png"
        done
        open_page "file://$(realpath "$page")" --print-to-pdf="$SHOTS/$name.pdf" --no-pdf-header-footer
    fi
done
exit $failed

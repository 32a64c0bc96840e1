ingot compare h200-sxm:baseline "h200-sxm:compile weights=int8" --workload codellama-7b/humaneval -o both.md >/dev/null
grep '^#' both.md
grep '^ingot' both.md
ingot compare h200-sxm:baseline h200-sxm:compile --workload codellama-7b/humaneval -o both.json >/dev/null
json_check title answer sections.tables.columns <both.json

# The paper's fifteen tasks under six presets: every cell a latency or a reason.
ingot sweep $SOURCE/configs/sweeps/paper.yaml --json >cells.json
json_check points cells.workload cells.batch cells.levers cells.latency_s cells.not_applicable <cells.json
grep -c '"not_applicable": null' cells.json
grep -c '"not_applicable": "not applicable: ' cells.json
ingot sweep $SOURCE/configs/sweeps/paper.yaml

#!/usr/bin/env bash
# Broken YAML: each file makes the program exit 2 with exactly one line on stderr, which names file:line:column, and
# with nothing on stdout. usage: broken_yaml.sh PROGRAM [--valgrind]
source "$(dirname "$0")/broken_lib.sh"

# The command that reads a file of each kind.
command_of() { # KIND FILE
    case $1 in
    machine) echo simulate --machine "$2" --workload codellama-7b --prompt 8 --steps 1 ;;
    workload) echo simulate --machine h200-sxm --workload "$2" --prompt 8 --steps 1 ;;
    host) echo simulate --machine h200-sxm --workload codellama-7b --prompt 8 --steps 1 --host "$2" ;;
    sweep) echo sweep "$2" ;;
    esac
}

# check KIND FILE EXPECTED: the message begins with "FILE:"; EXPECTED, an extended regular expression, follows.
check() {
    local arguments
    read -r -a arguments < <(command_of "$1" "$2")
    refuses "$2:$3" "${arguments[@]}"
}

# broken KIND NAME EXPECTED: the file's text comes from stdin.
broken() {
    cat >"$2.yaml"
    check "$1" "$2.yaml" "$3"
}

# ---- keys and values ----
broken machine misspelt-key "4:3: .*(count|sm)" <<'Y'
schema: 1
base: h200-sxm
sm:
  coutn: 120
Y
broken machine misspelt-group "3:1: .*hbm" <<'Y'
schema: 1
base: h200-sxm
hmb: {stacks: 6}
Y
broken machine unit-suffix "4:17: .*1\.98GHz" <<'Y'
schema: 1
base: h200-sxm
sm:
  clock_max_hz: 1.98GHz
Y
broken machine negative-count "4:10: .*-132" <<'Y'
schema: 1
base: h200-sxm
sm:
  count: -132
Y
broken machine out-of-range "3:34: .*" <<'Y'
schema: 1
base: h200-sxm
hbm: {bandwidth_bytes_per_s:     4.8}
Y
broken machine duplicate-key "4:16: .*count" <<'Y'
schema: 1
base: h200-sxm
sm:
  {count: 120, count: 132}
Y
broken machine duplicate-top "4:1: .*base" <<'Y'
schema: 1
base: h200-sxm
name: twice
base: h100-sxm
Y
broken machine not-a-number "4:10: .*many" <<'Y'
schema: 1
base: h200-sxm
sm:
  count: many
Y
broken machine quoted-number "4:10: .*132" <<'Y'
schema: 1
base: h200-sxm
sm:
  count: "132"
Y
broken machine hexadecimal "4:10: .*0x84" <<'Y'
schema: 1
base: h200-sxm
sm:
  count: 0x84
Y
broken machine nan "4:10: .*nan" <<'Y'
schema: 1
base: h200-sxm
sm:
  count: .nan
Y
broken machine infinite "3:30: .*1e999" <<'Y'
schema: 1
base: h200-sxm
hbm: {bandwidth_bytes_per_s: 1e999}
Y
broken machine empty-value "4:[0-9]+: .*" <<'Y'
schema: 1
base: h200-sxm
sm:
  count:
Y
broken machine list-for-number "4:10: .*" <<'Y'
schema: 1
base: h200-sxm
sm:
  count: [132]
Y
broken machine number-for-group "3:5: .*" <<'Y'
schema: 1
base: h200-sxm
sm: 132
Y
broken machine half-an-sm "4:10: .*whole" <<'Y'
schema: 1
base: h200-sxm
sm:
  count: 131.5
Y
broken machine missing-keys "[0-9]+:[0-9]+: .*" <<'Y'
schema: 1
name: bare
sm: {count: 132}
Y
# ---- the document ----
broken machine unknown-schema "1:9: .*" <<'Y'
schema: 99
base: h200-sxm
Y
broken machine no-schema "1:1: .*schema" <<'Y'
base: h200-sxm
Y
broken machine two-documents "3:1: .*" <<'Y'
schema: 1
base: h200-sxm
---
schema: 1
Y
broken machine tab-indentation "4:1: .*" <<Y
schema: 1
base: h200-sxm
sm:
$(printf '\t')count: 132
Y
broken machine unclosed "[34]:[0-9]+: .*" <<'Y'
schema: 1
base: h200-sxm
sm: {count: 132
Y
broken machine alias-bomb "2:4: .*" <<'Y'
schema: 1
a: &a [x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b]
d: &d [*c, *c, *c, *c, *c, *c, *c, *c]
Y
broken machine merge-key "3:[0-9]+: .*" <<'Y'
schema: 1
base: h200-sxm
<<: *h
Y
broken machine tag "3:7: .*" <<'Y'
schema: 1
base: h200-sxm
name: !!python/object x
Y
broken machine top-level-list "1:1: .*" <<'Y'
- schema: 1
Y
broken machine empty "1:1: .*" </dev/null
broken machine nul-bytes "[0-9]+:[0-9]+: .*" < <(printf 'schema: 1\nbase: h200-sxm\nsm:\n  count: 1\0002\n')
broken machine binary "1:1: .*" < <(printf '\177ELF\002\001\001\000\000\377\376\000\001\002\003')
broken machine not-utf8 "3:[0-9]+: .*" < <(printf 'schema: 1\nbase: h200-sxm\nname: \377\376\n')
broken machine deep "1:[0-9]+: .*" < <(printf 'a: %.0s' && printf '[%.0s' {1..5000})
broken machine deep-blocks "[0-9]+:[0-9]+: .*" < <(for i in {0..60}; do printf '%*sa:\n' "$i" ''; done)
head -c 100000000 /dev/urandom >noise.yaml
check machine noise.yaml "1:1: .*"
rm noise.yaml
yes 'sm: {count: 132}' | head -c 100000000 >huge.yaml
check machine huge.yaml "[0-9]+:[0-9]+: .*"
rm huge.yaml
# ---- the file itself ----
check machine missing.yaml ".*"
mkdir directory.yaml
check machine directory.yaml ".*"
# ---- bases ----
cat >cycle-b.yaml <<'Y'
schema: 1
base: cycle-a.yaml
Y
broken machine cycle-a "2:7: .*" <<'Y'
schema: 1
base: cycle-a.yaml
Y
printf 'schema: 1\nbase: cycle-d.yaml\n' >cycle-c.yaml
printf 'schema: 1\nbase: cycle-c.yaml\n' >cycle-d.yaml
refuses 'cycle-[cd]\.yaml:2:7: ' simulate --machine cycle-c.yaml --workload codellama-7b --prompt 8 --steps 1
broken machine unknown-base "2:7: .*h200" <<'Y'
schema: 1
base: h200-smx
Y
# ---- other kinds of file ----
broken workload workload-wrong-key "[0-9]+:[0-9]+: .*layers" <<'Y'
schema: 1
name: small
family: llama
source: none
dtype: bf16
model: {layres: 2, hidden: 64, heads: 1, kv_heads: 1, head_dim: 64, ffn: 128, vocabulary: 100, context: 64, rope_theta: 1e4}
Y
broken workload workload-zero-heads "6:39: .*" <<'Y'
schema: 1
name: small
family: llama
source: none
dtype: bf16
model: {layers: 2, hidden: 64, heads: 0, kv_heads: 1, head_dim: 64, ffn: 128, vocabulary: 100, context: 64, rope_theta: 1e4}
Y
broken workload workload-unknown-dtype "5:8: .*bf61" <<'Y'
schema: 1
name: small
family: llama
source: none
dtype: bf61
model: {layers: 2, hidden: 64, heads: 1, kv_heads: 1, head_dim: 64, ffn: 128, vocabulary: 100, context: 64, rope_theta: 1e4}
Y
broken host host-negative "4:9: .*" <<'Y'
schema: 1
name: fast
description: answers before it is asked
call_s: -1e-6
call_low_s: 0
call_high_s: 0
step_s: 0
launch_scale_ratio: 1
Y
broken host host-missing-key "1:1: .*launch_scale_ratio" <<'Y'
schema: 1
name: fast
description: forgets its launches
call_s: 0
call_low_s: 0
call_high_s: 0
step_s: 0
Y
broken sweep sweep-unknown-knob "[0-9]+:[0-9]+: .*count" <<'Y'
schema: 1
name: s
question: q
machines: [h200-sxm]
workloads: [codellama-7b/humaneval]
levers: [baseline]
vary:
  sm.cuont: [1, 2]
Y
broken sweep sweep-unknown-machine "4:12: .*h200" <<'Y'
schema: 1
name: s
question: q
machines: [h200-smx]
workloads: [codellama-7b/humaneval]
levers: [baseline]
vary: {sm.count: [64, 132]}
Y
broken sweep sweep-unknown-lever "6:10: .*int9" <<'Y'
schema: 1
name: s
question: q
machines: [h200-sxm]
workloads: [codellama-7b/humaneval]
levers: [compile weights=int9]
vary: {sm.count: [64, 132]}
Y
broken sweep sweep-out-of-range "7:[0-9]+: .*" <<'Y'
schema: 1
name: s
question: q
machines: [h200-sxm]
workloads: [codellama-7b/humaneval]
levers: [baseline]
vary: {sm.count: [64, -1]}
Y
broken sweep sweep-no-values "7:[0-9]+: .*" <<'Y'
schema: 1
name: s
question: q
machines: [h200-sxm]
workloads: [codellama-7b/humaneval]
levers: [baseline]
vary: {sm.count: []}
Y

broken sweep sweep-derive-unknown-name "8:26: .*l2\.slices" <<'Y'
schema: 1
name: x
machines: [h200-sxm]
workloads: [codellama-7b]
levers: [compile]
vary: {l2.slices: [80, 96]}
derive:
  l2.bytes_per_clk: 64 * l2.slcies
Y
broken sweep sweep-derive-varied "8:3: .*moved by a knob" <<'Y'
schema: 1
name: x
machines: [h200-sxm]
workloads: [codellama-7b]
levers: [compile]
vary: {l2.slices: [80, 96]}
derive:
  l2.slices: sm.count
Y
broken sweep sweep-derive-cycle "7:3: .*follows itself" <<'Y'
schema: 1
name: x
machines: [h200-sxm]
workloads: [codellama-7b]
levers: [compile]
derive:
  l2.slices: 2 * l2.bytes_per_clk
  l2.bytes_per_clk: l2.slices / 2
Y
broken sweep sweep-derive-unit "7:18: .*h200-sxm.*from" <<'Y'
schema: 1
name: x
machines: [h200-sxm]
workloads: [codellama-7b]
levers: [compile]
derive:
  power.limit_w: 700 * sm.count * sm.clock_max_hz
Y
broken sweep sweep-range-step "7:[0-9]+: .*whole number of steps" <<'Y'
schema: 1
name: x
machines: [h200-sxm]
workloads: [codellama-7b]
levers: [compile]
vary:
  sm.count: {range: {from: 60, to: 131, step: 4}}
Y
broken sweep sweep-range-log-step "7:[0-9]+: .*count, not step" <<'Y'
schema: 1
name: x
machines: [h200-sxm]
workloads: [codellama-7b]
levers: [compile]
vary:
  sm.count: {range: {from: 60, to: 120, step: 60, spacing: log}}
Y

# ---- what is asked of designs; the number of points that the file would have made stands behind ----
sweep_case() { # NAME EXPECTED: the text from stdin behind the usual head of six lines
    { printf 'schema: 1\nname: s\nmachines: [h200-sxm]\nworkloads: [codellama-7b/humaneval]\nlevers: [compile]\nvary: {sm.count: [64, 132]}\n'; cat; } >"$1.yaml"
    check sweep "$1.yaml" "$2"
}
sweep_case sweep-constraint-name "7:15: unknown name 'tpot_p95_s'; did you mean tpot_p9.* \(2 points as written\)" <<'Y'
constraints: [tpot_p95_s <= 0.01]
Y
sweep_case sweep-constraint-sense "8:15: expected <= or >=, not '< 0.01' \(2 points as written\)" <<'Y'
constraints:
  - latency_s < 0.01
Y
sweep_case sweep-constraint-unit "8:18: not a number: '10ms'.*\(2 points as written\)" <<'Y'
constraints:
  - latency_s <= 10ms
Y
sweep_case sweep-constraint-formula "8:27: unknown name 'sm\.'.*\(2 points as written\)" <<'Y'
constraints:
  - latency_s <= 2 * (1 + sm. * 3)
Y
sweep_case sweep-objective-name "7:14: unknown objective 'latncy_s'; did you mean latency_s \(2 points" <<'Y'
objectives: [latncy_s]
Y
sweep_case sweep-objective-twice "7:24: .*stands twice" <<'Y'
objectives: [cost_usd, cost_usd]
Y
sweep_case sweep-search-method "7:18: unknown search method 'evolv'; did you mean evolve \(2 points" <<'Y'
search: {method: evolv}
Y
sweep_case sweep-search-key "7:27: .*evaluations" <<'Y'
search: {method: evolve,  evaluation: 10}
Y
sweep_case sweep-search-annealing "7:18: annealing follows one objective, not 3" <<'Y'
search: {method: anneal}
Y
sweep_case sweep-search-number "7:[0-9]+: .*-5" <<'Y'
search: {method: evolve, evaluations: -5}
Y
sweep_case sweep-site "7:7: .*moon.*\(2 points" <<'Y'
site: moon
Y
sweep_case sweep-no-site "1:1: usd_per_million depends on where the GPU stands.*\(2 points" <<'Y'
objectives: [usd_per_million]
Y
sweep_case sweep-mix-and-workloads "4:12: .*one of workloads and mix" <<'Y'
mix: {codellama-7b/humaneval: 1}
Y
sweep_case sweep-derive-formula "8:49: expected '\)' at the end \(2 points" <<'Y'
derive:
  power.limit_w: 700 * (sm.count / base(sm.count
Y
broken sweep sweep-mix-weight "4:32: .*\(1 point as written\)" <<'Y'
schema: 1
name: s
machines: [h200-sxm]
mix: {codellama-7b/humaneval:  -1}
levers: [compile]
Y
broken sweep sweep-mix-name "5:3: .*humanevol.*\(36 points as written\)" <<'Y'
schema: 1
name: s
machines: [h200-sxm, h100-sxm]
mix:
  codellama-7b/humanevol: 1
  hstu/h-a: 2
batch: [1, 8, 16]
levers: {preset: [compile], weights: [bf16, int8, int4]}
Y
broken sweep sweep-several-workloads "4:12: .*a mix says" <<'Y'
schema: 1
name: s
machines: [h200-sxm]
workloads: [codellama-7b/humaneval, hstu/h-a]
levers: [compile]
constraints: [latency_s <= 1]
Y
broken sweep sweep-crossed-lever "5:45: .*int9.*\(3 points" <<'Y'
schema: 1
name: s
machines: [h200-sxm]
workloads: [codellama-7b/humaneval]
levers: {preset: [compile], weights: [bf16, int9, int4]}
Y
broken sweep sweep-crossed-key "5:29: .*wieghts.*weights.*\(1 point" <<'Y'
schema: 1
name: s
machines: [h200-sxm]
workloads: [codellama-7b/humaneval]
levers: {preset: [compile], wieghts: [bf16]}
Y
broken sweep sweep-crossed-preset "5:9: .*preset" <<'Y'
schema: 1
name: s
machines: [h200-sxm]
workloads: [codellama-7b/humaneval]
levers: {weights: [int8, int4]}
Y
broken sweep sweep-too-many "1:1: .*search a larger space \(1000000000 points as written\)" <<'Y'
schema: 1
name: s
machines: [h200-sxm]
workloads: [codellama-7b/humaneval]
levers: [compile]
vary:
  sm.count: {range: {from: 1, to: 1000, step: 1}}
  l2.bytes: {range: {from: 1e6, to: 1e9, step: 1e6}}
  sm.clock_max_hz: {range: {from: 1e9, to: 2e9, count: 1000}}
Y
broken sweep sweep-range-both "7:21: .*one of count and step.*\(" <<'Y'
schema: 1
name: s
machines: [h200-sxm]
workloads: [codellama-7b/humaneval]
levers: [compile]
vary:
  sm.count: {range: {from: 1, to: 1000, step: 1, count: 5}}
Y

# ---- the same thing twice ----
twice() { # NAME EXPECTED KEY TEXT: a sweep with another list
    sed "s|^$3:.*|$3: $4|" >"$1.yaml" <<'Y'
schema: 1
name: s
machines: [h200-sxm]
workloads: [codellama-7b/humaneval]
batch: [1]
levers: [compile]
vary: {sm.count: [66, 132]}
Y
    check sweep "$1.yaml" "$2"
}
twice machine-twice "3:26: .*h200-sxm.*twice" machines "[h200-sxm, l4, h200-sxm]"
twice workload-twice "4:37: .*codellama-7b/humaneval.*twice" workloads "[codellama-7b/humaneval, codellama-7b/humaneval]"
twice batch-twice "5:15: .*8 stands twice" batch "[1, 8, 8]"
twice lever-set-twice "6:19: .*compile.*twice" levers "[compile, compile]"
twice value-twice "7:23: .*66 stands twice" vary "{sm.count: [66, 66]}"

finish

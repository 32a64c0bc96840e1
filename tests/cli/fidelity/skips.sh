# Without the public tables every line that needs them says so; shipped steps and speed are scored all the same.
ingot fidelity --no-ablation "$PWD/none"

# Fifteen tasks by six presets: every cell is a result or says why not.
ingot sweep "$SOURCE/configs/sweeps/paper.yaml" --all >cells
grep -c '^  a100-sxm-80gb' cells
grep -c 'not applicable: no LayerSkip checkpoint' cells
grep -v 'not applicable' cells | grep -c '^  a100-sxm-80gb .* %'

ingot list presets

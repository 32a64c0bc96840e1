ingot

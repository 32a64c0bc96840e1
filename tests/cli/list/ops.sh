ingot list ops

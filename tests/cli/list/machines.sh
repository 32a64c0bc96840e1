ingot list machines

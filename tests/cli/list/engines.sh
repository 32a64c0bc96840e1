ingot list engines

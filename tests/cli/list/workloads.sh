ingot list workloads

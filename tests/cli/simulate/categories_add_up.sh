# Categories sum to the latency, idle included.
ingot simulate --machine h200-sxm --workload codellama-7b/humaneval --preset sdpa --json | awk -F': ' '
    /^  "latency_s"/ { latency = $2 + 0 }
    /^  }/ { inside = 0 }
    inside { sum += $2 }
    /^  "categories"/ { inside = 1 }
    END {
        ratio = sum / latency
        print (ratio > 1 - 1e-9 && ratio < 1 + 1e-9) ? "add up" : sum " is not " latency
    }'

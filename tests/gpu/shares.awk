# Each row of a file that `ingot bench` wrote: its bandwidth, and that as a share of the copy whose bytes are nearest.
#     awk -f tests/gpu/shares.awk FILE
# Bytes are each input read once and each output written once. Sizes that the last line counts are those of the copies.
BEGIN { FS = "," }
NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
{
    n++
    op[n] = $column["op"]; bytes[n] = $column["work_bytes"]; rate[n] = bytes[n] / $column["measured_us"] / 1e6
    shape[n] = ""
    for (name in column)
        if (column[name] < column["measured_us"] && column[name] > 1 && $column[name] != "")
            shape[n] = shape[n] " " name "=" $column[name]
    if (op[n] == "copy") copies[++copy_count] = n
}
END {
    for (i = 1; i <= n; i++) {
        near = copies[1]
        for (c = 1; c <= copy_count; c++) {
            d = bytes[copies[c]] - bytes[i]; e = bytes[near] - bytes[i]
            if (d * d < e * e) near = copies[c]
        }
        share = copy_count ? 100 * rate[i] / rate[near] : 0
        below += share < 85
        printf "%-11s %6.0f MB %5.2f TB/s %4.0f %% of a copy%s %s\n", op[i], bytes[i] / 1e6, rate[i], share, share < 85 ? " BELOW" : "", shape[i]
    }
    printf "%d of %d rows below 85 %% of the copy of nearest size\n", below, n
}

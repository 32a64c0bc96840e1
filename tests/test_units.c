#include "core/base/units.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

static void shows(unit u, double value, const char *expected) {
    unit_text shown = unit_format(u, value);
    cr_expect_str_eq(shown.text, expected, "%.17g shown as '%s', not '%s'", value, shown.text, expected);
}

Test(units, three_significant_digits_and_a_prefix) {
    shows(UNIT_SECONDS, 0.0123456, "12.3 ms");
    shows(UNIT_SECONDS, 3.3e-6, "3.30 µs");
    shows(UNIT_SECONDS, 125, "125 s");
    shows(UNIT_SECONDS, 86400, "86,400 s");
    shows(UNIT_BYTES_PER_SECOND, 4.8e12, "4.80 TB/s");
    shows(UNIT_BYTES, 66.96e9, "67.0 GB");
    shows(UNIT_BYTES, 12, "12.0 B");
    shows(UNIT_HERTZ, 1.98e9, "1.98 GHz");
    shows(UNIT_FLOPS_PER_SECOND, 989.5e12, "990 TFLOP/s");
    shows(UNIT_JOULES, 2.5e-12, "2.50 pJ");
    shows(UNIT_WATTS, 700, "700 W");
    shows(UNIT_SQUARE_METRES, 814e-6, "814 mm²");
    shows(UNIT_FRACTION, 0.1234, "12.3 %");
    shows(UNIT_FRACTION, 1, "100 %");
    shows(UNIT_DOLLARS, 32500, "$32.5 k");
    shows(UNIT_DOLLARS, 0.0123, "$0.0123");
    shows(UNIT_DOLLARS, -5, "−$5.00");
}

Test(units, rounding_carries_into_the_next_prefix) {
    shows(UNIT_SECONDS, 0.9999, "1.00 s");
    shows(UNIT_SECONDS, 0.9994, "999 ms");
    shows(UNIT_SECONDS, 999.6e-6, "1.00 ms");
    shows(UNIT_BYTES, 999.5e6, "1.00 GB");
    shows(UNIT_PLAIN, 9.996, "10.0");
}

Test(units, plain_numbers_keep_whole_values) {
    shows(UNIT_PLAIN, 132, "132");
    shows(UNIT_PLAIN, 1663, "1,663");
    shows(UNIT_PLAIN, 1234567, "1,234,567");
    shows(UNIT_PLAIN, -12345, "−12,345");
    shows(UNIT_PLAIN, 0, "0");
    shows(UNIT_PLAIN, -0.0, "0");
    shows(UNIT_PLAIN, 0.7312, "0.731");
    shows(UNIT_PLAIN, 123456789, "123 M");
}

Test(units, unknown_zero_and_infinite) {
    shows(UNIT_SECONDS, NAN, "–");
    shows(UNIT_SECONDS, 0, "0 s");
    shows(UNIT_DOLLARS, 0, "$0");
    shows(UNIT_BYTES, INFINITY, "infinite");
    shows(UNIT_SECONDS, 1e-20, "1.00e-08 ps");
}

Test(units, shown_value_is_within_half_a_unit_of_the_third_digit) {
    srand(7);
    for (int i = 0; i < 20000; i++) {
        double value = exp((rand() / (double)RAND_MAX - 0.5) * 40); /* 2e-9 to 5e8 */
        unit_text shown = unit_format(UNIT_WATTS, value);
        double scale = strchr(shown.text, 'n')   ? 1e-9
                       : strstr(shown.text, "µ") ? 1e-6
                       : strchr(shown.text, 'm') ? 1e-3
                       : strchr(shown.text, 'k') ? 1e3
                       : strchr(shown.text, 'M') ? 1e6
                       : strchr(shown.text, 'G') ? 1e9
                                                 : 1;
        double read_back = atof(shown.text) * scale;
        cr_assert_float_eq(read_back / value, 1, 0.00501, "%.17g shown as '%s'", value, shown.text);
        double mantissa = atof(shown.text);
        cr_assert(mantissa >= 1 && mantissa < 1000, "'%s' has the wrong prefix", shown.text);
    }
}

Test(units, the_key_states_the_unit) {
    cr_expect_eq(unit_of_key("hbm.bandwidth_bytes_per_s"), UNIT_BYTES_PER_SECOND);
    cr_expect_eq(unit_of_key("host.launch_s"), UNIT_SECONDS);
    cr_expect_eq(unit_of_key("l2.size_bytes"), UNIT_BYTES);
    cr_expect_eq(unit_of_key("l2.bytes"), UNIT_BYTES);
    cr_expect_eq(unit_of_key("area.die_m2"), UNIT_SQUARE_METRES);
    cr_expect_eq(unit_of_key("sm.count"), UNIT_PLAIN);
    cr_expect_eq(unit_of_key("sm.clock_max_hz"), UNIT_HERTZ);
    cr_expect_eq(unit_of_key("_s"), UNIT_PLAIN);
    cr_expect_eq(unit_of_key(""), UNIT_PLAIN);
    cr_expect_eq(unit_stem_of_key("hbm.bandwidth_bytes_per_s"), strlen("hbm.bandwidth"));
    cr_expect_eq(unit_stem_of_key("l2.bytes"), strlen("l2.bytes"));
}

Test(units, scale_for_an_axis) {
    unit_scale scale = unit_scale_for(UNIT_SECONDS, 0.25);
    cr_expect_str_eq(scale.label, "ms");
    cr_expect_float_eq(scale.factor, 1e3, 1e-9);
    scale = unit_scale_for(UNIT_SQUARE_METRES, 8e-4);
    cr_expect_str_eq(scale.label, "mm²");
    cr_expect_float_eq(scale.factor, 1e6, 1e-6);
    cr_expect_str_eq(unit_scale_for(UNIT_PLAIN, 1e9).label, "");
}

Test(units, a_column_in_one_scale) {
    unit_scale scale = unit_scale_for(UNIT_SECONDS, 3.41);
    cr_expect_str_eq(unit_format_in(UNIT_SECONDS, scale, 3.41).text, "3.41 s");
    cr_expect_str_eq(unit_format_in(UNIT_SECONDS, scale, 0.9).text, "0.900 s");
    cr_expect_str_eq(unit_format_in(UNIT_SECONDS, scale, 0.9996).text, "1.00 s");
    cr_expect_str_eq(unit_format_in(UNIT_SECONDS, scale, NAN).text, "–");
    scale = unit_scale_for(UNIT_DOLLARS, 5200);
    cr_expect_str_eq(unit_format_in(UNIT_DOLLARS, scale, 5200).text, "$5.20 k");
    cr_expect_str_eq(unit_format_in(UNIT_DOLLARS, scale, -830).text, "−$0.830 k");
    cr_expect_str_eq(unit_format_in(UNIT_PLAIN, unit_scale_for(UNIT_PLAIN, 1e6), 1663).text, "1,663");
}

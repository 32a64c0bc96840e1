#include "sim/explore/formula.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

typedef struct numbers {
    double a, b_c;
} numbers;

static bool find(const void *context, const char *name, bool base, formula_variable *out) {
    (void)context;
    bool found = true;
    if (strcmp(name, "a") == 0)
        *out = (formula_variable){base, offsetof(numbers, a)};
    else if (strcmp(name, "b.c") == 0)
        *out = (formula_variable){base, offsetof(numbers, b_c)};
    else
        found = false;
    return found;
}

static const char *const names[] = {"a", "b.c"};
static const formula_scope scope = {find, NULL, names, 2};

static config_node scalar(const char *text) {
    return (config_node){.kind = CONFIG_SCALAR, .plain = true, .file = "f.yaml", .line = 3, .column = 10, .text = text};
}

static double value_of(const char *text) {
    arena memory = {0};
    const config_node node = scalar(text);
    const numbers now = {.a = 3, .b_c = 0.5}, base = {.a = 12, .b_c = 0.25};
    const void *const tables[] = {&now, &base};
    formula f;
    error err = {""};
    double value = NAN;
    cr_assert_eq(formula_parse(&memory, &node, &scope, &f, &err), STATUS_OK, "%s: %s", text, err.text);
    value = formula_value(&f, tables);
    arena_free(&memory);
    return value;
}

Test(formula, arithmetic) {
    cr_expect_eq(value_of("1 + 2 * 3"), 7);
    cr_expect_eq(value_of("(1 + 2) * 3"), 9);
    cr_expect_eq(value_of("10 - 4 - 3"), 3);
    cr_expect_eq(value_of("16 / 4 / 2"), 2);
    cr_expect_eq(value_of("2 ^ 3 ^ 2"), 512);
    cr_expect_eq(value_of("-2 ^ 2"), -4);
    cr_expect_eq(value_of("2 ^ -1"), 0.5);
    cr_expect_eq(value_of("--3 - -1"), 4);
    cr_expect_eq(value_of("1.5e3"), 1500);
    cr_expect_eq(value_of(" 2e-1*1e+1 "), 2);
}

Test(formula, names_and_functions) {
    cr_expect_eq(value_of("a * b.c"), 1.5);
    cr_expect_eq(value_of("a / base(a)"), 0.25);
    cr_expect_eq(value_of("a*base(b.c)"), 0.75);
    cr_expect_eq(value_of("max(1, a, 2)"), 3);
    cr_expect_eq(value_of("min(a, b.c, 2)"), 0.5);
    cr_expect_eq(value_of("round(2.6) + floor(2.6) + ceil(2.2) + sqrt(16)"), 12);
    cr_expect_float_eq(value_of("exp(log(a))"), 3, 1e-15);
}

Test(formula, what_is_unknown_stays_so) {
    cr_expect(isnan(value_of("max(0 / 0, 1)")));
    cr_expect(isnan(value_of("min(1, 0 / 0)")));
    cr_expect(isinf(value_of("a / (b.c - 0.5)")));
}

static void refused(const char *text, const char *message) {
    arena memory = {0};
    const config_node node = scalar(text);
    formula f;
    error err = {""};
    cr_expect_eq(formula_parse(&memory, &node, &scope, &f, &err), STATUS_BAD_INPUT, "%s", text);
    cr_expect_str_eq(err.text, message, "%s: %s", text, err.text);
    arena_free(&memory);
}

Test(formula, errors_stand_at_their_character) {
    refused("", "f.yaml:3:10: expected a number or a name at the end");
    refused("1 +", "f.yaml:3:13: expected a number or a name at the end");
    refused("1 + * 2", "f.yaml:3:14: expected a number or a name, not '* 2'");
    refused("(1 + 2", "f.yaml:3:16: expected ')' at the end");
    refused("1 2", "f.yaml:3:12: expected an operator, not '2'");
    refused("2 * b.d", "f.yaml:3:14: unknown name 'b.d'; did you mean b.c");
    refused("a + base(zebra)", "f.yaml:3:19: unknown name 'zebra'");
    refused("sine(1)", "f.yaml:3:10: no function 'sine'; there are base, min, max, sqrt, exp, log, round, floor and "
                       "ceil");
    refused("max(1)", "f.yaml:3:10: max takes two or more arguments");
    refused("sqrt(1, 2)", "f.yaml:3:16: expected ')', not ', 2)'");
    refused("1.98GHz", "f.yaml:3:10: not a number: '1.98GHz' (write SI units without a suffix)");
    refused("1.2.3", "f.yaml:3:10: not a number: '1.2.3'");
    refused("1 < 2", "f.yaml:3:12: expected an operator, not '< 2'");
}

Test(formula, depth_is_bounded) {
    char text[FORMULA_TEXT_MAX + 2];
    arena memory = {0};
    formula f;
    error err;
    const char *const patterns[] = {"(", "-(", "1+(", "2^", "max(1,", "1-2^("};
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        text[0] = '\0';
        while (strlen(text) + strlen(patterns[i]) <= FORMULA_TEXT_MAX)
            strcat(text, patterns[i]);
        const config_node node = scalar(text);
        cr_expect_eq(formula_parse(&memory, &node, &scope, &f, &err), STATUS_BAD_INPUT);
    }
    memset(text, '1', FORMULA_TEXT_MAX + 1);
    text[FORMULA_TEXT_MAX + 1] = '\0';
    const config_node node = scalar(text);
    cr_expect_eq(formula_parse(&memory, &node, &scope, &f, &err), STATUS_BAD_INPUT);
    arena_free(&memory);
}

Test(formula, relations) {
    arena memory = {0};
    const config_node node = scalar("a * 2 <= 10 - b.c"), other = scalar("a >= 4"), none = scalar("a"),
                      equal = scalar("a = 3");
    const numbers now = {.a = 3, .b_c = 0.5};
    const void *const tables[] = {&now, &now};
    formula_relation r;
    error err = {""};
    cr_assert_eq(formula_parse_relation(&memory, &node, &scope, &r, &err), STATUS_OK, "%s", err.text);
    cr_expect_eq(formula_value(&r.left, tables), 6);
    cr_expect_eq(formula_value(&r.right, tables), 9.5);
    cr_expect_not(r.at_least);
    cr_assert_eq(formula_parse_relation(&memory, &other, &scope, &r, &err), STATUS_OK, "%s", err.text);
    cr_expect(r.at_least);
    cr_expect_eq(formula_parse_relation(&memory, &none, &scope, &r, &err), STATUS_BAD_INPUT);
    cr_expect_str_eq(err.text, "f.yaml:3:11: expected <= or >= at the end");
    cr_expect_eq(formula_parse_relation(&memory, &equal, &scope, &r, &err), STATUS_BAD_INPUT);
    cr_expect_str_eq(err.text, "f.yaml:3:12: expected <= or >=, not '= 3'");
    arena_free(&memory);
}

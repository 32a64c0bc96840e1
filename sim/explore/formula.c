#include "sim/explore/formula.h"

#include "core/base/hash.h"
#include "core/base/number.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <string.h>

typedef enum step_kind {
    STEP_NUMBER,
    STEP_VARIABLE,
    STEP_NEGATE,
    STEP_ADD,
    STEP_SUBTRACT,
    STEP_MULTIPLY,
    STEP_DIVIDE,
    STEP_POWER,
    STEP_MIN,
    STEP_MAX,
    STEP_SQRT,
    STEP_EXP,
    STEP_LOG,
    STEP_ROUND,
    STEP_FLOOR,
    STEP_CEIL,
} step_kind;

struct formula_step {
    step_kind kind;
    double number;
    formula_variable variable;
};

static const struct {
    const char *name;
    step_kind kind;
    bool several; /* two or more arguments; else one */
} functions[] = {
    {"min", STEP_MIN, true},  {"max", STEP_MAX, true},      {"sqrt", STEP_SQRT, false},   {"exp", STEP_EXP, false},
    {"log", STEP_LOG, false}, {"round", STEP_ROUND, false}, {"floor", STEP_FLOOR, false}, {"ceil", STEP_CEIL, false},
};
enum { FUNCTION_COUNT = sizeof functions / sizeof functions[0], NAME_BYTES = 64 };

/* ---- compiling ---- */

typedef struct parser {
    const config_node *node;
    const formula_scope *scope;
    const char *at; /* in node->text */
    formula_step *steps;
    size_t count;
    size_t depth, brackets;
    error *err;
} parser;

static bool spans_lines(const config_node *node) {
    return strchr(node->text, '\n') != NULL;
}

/* An error at a character of the scalar. */
#define FAIL(p, place, ...)                                                                                            \
    error_at((p)->err, (p)->node->file, (p)->node->line,                                                               \
             (p)->node->column +                                                                                       \
                 (spans_lines((p)->node) ? 0 : (int)((place) - (p)->node->text) + ((p)->node->plain ? 0 : 1)),         \
             __VA_ARGS__)

static void skip_blanks(parser *p) {
    p->at += strspn(p->at, " \t\n");
}

static bool accept(parser *p, char c) {
    skip_blanks(p);
    if (*p->at != c)
        return false;
    p->at++;
    return true;
}

static status expect(parser *p, char c) {
    if (accept(p, c))
        return STATUS_OK;
    return *p->at ? FAIL(p, p->at, "expected '%c', not '%.20s'", c, p->at)
                  : FAIL(p, p->at, "expected '%c' at the end", c);
}

/* `pushed`: by how much the evaluation stack grows. */
static status emit(parser *p, formula_step step, int pushed) {
    assert(p->count < FORMULA_STEPS_MAX);
    p->steps[p->count++] = step;
    p->depth = (size_t)((int)p->depth + pushed);
    return p->depth > FORMULA_DEPTH_MAX
               ? FAIL(p, p->at, "more than %d values wait for their operators", FORMULA_DEPTH_MAX)
               : STATUS_OK;
}

static status parse_sum(parser *p);

static size_t name_length(const char *text) {
    static const char first[] = "abcdefghijklmnopqrstuvwxyz", rest[] = "abcdefghijklmnopqrstuvwxyz0123456789_.";
    return strspn(text, first) > 0 ? strspn(text, rest) : 0;
}

static status parse_number(parser *p) {
    static const char digits[] = "0123456789";
    const char *end = p->at + strspn(p->at, "0123456789.");
    if ((*end == 'e' || *end == 'E') && (end[1] == '+' || end[1] == '-' || strspn(end + 1, digits) > 0))
        end += 2 + strspn(end + 2, digits);
    char text[NAME_BYTES];
    size_t length = (size_t)(end - p->at);
    double value;
    if (length >= sizeof text)
        return FAIL(p, p->at, "a number this long");
    memcpy(text, p->at, length);
    text[length] = '\0';
    if (!number_parse(text, &value))
        return FAIL(p, p->at, "not a number: '%s'", text);
    if (isalpha((unsigned char)*end))
        return FAIL(p, p->at, "not a number: '%s%.20s' (write SI units without a suffix)", text, end);
    p->at = end;
    return emit(p, (formula_step){.kind = STEP_NUMBER, .number = value}, 1);
}

static status unknown_name(parser *p, const char *start, const char *name) {
    const char *nearest = config_nearest(name, p->scope->names, p->scope->name_count);
    return FAIL(p, start, "unknown name '%s'%s%s", name, nearest ? "; did you mean " : "", nearest ? nearest : "");
}

static status parse_variable(parser *p, const char *start, const char *name, bool base) {
    formula_step step = {.kind = STEP_VARIABLE};
    if (!p->scope->find(p->scope->context, name, base, &step.variable))
        return unknown_name(p, start, name);
    return emit(p, step, 1);
}

static status take_name(parser *p, char name[NAME_BYTES]) {
    size_t length = name_length(p->at);
    if (length == 0)
        return *p->at ? FAIL(p, p->at, "expected a number or a name, not '%.20s'", p->at)
                      : FAIL(p, p->at, "expected a number or a name at the end");
    if (length >= NAME_BYTES)
        return FAIL(p, p->at, "a name this long");
    memcpy(name, p->at, length);
    name[length] = '\0';
    p->at += length;
    return STATUS_OK;
}

static status parse_base(parser *p) {
    char name[NAME_BYTES];
    skip_blanks(p);
    const char *start = p->at;
    status result = take_name(p, name);
    if (result == STATUS_OK)
        result = parse_variable(p, start, name, true);
    return result == STATUS_OK ? expect(p, ')') : result;
}

static status parse_call(parser *p, const char *start, const char *name) {
    size_t f = 0;
    while (f < FUNCTION_COUNT && strcmp(functions[f].name, name) != 0)
        f++;
    if (f == FUNCTION_COUNT)
        return FAIL(p, start, "no function '%s'; there are base, min, max, sqrt, exp, log, round, floor and ceil",
                    name);
    status result = parse_sum(p);
    size_t arguments = 1;
    while (result == STATUS_OK && functions[f].several && accept(p, ',')) {
        arguments++;
        result = parse_sum(p);
        if (result == STATUS_OK)
            result = emit(p, (formula_step){.kind = functions[f].kind}, -1);
    }
    if (result == STATUS_OK && functions[f].several && arguments < 2)
        return FAIL(p, start, "%s takes two or more arguments", name);
    if (result == STATUS_OK && !functions[f].several)
        result = emit(p, (formula_step){.kind = functions[f].kind}, 0);
    return result == STATUS_OK ? expect(p, ')') : result;
}

static status parse_atom(parser *p) {
    skip_blanks(p);
    const char *start = p->at;
    if (strspn(p->at, "0123456789.") > 0)
        return parse_number(p);
    if (p->brackets == FORMULA_DEPTH_MAX)
        return FAIL(p, p->at, "more than %d brackets within each other", FORMULA_DEPTH_MAX);
    p->brackets++;
    status result;
    char name[NAME_BYTES];
    if (accept(p, '(')) {
        result = parse_sum(p);
        if (result == STATUS_OK)
            result = expect(p, ')');
    } else if ((result = take_name(p, name)) == STATUS_OK) {
        if (!accept(p, '('))
            result = parse_variable(p, start, name, false);
        else
            result = strcmp(name, "base") == 0 ? parse_base(p) : parse_call(p, start, name);
    }
    p->brackets--;
    return result;
}

static status parse_factor(parser *p) {
    bool negative = false;
    while (accept(p, '-'))
        negative = !negative;
    status result = parse_atom(p);
    if (result == STATUS_OK && accept(p, '^')) {
        if (p->brackets++ == FORMULA_DEPTH_MAX)
            return FAIL(p, p->at, "more than %d powers within each other", FORMULA_DEPTH_MAX);
        result = parse_factor(p);
        p->brackets--;
        if (result == STATUS_OK)
            result = emit(p, (formula_step){.kind = STEP_POWER}, -1);
    }
    return result == STATUS_OK && negative ? emit(p, (formula_step){.kind = STEP_NEGATE}, 0) : result;
}

static status parse_product(parser *p) {
    status result = parse_factor(p);
    while (result == STATUS_OK) {
        bool times = accept(p, '*');
        if (!times && !accept(p, '/'))
            break;
        result = parse_factor(p);
        if (result == STATUS_OK)
            result = emit(p, (formula_step){.kind = times ? STEP_MULTIPLY : STEP_DIVIDE}, -1);
    }
    return result;
}

static status parse_sum(parser *p) {
    status result = parse_product(p);
    while (result == STATUS_OK) {
        bool plus = accept(p, '+');
        if (!plus && !accept(p, '-'))
            break;
        result = parse_product(p);
        if (result == STATUS_OK)
            result = emit(p, (formula_step){.kind = plus ? STEP_ADD : STEP_SUBTRACT}, -1);
    }
    return result;
}

static status begin(arena *a, const config_node *node, const formula_scope *scope, parser *p, error *err) {
    if (node->kind != CONFIG_SCALAR)
        return CONFIG_ERROR(node, err, "expected a formula, not a list or mapping");
    if (strlen(node->text) > FORMULA_TEXT_MAX)
        return CONFIG_ERROR(node, err, "a formula of more than %d characters", FORMULA_TEXT_MAX);
    *p = (parser){.node = node, .scope = scope, .at = node->text, .err = err};
    p->steps = ARENA_ARRAY(a, formula_step, FORMULA_STEPS_MAX);
    return STATUS_OK;
}

static formula finish(arena *a, parser *p) {
    formula_step *steps = ARENA_ARRAY(a, formula_step, p->count);
    memcpy(steps, p->steps, p->count * sizeof *steps);
    formula out = {steps, p->count};
    p->count = p->depth = 0;
    return out;
}

static status expect_end(parser *p) {
    skip_blanks(p);
    return *p->at ? FAIL(p, p->at, "expected an operator, not '%.20s'", p->at) : STATUS_OK;
}

status formula_parse(arena *a, const config_node *node, const formula_scope *scope, formula *out, error *err) {
    parser p = {.at = ""};
    arena scratch = {0};
    status result = begin(&scratch, node, scope, &p, err);
    if (result == STATUS_OK)
        result = parse_sum(&p);
    if (result == STATUS_OK)
        result = expect_end(&p);
    if (result == STATUS_OK)
        *out = finish(a, &p);
    arena_free(&scratch);
    return result;
}

status formula_parse_relation(arena *a, const config_node *node, const formula_scope *scope, formula_relation *out,
                              error *err) {
    parser p = {.at = ""};
    arena scratch = {0};
    status result = begin(&scratch, node, scope, &p, err);
    if (result == STATUS_OK)
        result = parse_sum(&p);
    if (result == STATUS_OK) {
        out->left = finish(a, &p);
        skip_blanks(&p);
        out->at_least = p.at[0] == '>';
        if ((p.at[0] != '<' && p.at[0] != '>') || p.at[1] != '=')
            result = *p.at ? FAIL(&p, p.at, "expected <= or >=, not '%.20s'", p.at)
                           : FAIL(&p, p.at, "expected <= or >= at the end");
        else
            p.at += 2;
    }
    if (result == STATUS_OK)
        result = parse_sum(&p);
    if (result == STATUS_OK)
        result = expect_end(&p);
    if (result == STATUS_OK) {
        out->right = finish(a, &p);
        out->text = arena_strdup(a, node->text);
    }
    arena_free(&scratch);
    return result;
}

/* ---- evaluating ---- */

static double load(const void *const *tables, formula_variable variable) {
    double value;
    memcpy(&value, (const char *)tables[variable.table] + variable.offset, sizeof value);
    return value;
}

static double apply(step_kind kind, double x, double y) {
    switch (kind) {
    case STEP_ADD:
        return x + y;
    case STEP_SUBTRACT:
        return x - y;
    case STEP_MULTIPLY:
        return x * y;
    case STEP_DIVIDE:
        return x / y;
    case STEP_POWER:
        return pow(x, y);
    case STEP_MIN:
        return isnan(x) || x < y ? x : y; /* unknown stays unknown */
    case STEP_MAX:
        return isnan(x) || x > y ? x : y;
    case STEP_NEGATE:
        return -y;
    case STEP_SQRT:
        return sqrt(y);
    case STEP_EXP:
        return exp(y);
    case STEP_LOG:
        return log(y);
    case STEP_ROUND:
        return round(y);
    case STEP_FLOOR:
        return floor(y);
    default:
        return ceil(y);
    }
}

double formula_value(const formula *f, const void *const *tables) {
    double stack[FORMULA_DEPTH_MAX + 1] = {0};
    size_t top = 0;
    for (size_t i = 0; i < f->count; i++) {
        const formula_step *step = &f->steps[i];
        if (step->kind == STEP_NUMBER) {
            stack[top++] = step->number;
        } else if (step->kind == STEP_VARIABLE) {
            stack[top++] = load(tables, step->variable);
        } else if (step->kind == STEP_NEGATE || step->kind >= STEP_SQRT) {
            stack[top - 1] = apply(step->kind, 0, stack[top - 1]);
        } else {
            top--;
            stack[top - 1] = apply(step->kind, stack[top - 1], stack[top]);
        }
    }
    return stack[0];
}

bool formula_reads(const formula *f, formula_variable variable) {
    for (size_t i = 0; i < f->count; i++)
        if (f->steps[i].kind == STEP_VARIABLE && f->steps[i].variable.table == variable.table &&
            f->steps[i].variable.offset == variable.offset)
            return true;
    return false;
}

uint64_t formula_hash(const formula *f, uint64_t state) {
    for (size_t i = 0; i < f->count; i++) {
        const formula_step *step = &f->steps[i];
        const double numbers[] = {step->kind, step->number, step->variable.table, (double)step->variable.offset};
        state = hash_fnv1a64(state, numbers, sizeof numbers);
    }
    return state;
}

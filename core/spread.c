#include "core/spread.h"

#include "core/base/random.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Keeps a logit away from the bounds, where it has no end. */
static const double LOGIT_MARGIN = 1e-3;
static const double LOG_FLOOR = 1e-12; /* a parameter that may be zero still has a logarithm */
/* Mean errors of a calibration carried to another GPU, over those at home: 1.7 to 2.6 (H200's on A100 and L40S). */
static const double OTHER_MACHINE_RATIO = 2;
/* Two machines with a key closer than this are the same in it. */
static const double SAME_FRAC = 0.01;
static const uint64_t DRAW_SEED = 0, DRAW_STREAM = 0x73707265616400; /* "spread" */

const char *const spread_machine_keys[] = {"sm.count", "sm.clock_max_hz", "l2.bytes", "hbm.bandwidth_bytes_per_s",
                                           "link.bandwidth_bytes_per_s"};
const size_t spread_machine_key_count = sizeof spread_machine_keys / sizeof spread_machine_keys[0];

static bool is_fraction(const machine_key *key) {
    static const char suffix[] = "_frac";
    size_t length = strlen(key->path), suffix_length = sizeof suffix - 1;
    return length > suffix_length && strcmp(key->path + length - suffix_length, suffix) == 0;
}

double parameter_transform(const machine_key *key, double value) {
    if (!is_fraction(key))
        return log(fmax(value, fmax(key->min, LOG_FLOOR)));
    double part = (value - key->min) / (key->max - key->min);
    part = fmin(fmax(part, LOGIT_MARGIN), 1 - LOGIT_MARGIN);
    return log(part / (1 - part));
}

double parameter_restore(const machine_key *key, double transformed) {
    if (!is_fraction(key))
        return fmin(fmax(exp(transformed), key->min), key->max);
    return key->min + (key->max - key->min) / (1 + exp(-transformed));
}

const calibration_spread *spread_of(const calibration_spread *s, const op *o) {
    return o->own && s->own ? s->own : s;
}

static const char *phase_of(const op *o) {
    if (o->kind != OP_attention)
        return "";
    return o->as.attention.q_len == 1 && o->as.attention.kv_len > 1 ? " decode" : " prefill";
}

static void types_of(const op *o, char *text, size_t bytes) {
    const op_info *info = op_info_get(o->kind);
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < info->param_count && used < bytes; i++) {
        const op_param *param = &info->params[i];
        size_t value = (size_t)op_param_get(o, param);
        const char *name = param->type == PARAM_TYPE     ? dtype_name((data_type)value)
                           : param->type == PARAM_CHOICE ? param->choices[value]
                                                         : "none";
        if (strcmp(name, "none") != 0) /* an epilogue that is not there */
            used += (size_t)snprintf(text + used, bytes - used, " %s", name);
    }
}

static const char *duration_of(double time_s) {
    return time_s < 7e-6     ? " tiny"
           : time_s < 15e-6  ? " short"
           : time_s < 50e-6  ? " middling"
           : time_s < 200e-6 ? " long"
                             : " very long";
}

enum { LEVEL_SOURCE = 2, LEVEL_BOUND = 4, LEVEL_TYPES = 5, LEVEL_KIND = 6 };

int spread_class_parent(int level) {
    return level == LEVEL_SOURCE ? LEVEL_TYPES : level + 1;
}

void spread_class_name(const spread_subject *subject, int level, char text[SPREAD_CLASS_TEXT]) {
    char types[SPREAD_CLASS_TEXT / 4] = "";
    const op *o = subject->op;
    bool sourced = level <= LEVEL_SOURCE, collective = o->kind == OP_collective;
    bool finest = level == 0 || level == LEVEL_SOURCE + 1, finer = finest || level == 1 || level == LEVEL_BOUND;
    bool bound = collective ? finest : finer, duration = collective ? finer : finest;
    if (collective && level <= LEVEL_TYPES) /* what is off grows with the ranks that share links */
        snprintf(types, sizeof types, " %d ranks", (int)o->as.collective.ranks);
    else if (level <= LEVEL_TYPES)
        types_of(o, types, sizeof types);
    snprintf(text, SPREAD_CLASS_TEXT, "%s%s%s%s%s%s%s%s%s%s", op_info_get(o->kind)->name, types,
             level <= LEVEL_TYPES ? phase_of(o) : "", bound ? " " : "", bound ? subject->bound : "",
             duration ? duration_of(subject->time_s) : "", sourced ? " " : "",
             sourced && subject->source ? subject->source : "", sourced ? " " : "",
             sourced && subject->method ? subject->method : "");
}

const residual_range *spread_residual(const calibration_spread *s, const spread_subject *subject) {
    char name[SPREAD_CLASS_TEXT];
    bool sourced = subject->source && *subject->source;
    s = spread_of(s, subject->op);
    for (int level = sourced ? 0 : LEVEL_SOURCE + 1; level < SPREAD_CLASS_LEVELS; level = spread_class_parent(level)) {
        spread_class_name(subject, level, name);
        for (size_t i = 0; i < s->residual_count; i++)
            if (strcmp(s->residuals[i].name, name) == 0)
                return &s->residuals[i];
    }
    return NULL;
}

/* A standard normal number by Box and Muller. */
static double normal(uint64_t draw, uint64_t index) {
    static const double TURN = 6.283185307179586;
    double u = random_uniform(DRAW_SEED, DRAW_STREAM + draw, 2 * index);
    double v = random_uniform(DRAW_SEED, DRAW_STREAM + draw, 2 * index + 1);
    return sqrt(-2 * log(1 - u)) * cos(TURN * v);
}

/* `first`: of the numbers that are drawn, so that both parts vary by themselves. */
static void draw_part(const calibration_spread *s, uint64_t draw, uint64_t first, calibration *c) {
    for (size_t i = 0; i < s->key_count; i++) {
        double x = parameter_transform(s->keys[i], calibration_get(c, s->keys[i]));
        for (size_t j = 0; j <= i; j++)
            x += s->factor[i * s->key_count + j] * normal(draw, first + j);
        calibration_set(c, s->keys[i], parameter_restore(s->keys[i], x));
    }
}

calibration spread_draw(const calibration_spread *s, const calibration *center, uint64_t draw) {
    calibration c = *center;
    draw_part(s, draw, 0, &c);
    if (s->own)
        draw_part(s->own, draw, s->key_count, &c);
    return c;
}

bool spread_extrapolates_shape(const calibration_spread *s, const op *o) {
    const op_info *info = op_info_get(o->kind);
    bool known = false;
    s = spread_of(s, o);
    for (size_t p = 0; p < info->param_count; p++) {
        if (info->params[p].type != PARAM_DIM)
            continue;
        char name[SPREAD_CLASS_TEXT];
        snprintf(name, sizeof name, "%s.%s", info->name, info->params[p].name);
        double value = op_param_get(o, &info->params[p]);
        for (size_t i = 0; i < s->shape_count; i++)
            if (strcmp(s->shapes[i].name, name) == 0) {
                known = true;
                if (value < s->shapes[i].min || value > s->shapes[i].max)
                    return true;
            }
    }
    return !known;
}

bool spread_extrapolates_machine(const calibration_spread *s, const machine *m) {
    for (size_t i = 0; i < s->machine_key_count; i++) {
        double value = machine_get(m, s->machine[i].key), measured = s->machine[i].value;
        if (fabs(value - measured) > SAME_FRAC * fabs(measured))
            return true;
    }
    return s->machine_key_count == 0;
}

void spread_interval(double time_s, double log_deviation, const residual_range *residual, bool other_machine,
                     double *lower_s, double *upper_s) {
    *lower_s = *upper_s = NAN;
    if (!residual)
        return;
    double widened = other_machine ? OTHER_MACHINE_RATIO : 1, parameters = SPREAD_DEVIATIONS * log_deviation;
    *lower_s = time_s * exp(-hypot(parameters, widened * fmin(residual->lower, 0)));
    *upper_s = time_s * exp(hypot(parameters, widened * fmax(residual->upper, 0)));
}

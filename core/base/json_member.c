/* Members of a JSON object, by key. */
#include "core/base/json_reader.h"

#include "core/base/number.h"

#include <string.h>

yajl_val json_member(const json_object *object, const char *key) {
    for (size_t i = 0; i < object->root->u.object.len; i++)
        if (strcmp(object->root->u.object.keys[i], key) == 0)
            return object->root->u.object.values[i];
    return NULL;
}

static status require_member(const json_object *object, const char *key, yajl_val *out, error *err) {
    *out = json_member(object, key);
    return *out ? STATUS_OK : json_member_error(object, key, err, "missing key '%s'", key);
}

/* The number of a value. Not through yajl's double, which is absent for a number beyond its range. */
static status number_of(const json_object *object, const char *key, const char *what, yajl_val value, double min,
                        double max, double *out, error *err) {
    if (!YAJL_IS_NUMBER(value))
        return json_member_error(object, key, err, "'%.80s' is not a number", what);
    double number;
    if (!number_parse(value->u.number.r, &number))
        return json_member_error(object, key, err, "'%.80s' is out of range: %.80s", what, value->u.number.r);
    if (number < min || number > max)
        return json_member_error(object, key, err, "'%.80s' is %.80s: must be from %.7g to %.7g", what,
                                 value->u.number.r, min, max);
    *out = number;
    return STATUS_OK;
}

status json_member_number(const json_object *object, const char *key, double min, double max, double *out, error *err) {
    yajl_val value;
    status result = require_member(object, key, &value, err);
    return result == STATUS_OK ? number_of(object, key, key, value, min, max, out, err) : result;
}

status json_member_text(const json_object *object, const char *key, const char **out, error *err) {
    yajl_val value;
    status result = require_member(object, key, &value, err);
    if (result != STATUS_OK)
        return result;
    if (!YAJL_IS_STRING(value))
        return json_member_error(object, key, err, "'%s' is not text", key);
    *out = value->u.string;
    return STATUS_OK;
}

status json_member_numbers(const json_object *object, const char *key, double min, double max, yajl_val *out,
                           error *err) {
    status result = require_member(object, key, out, err);
    if (result != STATUS_OK)
        return result;
    if (!YAJL_IS_OBJECT(*out))
        return json_member_error(object, key, err, "'%s' is not an object", key);
    for (size_t i = 0; i < (*out)->u.object.len && result == STATUS_OK; i++) {
        double ignored;
        result = number_of(object, key, (*out)->u.object.keys[i], (*out)->u.object.values[i], min, max, &ignored, err);
    }
    return result;
}

#include "tests/gpu/buffers.h"

#include "core/base/random.h"
#include "kernels/ref/encode.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    GUARD_BYTES = 256, /* before and after; keeps the data aligned as cudaMalloc's */
    GUARD_BYTE = 0xa5,
    POISON_BYTE = 0xff, /* NaN in every floating-point type, -1 in integers */
    ROW_PADDING = 32,   /* elements between the rows of a strided operand: whole vectors of any type */
    BLOCK_PADDING_ROWS = 1,
};

static void *checked_calloc(size_t count, size_t bytes) {
    void *memory = calloc(count ? count : 1, bytes);
    if (!memory)
        abort();
    return memory;
}

/* ---- values ---- */

static void shuffle_slots(double *values, int64_t count, int64_t limit, uint64_t seed, uint64_t stream) {
    double *all = checked_calloc((size_t)limit, sizeof *all);
    for (int64_t i = 0; i < limit; i++)
        all[i] = (double)i;
    for (int64_t i = 0; i < count; i++) {
        int64_t other = i + (int64_t)(random_uniform(seed, stream, (uint64_t)i) * (double)(limit - i));
        double taken = all[other];
        all[other] = all[i];
        values[i] = all[i] = taken;
    }
    free(all);
}

/* A random element before it is rounded to the type. */
static double random_element(const operand *item, double u) {
    double level = largest_level(item->type);
    switch (item->content) {
    case CONTENT_VALUES:
        return level > 0 ? nearbyint(-level + 2 * level * u) : 2 * u - 1;
    case CONTENT_SCALES: /* of 8-bit and 4-bit values alike: products stay in [-1, 1] */
        return (0.5 + 0.5 * u) / 127;
    case CONTENT_UNIFORMS:
        return u;
    case CONTENT_INDICES:
        return floor(u * (double)item->index_limit);
    case CONTENT_LENGTHS:
        return 1 + floor(u * (double)item->index_limit);
    case CONTENT_SLOTS:
        break;
    }
    return 0;
}

/* A floating-point value in [-1, 1] as the pattern has it; `u` is random. */
static double patterned(const operand *item, case_pattern pattern, int64_t i, double u) {
    const double apart = 0.5;
    const int64_t bunch = 512, bunch_period = 4096;
    if (pattern == PATTERN_TIES)
        return apart * nearbyint((2 * u - 1) / apart);
    if (pattern == PATTERN_BUNCHED)
        return i % item->cols % bunch_period < bunch ? u : u - 1;
    return 2 * (double)(i % item->cols + 1) / (double)item->cols - 1;
}

static void fill_values(const operand *item, case_pattern pattern, double *values, uint64_t seed, uint64_t stream) {
    int64_t count = operand_elements(item);
    if (item->content == CONTENT_SLOTS) {
        shuffle_slots(values, count, item->index_limit, seed, stream);
        return;
    }
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < count; i++) {
        double u = random_uniform(seed, stream, (uint64_t)i);
        bool random = pattern == PATTERN_RANDOM || item->content != CONTENT_VALUES || largest_level(item->type) > 0;
        double value = random ? random_element(item, u) : patterned(item, pattern, i, u);
        values[i] = operand_is_integer(item) ? value : round_to_type(item->type, value);
    }
    if (item->content == CONTENT_LENGTHS) /* one sequence is as long as can be */
        values[0] = (double)item->index_limit;
}

/* ---- memory ---- */

static int64_t bytes_of_cols(const operand *item, int64_t cols) {
    operand row = *item;
    row.cols = cols;
    return operand_row_bytes(&row);
}

static size_t row_offset(const case_buffer *b, int64_t block, int64_t row) {
    return GUARD_BYTES + (size_t)bytes_of_cols(&b->item, block * b->block_stride + row * b->row_stride);
}

static void lay_out(case_buffer *b) {
    const operand *item = &b->item;
    b->row_stride = item->cols;
    if (item->strided) { /* whole 16-byte vectors between rows, whatever the width */
        const int64_t vector = 32;
        b->row_stride = (item->cols + vector - 1) / vector * vector + ROW_PADDING;
    }
    b->block_stride = (item->rows + (item->strided ? BLOCK_PADDING_ROWS : 0)) * b->row_stride;
    b->image_bytes = 2 * GUARD_BYTES + (size_t)bytes_of_cols(item, item->blocks * b->block_stride);
}

/* Contiguous odd-width 4-bit rows begin at a byte: bytes_of_cols over many rows would lose the halves. */
static bool layout_is_exact(const case_buffer *b) {
    return b->item.type != DTYPE_int4 || b->row_stride % 2 == 0 || b->item.rows * b->item.blocks == 1;
}

static void encode_image(case_buffer *b) {
    const operand *item = &b->item;
    memset(b->image, GUARD_BYTE, b->image_bytes);
    size_t row_bytes = (size_t)operand_row_bytes(item);
    operand row = *item;
    row.blocks = row.rows = 1;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < item->blocks * item->rows; i++) {
        unsigned char *place = b->image + row_offset(b, i / item->rows, i % item->rows);
        if (item->role == ROLE_OUTPUT)
            memset(place, POISON_BYTE, row_bytes);
        else
            encode_operand(&row, b->exact + i * item->cols, place);
    }
}

static status make_buffer(const gpu_api *gpu, gpu_context *context, case_pattern pattern, case_buffer *b, uint64_t seed,
                          uint64_t stream, error *err) {
    int64_t count = operand_elements(&b->item);
    lay_out(b);
    if (!layout_is_exact(b))
        return error_set(err, STATUS_BAD_INPUT, "%s: 4-bit rows of odd width have no layout", b->item.name);
    b->exact = checked_calloc((size_t)count, sizeof *b->exact);
    b->image = checked_calloc(b->image_bytes, 1);
    b->returned = checked_calloc(b->image_bytes, 1);
    if (b->item.role == ROLE_OUTPUT)
        for (int64_t i = 0; i < count; i++)
            b->exact[i] = NAN;
    else
        fill_values(&b->item, pattern, b->exact, seed, stream);
    encode_image(b);
    status result = gpu->allocate(context, b->image_bytes, &b->device, err);
    return result == STATUS_OK ? gpu->copy_in(context, b->device, b->image, b->image_bytes, err) : result;
}

status buffers_make(const gpu_api *gpu, gpu_context *context, const op *o, case_pattern pattern, uint64_t seed,
                    case_buffers *out, error *err) {
    memset(out, 0, sizeof *out);
    operands_of(o, &out->list);
    for (size_t i = 0; i < out->list.count; i++) {
        case_buffer *b = &out->at[i];
        b->item = out->list.at[i];
        if (!operand_present(&b->item))
            continue;
        if (make_buffer(gpu, context, pattern, b, seed, i, err) != STATUS_OK)
            return STATUS_ENVIRONMENT;
        out->gpu.at[i] = (gpu_tensor){(char *)b->device + GUARD_BYTES, b->row_stride, b->block_stride};
        out->ref.at[i] = ref_contiguous(&b->item, b->exact);
    }
    return STATUS_OK;
}

void buffers_free(const gpu_api *gpu, gpu_context *context, case_buffers *buffers) {
    for (size_t i = 0; i < buffers->list.count; i++) {
        case_buffer *b = &buffers->at[i];
        free(b->exact);
        free(b->image);
        free(b->returned);
        if (b->device)
            gpu->release(context, b->device);
    }
}

status buffers_fetch(const gpu_api *gpu, gpu_context *context, case_buffers *buffers, error *err) {
    for (size_t i = 0; i < buffers->list.count; i++) {
        case_buffer *b = &buffers->at[i];
        if (b->device && gpu->copy_out(context, b->returned, b->device, b->image_bytes, err) != STATUS_OK)
            return STATUS_ENVIRONMENT;
    }
    return STATUS_OK;
}

/* ---- comparison ---- */

/* Takes the operand's own bytes out of both images, so that only guards and padding are left to compare. */
static bool guards_changed(const case_buffer *b, char *text, size_t bytes) {
    if (!b->item.written) {
        if (memcmp(b->image, b->returned, b->image_bytes) == 0)
            return false;
        snprintf(text, bytes, "%s: an operand that is only read has changed", b->item.name);
        return true;
    }
    size_t at = 0, row_bytes = (size_t)operand_row_bytes(&b->item);
    for (int64_t i = 0; i < b->item.blocks; i++) {
        for (int64_t r = 0; r < b->item.rows; r++) {
            size_t place = row_offset(b, i, r);
            for (; at < place; at++)
                if (b->returned[at] != GUARD_BYTE)
                    goto changed;
            at = place + row_bytes;
        }
    }
    for (; at < b->image_bytes; at++)
        if (b->returned[at] != GUARD_BYTE)
            goto changed;
    return false;
changed:
    snprintf(text, bytes, "%s: written outside its bounds, at byte %lld of %lld", b->item.name,
             (long long)at - GUARD_BYTES, (long long)b->image_bytes - 2 * GUARD_BYTES);
    return true;
}

static double row_size(const double *row, int64_t cols) {
    double squares = 0;
    for (int64_t c = 0; c < cols; c++)
        squares += row[c] * row[c];
    return sqrt(squares / (double)cols);
}

static bool values_wrong(const case_buffer *b, char *text, size_t bytes, double *worst) {
    const operand *item = &b->item;
    operand row = *item;
    row.blocks = row.rows = 1;
    double *got = checked_calloc((size_t)item->cols, sizeof *got);
    bool wrong = false;
    for (int64_t i = 0; i < item->blocks * item->rows && !wrong; i++) {
        decode_operand(&row, b->returned + row_offset(b, i / item->rows, i % item->rows), got);
        double of_row = item->error_row > 0 ? item->error_row * row_size(b->exact + i * item->cols, item->cols) : 0;
        for (int64_t c = 0; c < item->cols && !wrong; c++) {
            double exact = b->exact[i * item->cols + c], off = fabs(got[c] - exact);
            double allowed = item->error_absolute + item->error_relative * fabs(exact) + of_row;
            if (got[c] == exact)
                continue;
            if (off <= allowed) {
                *worst = fmax(*worst, off / allowed);
                continue;
            }
            snprintf(text, bytes, "%s[%lld, %lld]: got %.9g, exact %.9g, allowed %.3g off", item->name, (long long)i,
                     (long long)c, got[c], exact, allowed);
            wrong = true;
        }
    }
    free(got);
    return wrong;
}

bool buffers_wrong(const case_buffers *buffers, char *text, size_t bytes, double *worst) {
    *worst = 0;
    for (size_t i = 0; i < buffers->list.count; i++) {
        const case_buffer *b = &buffers->at[i];
        if (!b->device)
            continue;
        if (guards_changed(b, text, bytes) || (b->item.written && values_wrong(b, text, bytes, worst)))
            return true;
    }
    return false;
}

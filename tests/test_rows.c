/* Operator rows: what each column comes to, and what is refused. */
#include "tests/rows_fixture.h"

#include <math.h>
#include <string.h>

Test(rows, gemm_with_defaults_and_measurement) {
    row_table table = rows_table_of("source,n,op,k,m,dtype,measured_us,method,mine\n"
                                    "lib:kernel,1536,gemm,768.0,7e2,bf16,6.5,graph_steady,\"kept, as is\"\n"
                                    ",8,gemm,8,8,fp8,,,\n");
    cr_assert_eq(table.count, 2);
    const operator_row *row = &table.rows[0];
    const gemm_params *p = &row->op.as.gemm;
    cr_expect_eq(row->op.kind, OP_gemm);
    cr_expect(p->m == 700 && p->n == 1536 && p->k == 768 && p->batch == 1 && p->group_size == 0);
    cr_expect(p->dtype == DTYPE_bf16 && p->weights_dtype == DTYPE_bf16);
    cr_expect_not(p->activations_only || p->dynamic_quantise);
    cr_expect_eq(row->method, ROW_METHOD_GRAPH_STEADY);
    cr_expect_float_eq(row->measured_s, 6.5e-6, 1e-18);
    cr_expect_str_eq(row->source, "lib:kernel");
    cr_expect_str_eq(table.columns[8], "mine");
    cr_expect_str_eq(row->fields[8], "kept, as is");
    cr_expect_eq(row->line, 2);
    cr_expect(isnan(table.rows[1].measured_s));
    cr_expect_eq(table.rows[1].method, ROW_METHOD_UNSPECIFIED);
    cr_expect_str_eq(table.rows[1].source, "");
    cr_expect_eq(table.rows[1].op.as.gemm.weights_dtype, DTYPE_fp8);
    rows_free(&table);
}

Test(rows, context_in_a_model) {
    row_table table = rows_table_of("op,dtype,rows,cols,method,source,streamed_bytes,packed_bytes\n"
                                    "rmsnorm,bf16,8,4096,in_model,ingot,33554432,1024\n"
                                    "rmsnorm,bf16,8,4096,cupti_cold_l2,ingot,,\n");
    cr_assert_eq(table.count, 2);
    cr_expect_eq(table.rows[0].method, ROW_METHOD_IN_MODEL);
    cr_expect(table.rows[0].op.streamed_bytes == 33554432 && table.rows[0].op.packed_bytes == 1024);
    cr_expect(table.rows[1].op.streamed_bytes == 0 && table.rows[1].op.packed_bytes == 0);
    rows_free(&table);
}

Test(rows, weight_only_types) {
    row_table table = rows_table_of("op,dtype,weights_dtype,m,n,k,group_size\n"
                                    "gemm,w8a16,,1,2,3,\n"
                                    "gemm,w4a16,int4,1,2,3,128\n"
                                    "gemm,bf16,int8,1,2,3,\n");
    static const data_type weights[] = {DTYPE_int8, DTYPE_int4, DTYPE_int8};
    for (size_t i = 0; i < 3; i++) {
        cr_expect_eq(table.rows[i].op.as.gemm.dtype, DTYPE_bf16);
        cr_expect_eq(table.rows[i].op.as.gemm.weights_dtype, weights[i]);
    }
    cr_expect_eq(table.rows[1].op.as.gemm.group_size, 128);
    rows_free(&table);
}

Test(rows, formats_of_the_same_width_are_one_type) {
    row_table table = rows_table_of("op,dtype,m,n,k\ngemm,mxfp4,1,2,32\ngemm,fp8_block,1,2,32\ngemm,fp8_e4m3,1,2,32\n");
    static const data_type types[] = {DTYPE_nvfp4, DTYPE_fp8, DTYPE_fp8};
    for (size_t i = 0; i < table.count; i++) {
        cr_expect_eq(table.rows[i].op.as.gemm.dtype, types[i]);
        cr_expect_eq(table.rows[i].op.as.gemm.weights_dtype, types[i]);
    }
    rows_free(&table);
}

/* A harness hands over 16-bit activations; a row of a bare kernel does not say so. */
Test(rows, nvfp4_of_a_harness_is_quantised_on_the_way) {
    row_table table =
        rows_table_of("op,dtype,m,n,k,dynamic_quantise,source\n"
                      "gemm,nvfp4,1,2,32,,lib:kernel\ngemm,nvfp4,1,2,32,0,lib:kernel\ngemm,nvfp4,1,2,32,,\n");
    for (size_t i = 0; i < table.count; i++)
        cr_expect_eq(table.rows[i].op.as.gemm.dynamic_quantise, i == 0);
    rows_free(&table);
}

Test(rows, attention_defaults_and_phases) {
    row_table table = rows_table_of("op,dtype,heads,kv_heads,head_dim,q_len,kv_len,causal,kv_dtype,batch,backend\n"
                                    "attention,bf16,32,,128,1,4096,0,fp8,8,flash\n"
                                    "attention,bf16,32,8,128,77,,true,,,\n");
    const attention_params *decode = &table.rows[0].op.as.attention, *prefill = &table.rows[1].op.as.attention;
    cr_expect(decode->kv_heads == 32 && decode->batch == 8 && !decode->causal);
    cr_expect_eq(decode->kv_dtype, DTYPE_fp8);
    cr_expect_eq(decode->backend, attention_backend_flash);
    cr_expect_str_eq(row_phase(&table.rows[0]), "decode");
    cr_expect(prefill->kv_len == 77 && prefill->causal && prefill->kv_heads == 8 && prefill->batch == 1);
    cr_expect_eq(prefill->kv_dtype, DTYPE_bf16);
    cr_expect_eq(prefill->backend, attention_backend_best);
    cr_expect_str_eq(row_phase(&table.rows[1]), "prefill");
    rows_free(&table);
}

Test(rows, framework_names_map_onto_kinds) {
    row_table table = rows_table_of("op,dtype,rows,cols,table_rows\n"
                                    "silu,bf16,2,3,\ngelu,bf16,2,3,\nmul,bf16,2,3,\nsum,fp32,2,3,\n"
                                    "gather,bf16,2,3,32016\nargmax,fp32,2,3,\nadd,bf16,2,3,\ncopy,bf16,2,3,\n"
                                    "softmax,bf16,2,3,\nrmsnorm,bf16,2,3,\n");
    static const op_kind kinds[] = {OP_activation, OP_activation, OP_elementwise, OP_reduce,  OP_embedding,
                                    OP_sample,     OP_add,        OP_copy,        OP_softmax, OP_rmsnorm};
    cr_assert_eq(table.count, sizeof kinds / sizeof kinds[0]);
    for (size_t i = 0; i < table.count; i++) {
        const op *o = &table.rows[i].op;
        op_work work = op_work_of(o);
        cr_expect_eq(o->kind, kinds[i]);
        cr_expect(work.write_bytes > 0, "row %zu", i);
    }
    cr_expect_eq(table.rows[0].op.as.activation.function, activation_function_silu);
    cr_expect_eq(table.rows[1].op.as.activation.function, activation_function_gelu);
    cr_expect_eq(table.rows[2].op.as.elementwise.function, pointwise_function_mul);
    /* Two bf16 inputs of six elements read, one written. */
    cr_expect_float_eq(op_work_of(&table.rows[2].op).read_bytes, 24, 1e-12);
    cr_expect_float_eq(op_work_of(&table.rows[2].op).write_bytes, 12, 1e-12);
    cr_expect_eq(table.rows[4].op.as.embedding.table_rows, 32016);
    cr_expect_eq(table.rows[5].op.as.sample.method, sample_method_argmax);
    cr_expect_eq(table.rows[7].op.as.copy.out_dtype, DTYPE_bf16);
    rows_free(&table);
}

/* Every kind of ops.def can be written as a row and comes back the same: 1-based values that tell parameters apart. */
Test(rows, every_kind_round_trips) {
    static const struct {
        const char *name;
        double value;
    } consistent[] = {{"heads", 840 * 5}, {"kv_heads", 840},                 /* one divides the other */
                      {"kv_len", 5000},                                      /* causal: not below q_len */
                      {"groups", 4},      {"cin", 840},      {"cout", 1680}, /* likewise */
                      {"len", 5000},      {"height", 5001},  {"width", 5002}, {"kernel", 2}, {"top", 3}};
    for (int kind = 0; kind < OP_KIND_COUNT; kind++) {
        const op_info *info = op_info_get((op_kind)kind);
        char text[2048], *header = text;
        char values[1024], *value = values;
        op expected = {.kind = (op_kind)kind};
        header += sprintf(header, "op");
        value += sprintf(value, "%s", info->name);
        for (size_t i = 0; i < info->param_count; i++) {
            const op_param *param = &info->params[i];
            double number = param->type == PARAM_DIM ? 840 + (double)i : 1;
            for (size_t j = 0; j < sizeof consistent / sizeof consistent[0]; j++)
                if (strcmp(param->name, consistent[j].name) == 0)
                    number = consistent[j].value;
            op_param_set(&expected, param, number);
            header += sprintf(header, ",%s", strcmp(param->name, "method") == 0 ? "sample_method" : param->name);
            if (param->type == PARAM_TYPE)
                value += sprintf(value, ",%s", dtype_name((data_type)number));
            else if (param->type == PARAM_CHOICE)
                value += sprintf(value, ",%s", param->choices[(size_t)number]);
            else
                value += sprintf(value, ",%.0f", number);
        }
        sprintf(header, "\n%s\n", values);
        row_table table = rows_table_of(text);
        for (size_t i = 0; i < info->param_count; i++)
            cr_expect_eq(op_param_get(&table.rows[0].op, &info->params[i]), op_param_get(&expected, &info->params[i]),
                         "%s.%s", info->name, info->params[i].name);
        rows_free(&table);
    }
}

Test(rows, known_names_without_a_kind_are_counted_with_a_reason) {
    row_table table = rows_table_of("op,dtype,rows,cols\nmoe,bf16,2,3\nmla,bf16,,\nadd,bf16,2,3\n");
    cr_expect_eq(table.count, 3);
    cr_expect_eq(table.unsupported_count, 2);
    cr_expect(strstr(table.rows[0].unsupported, "expert"));
    cr_expect_null(table.rows[2].unsupported);
    rows_free(&table);
}

Test(rows, names_of_frameworks_are_kinds_with_parameters_set) {
    row_table table = rows_table_of("op,dtype,rows,cols,top,cin,cout,len,kernel,collective,ranks,bytes\n"
                                    "cast_fp8,bf16,2,3,,,,,,,,\ntranspose,bf16,2,3,,,,,,,,\ntopk,bf16,2,3,1,,,,,,,\n"
                                    "conv_transpose1d,fp16,,,,4,6,10,5,,,\nconv1d,fp16,,,,4,6,10,5,,,\n"
                                    "collective,fp16,,,,,,,,alltoall,4,2048\n");
    cr_expect_eq(table.unsupported_count, 0);
    cr_expect(table.rows[0].op.kind == OP_elementwise && table.rows[0].op.as.elementwise.out_dtype == DTYPE_fp8);
    cr_expect(table.rows[1].op.kind == OP_copy && table.rows[1].op.as.copy.strided);
    cr_expect_eq(conv1d_out_len(&table.rows[3].op.as.conv1d), 14, "the adjoint of a valid convolution is longer");
    cr_expect_eq(conv1d_out_len(&table.rows[4].op.as.conv1d), 6);
    cr_expect_eq(table.rows[5].op.as.collective.collective, collective_pattern_alltoall);
    rows_free(&table);
}

Test(rows, lens_are_sequences_whose_work_adds_up) {
    row_table table = rows_table_of("op,dtype,heads,kv_heads,head_dim,q_len,kv_len,causal,batch,lens\n"
                                    "attention,bf16,32,8,128,1,,0,,100;2000;37\n"
                                    "attention,bf16,32,8,128,,,1,2,64;32\n"
                                    "attention,bf16,32,8,128,1,50,0,,\n");
    const operator_row *decode = &table.rows[0], *prefill = &table.rows[1];
    cr_assert_eq(row_part_count(decode), 3);
    cr_expect(decode->op.as.attention.batch == 3 && decode->op.as.attention.kv_len == 2000);
    double kv_bytes = 0, one_token_bytes = 2 * 8 * 128 * 2, query_bytes = 32 * 128 * 2;
    for (size_t i = 0; i < 3; i++) {
        op part = row_part(decode, i);
        kv_bytes += op_work_of(&part).read_bytes - query_bytes;
    }
    cr_expect_float_eq(kv_bytes, (100 + 2000 + 37) * one_token_bytes, 1e-6);
    cr_assert_eq(row_part_count(prefill), 2);
    op shorter = row_part(prefill, 1);
    cr_expect(shorter.as.attention.q_len == 32 && shorter.as.attention.kv_len == 32 && shorter.as.attention.batch == 1);
    cr_expect_eq(row_part_count(&table.rows[2]), 1);
    cr_expect_eq(row_part(&table.rows[2], 0).as.attention.kv_len, 50);
    rows_free(&table);
}

Test(rows, bad_rows_name_line_and_column) {
    static const struct {
        const char *text, *what;
    } cases[] = {
        {"m,n,k\n1,2,3\n", ":1:1: the header has no column 'op'"},
        {"op,dtype,m,n,k\ngemm,bf16,x,2,3\n", ":2:11: m is not a whole number: 'x'"},
        {"op,dtype,m,n,k\ngemm,bf16,1.5,2,3\n", ":2:11: m is not a whole number"},
        {"op,dtype,m,n,k\ngemm,bf16,1,-2,3\n", ":2:13: n is -2: must be at least 1"},
        {"op,dtype,m,n,k\ngemm,bf16,1,2,1e13\n", ":2:15: k is 1e13: must be at most 1e+12"},
        {"op,dtype,m,n,k\ngemm,bf16,1e10,1e10,1\n", "gemm: moves more than 4e+18 bytes"},
        {"op,dtype,batch,cin,height,width,groups\ngroupnorm,bf16,1,128,8,8,12\n",
         "12 groups do not divide 128 channels"},
        {"op,dtype,m,n,k\ngemm,bf16,1,2,\n", ":2:15: gemm needs k: it is blank"},
        {"op,dtype,m,n\ngemm,bf16,1,2\n", ":2:1: gemm needs k: there is no such column"},
        {"op,dtype,m,n,k\ngemm,,1,2,3\n", ":2:6: gemm needs dtype"},
        {"op,dtype,m,n,k\ngemm,bf17,1,2,3\n", ":2:6: dtype: unknown element type 'bf17'; did you mean 'bf16'?"},
        {"op,dtype,m,n,k\ngem,bf16,1,2,3\n", ":2:1: unknown op 'gem'; did you mean 'gemm'?"},
        {"op,dtype,m,n,k\n,bf16,1,2,3\n", ":2:1: op is blank"},
        {"op,dtype,m,n,k\ngemm,bf16,1,2,3,4\n", ":2:17: row has 6 fields"},
        {"op,dtype,weights_dtype,m,n,k\ngemm,w8a16,int4,1,2,3\n", ":2:12: weights_dtype 'int4' contradicts"},
        {"op,dtype,rows,cols\nadd,w8a16,1,2\n", ":2:5: dtype: unknown element type"},
        {"op,dtype,rows,cols,function\nsilu,bf16,1,2,gelu\n", ":2:15: function 'gelu' contradicts op 'silu'"},
        {"op,dtype,rows,cols,function\nactivation,bf16,1,2,\n", "activation needs function"},
        {"op,dtype,rows,cols,function\nactivation,bf16,1,2,silo\n", "unknown function 'silo'; did you mean 'silu'?"},
        {"op,dtype,rows,cols,residual\nrmsnorm,bf16,1,2,yes\n", ":2:18: residual is 'yes'"},
        {"op,dtype,m,n,k,measured_us\ngemm,bf16,1,2,3,0\n", ":2:17: measured_us is 0"},
        {"op,dtype,m,n,k,measured_us\ngemm,bf16,1,2,3,nan\n", ":2:17: measured_us is not a number"},
        {"op,dtype,m,n,k,method\ngemm,bf16,1,2,3,graph\n", ":2:17: unknown method 'graph'"},
        {"op,dtype,m,n,k,split\ngemm,bf16,1,2,3,maybe\n", ":2:17: split is 'maybe'"},
        {"op,dtype,batch,heads,kv_heads,head_dim,q_len\nattention,bf16,1,24,5,64,1\n", ":2:1: attention: 24 heads"},
        {"op,dtype,heads,head_dim,lens\nattention,bf16,1,64,5;0\n", ":2:21: lens: item 2"},
        {"op,dtype,heads,head_dim,lens\nattention,bf16,1,64,5;\n", "nothing behind the last"},
        {"op,dtype,heads,head_dim,batch,lens\nattention,bf16,1,64,3,5;6\n", "lens has 2 sequences, batch is 3"},
        {"op,dtype,rows,cols,lens\nadd,bf16,1,64,5\n", "lens applies to attention only"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        row_table table;
        error err = {0};
        cr_expect_eq(rows_of_text(cases[i].text, NULL, EMPTY_ROWS_ARE_ERRORS, &table, &err), STATUS_BAD_INPUT);
        cr_expect(strstr(err.text, cases[i].what), "case %zu: %s", i, err.text);
        rows_free(&table);
    }
}

Test(rows, empty_rows_are_an_error_or_are_counted) {
    static const char text[] = "op,dtype,m,n,k\ngemm,bf16,4,2,3\ngemm,bf16,0,2,3\ngemm,bf16,5,2,3\ngemm,bf16,1,2,0\n";
    row_table table;
    error err = {0};
    cr_expect_eq(rows_of_text(text, NULL, EMPTY_ROWS_ARE_ERRORS, &table, &err), STATUS_BAD_INPUT);
    cr_expect(strstr(err.text, ":3:11: m is 0: must be at least 1 (rows like this: 2)"), "%s", err.text);
    rows_free(&table);
    cr_expect_eq(rows_of_text(text, NULL, EMPTY_ROWS_SKIPPED, &table, &err), STATUS_OK);
    cr_expect_eq(table.count, 2);
    cr_expect_eq(table.skipped_count, 2);
    cr_expect_eq(table.rows[1].op.as.gemm.m, 5);
    rows_free(&table);
}

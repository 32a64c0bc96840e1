/* Levers as text: arguments, ranges, exclusions, and that what is written is what is read. */
#include "workloads/levers.h"

#include <criterion/criterion.h>
#include <string.h>

static arena memory;

static void forget(void) {
    arena_free(&memory);
}

TestSuite(levers, .fini = forget);

static levers parse(const char *text) {
    levers l;
    error err = {0};
    cr_assert_eq(levers_parse(text, &l, &err), STATUS_OK, "%s: %s", text, err.text);
    return l;
}

Test(levers, arguments_are_read_and_written_back) {
    levers l = parse("compile speculate=layerskip(8,4,0.8) kv_keep=window(4,508) streams=2");
    cr_expect_eq(l.speculate, SPECULATE_LAYERSKIP);
    cr_expect_eq(l.speculation.exit, 8);
    cr_expect_eq(l.speculation.drafts, 4);
    cr_expect_eq(l.speculation.acceptance, 0.8);
    cr_expect_eq(l.keep.sinks, 4);
    cr_expect_eq(l.keep.recent, 508);
    cr_expect_eq(l.streams, 2);
    const char *text = levers_text(&memory, &l);
    cr_expect_str_eq(text, "compile speculate=layerskip(8,4,0.8) kv_keep=window(4,508) streams=2");
    levers again = parse(text);
    cr_expect_str_eq(levers_text(&memory, &again), text);
    l = parse("sdpa speculate=draft(llama-2-7b,5)");
    cr_expect_str_eq(l.speculation.model, "llama-2-7b");
    cr_expect_eq(l.speculation.drafts, 5);
}

Test(levers, every_choice_reads_back_as_itself) {
    size_t count;
    const lever_info *table = lever_table(&count);
    for (size_t i = 0; i < count; i++) {
        cr_expect(table[i].effect && table[i].quality && table[i].text, "%s", table[i].key);
        for (size_t c = 0; c < table[i].choice_count; c++) {
            const lever_choice *choice = &table[i].choices[c];
            if (!choice->modelled || choice->value == SPECULATE_DRAFT) /* which needs a name */
                continue;
            levers l = parse("compile");
            error err = {0};
            cr_assert_eq(levers_set(&l, arena_printf(&memory, "%s=%s", table[i].key, choice->name), &err), STATUS_OK,
                         "%s", err.text);
            const char *value = lever_value_text(&memory, &l, &table[i]);
            cr_expect_eq(strncmp(value, choice->name, strlen(choice->name)), 0, "%s=%s gives %s", table[i].key,
                         choice->name, value);
        }
    }
}

Test(levers, bad_arguments_are_named) {
    static const struct {
        const char *setting, *part;
    } cases[] = {
        {"speculate=layerskip(8,6,1.5)", "acceptance is '1.5'"},
        {"speculate=layerskip(8,6,0.7,1)", "takes 3 arguments at most"},
        {"speculate=layerskip(8", "bracket is not closed"},
        {"speculate=layerskip(8.5)", "exit is '8.5', must be a whole number"},
        {"speculate=layerskp(8)", "did you mean layerskip"},
        {"speculate=draft", "needs a model"},
        {"kv_cache=paged()", "page_tokens is ''"},
        {"weights=int8(3)", "takes 0 arguments"},
        {"tp=0", "from 1 to"},
        {"tp=nan", "must be a whole number"},
        {"streams=2.5", "must be a whole number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        levers l = parse("compile");
        error err = {0};
        cr_expect_eq(levers_set(&l, cases[i].setting, &err), STATUS_BAD_INPUT, "%s", cases[i].setting);
        cr_expect(strstr(err.text, cases[i].part), "%s: %s", cases[i].setting, err.text);
    }
}

Test(levers, exclusions_say_which_and_why) {
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"compile kv_cache=dynamic", "launch=graph needs kv_cache=static"},
        {"baseline kv_dtype=fp8", "kv_dtype needs kv_cache"},
        {"compile attention=naive kv_dtype=int8", "kv_dtype needs attention=flash"},
        {"sdpa fuse=standard", "kv_cache=dynamic needs fuse=none"},
        {"sdpa kv_keep=window", "kv_keep needs kv_cache=static"},
        {"compile kv_keep=topk kv_cache=paged", "kv_keep=topk excludes kv_cache=paged"},
        {"layerskip kv_keep=window", "speculate excludes kv_keep"},
        {"layerskip pp=2", "speculate excludes pp"},
        {"autoquant activations=int8", "activations excludes weights=autoquant"},
        {"compile activations=int8", "need weights of the same type"},
        {"compile ep=2 tp=2", "ep excludes tp"},
        {"compile streams=2 tp=2", "streams excludes tp"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        levers l = parse(cases[i].text);
        error err = {0};
        cr_expect_eq(levers_check(&l, &err), STATUS_NEGATIVE, "%s", cases[i].text);
        cr_expect(strstr(err.text, cases[i].part), "%s: %s", cases[i].text, err.text);
    }
}

Test(levers, presets_obey_their_own_rules) {
    size_t count;
    const preset_info *presets = preset_table(&count);
    for (size_t i = 0; i < count; i++) {
        levers l = parse(presets[i].name);
        error err = {0};
        cr_expect_eq(levers_check(&l, &err), STATUS_OK, "%s: %s", presets[i].name, err.text);
        cr_expect_str_eq(levers_text(&memory, &l), presets[i].name);
    }
}

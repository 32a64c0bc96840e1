#include "core/base/hash.h"
#include "core/base/random.h"

#include <criterion/criterion.h>
#include <gsl/gsl_cdf.h>
#include <math.h>

Test(hash, fnv1a64_agrees_with_its_published_vectors) {
    /* From the vectors of the algorithm's authors. */
    cr_expect_eq(hash_text(""), 0xcbf29ce484222325u);
    cr_expect_eq(hash_text("a"), 0xaf63dc4c8601ec8cu);
    cr_expect_eq(hash_text("foobar"), 0x85944171f73967e8u);
}

Test(hash, pieces_hash_as_the_whole) {
    uint64_t state = hash_fnv1a64(HASH_FNV1A64_BASIS, "foo", 3);
    cr_expect_eq(hash_fnv1a64(state, "bar", 3), hash_text("foobar"));
}

Test(hash, mix_is_splitmix64) {
    /* The first outputs of splitmix64 seeded with 1234567, as published with its reference code. */
    static const uint64_t expected[] = {6457827717110365317u, 3203168211198807973u, 9817491932198370423u};
    uint64_t state = 1234567;
    for (size_t i = 0; i < 3; i++) {
        state += 0x9e3779b97f4a7c15u;
        cr_expect_eq(hash_mix64(state), expected[i]);
    }
}

/* Every input bit should flip about half of the output bits: a mean over many words is within 6 sigma of 32. */
Test(hash, mix_spreads_every_bit) {
    enum { WORDS = 2000 };
    for (int bit = 0; bit < 64; bit++) {
        double flips = 0;
        for (uint64_t word = 0; word < WORDS; word++)
            flips += __builtin_popcountll(hash_mix64(word) ^ hash_mix64(word ^ ((uint64_t)1 << bit)));
        double sigma_of_mean = sqrt(64 * 0.25 / WORDS);
        cr_expect(fabs(flips / WORDS - 32) < 6 * sigma_of_mean, "bit %d flips %g", bit, flips / WORDS);
    }
}

Test(random, depends_on_its_arguments_alone) {
    double forward[100];
    for (uint64_t i = 0; i < 100; i++)
        forward[i] = random_uniform(7, 3, i);
    for (uint64_t i = 100; i-- > 0;)
        cr_expect_eq(random_uniform(7, 3, i), forward[i]);
}

/* 100 bins, fixed seeds: the statistic has 99 degrees of freedom; its tail beyond 1e-6 means that the code is wrong. */
Test(random, is_uniform_along_every_argument) {
    enum { BINS = 100, DRAWS = 100000 };
    for (int along = 0; along < 3; along++) {
        double counts[BINS] = {0};
        for (uint64_t i = 0; i < DRAWS; i++) {
            double u = along == 0   ? random_uniform(i, 1, 2)
                       : along == 1 ? random_uniform(1, i, 2)
                                    : random_uniform(1, 2, i);
            cr_assert(u >= 0 && u < 1);
            counts[(int)(u * BINS)]++;
        }
        double statistic = 0, expected = (double)DRAWS / BINS;
        for (int b = 0; b < BINS; b++)
            statistic += (counts[b] - expected) * (counts[b] - expected) / expected;
        cr_expect(gsl_cdf_chisq_Q(statistic, BINS - 1) > 1e-6, "along %d: chi square %g", along, statistic);
        cr_expect(gsl_cdf_chisq_P(statistic, BINS - 1) > 1e-6, "along %d: too even, %g", along, statistic);
    }
}

/* Correlation of n independent pairs is normal with a standard deviation of 1 / sqrt(n). */
static double correlation(uint64_t seed_a, uint64_t stream_a, uint64_t seed_b, uint64_t stream_b, uint64_t lag) {
    enum { N = 20000 };
    double sum = 0;
    for (uint64_t i = 0; i < N; i++)
        sum += (random_uniform(seed_a, stream_a, i) - 0.5) * (random_uniform(seed_b, stream_b, i + lag) - 0.5);
    return sum / N * 12;
}

Test(random, streams_and_seeds_are_independent) {
    double bound = 6 / sqrt(20000);
    cr_expect(fabs(correlation(1, 2, 2, 1, 0)) < bound, "seed and stream do not swap");
    cr_expect(fabs(correlation(0, 0, 0, 1, 0)) < bound);
    cr_expect(fabs(correlation(0, 0, 1, 0, 0)) < bound);
    cr_expect(fabs(correlation(0, 0, 0, 0, 1)) < bound);
    cr_expect(fabs(correlation(0, 0, 0, 0, 0)) > 0.9, "the measure itself sees equality");
}

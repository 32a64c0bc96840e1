/* Small questions about text. */
#ifndef INGOT_TEXT_H
#define INGOT_TEXT_H

#include <stdbool.h>

bool text_ends_with(const char *text, const char *suffix);

#endif

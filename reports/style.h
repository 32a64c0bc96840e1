/* The page's style sheet. */
#ifndef INGOT_STYLE_H
#define INGOT_STYLE_H

extern const char REPORT_STYLE[];

#endif

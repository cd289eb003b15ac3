/* screen: lines on a terminal, through ncurses. One at a time. */
#ifndef SPARSED_CLIENTS_TOP_SCREEN_H
#define SPARSED_CLIENTS_TOP_SCREEN_H

#include "top/view.h"

/* False: the terminal (TERM) is unknown to ncurses. */
bool screen_start(void);
void screen_stop(void);

/* Draws as many lines as fit, each cut at the edge. `dim`: the lines are old. */
void screen_draw(const struct view *v, bool dim);

/* The next key, or -1. A resized window is a key of its own. */
int screen_key(void);

#endif

#include "top/screen.h"

#include <ncurses.h>
#include <wchar.h>

static SCREEN *screen;

bool screen_start(void)
{
    screen = newterm(NULL, stdout, stdin);
    if (!screen)
        return false;
    (void)cbreak();
    (void)noecho();
    (void)curs_set(0);
    (void)nodelay(stdscr, TRUE);
    (void)keypad(stdscr, TRUE);
    if (has_colors()) {
        (void)start_color();
        (void)use_default_colors();
        (void)init_pair(1, COLOR_RED, -1);
    }
    return true;
}

void screen_stop(void)
{
    (void)endwin();
    delscreen(screen);
    screen = NULL;
}

void screen_draw(const struct view *v, bool dim)
{
    int rows = getmaxy(stdscr), columns = getmaxx(stdscr);
    (void)erase();
    for (int i = 0; i < rows && (size_t)i < v->n; i++) {
        wchar_t wide[VIEW_LINE_BYTES];
        size_t n = mbstowcs(wide, v->line[i].text, VIEW_LINE_BYTES - 1);
        if (n == (size_t)-1)
            continue;
        attr_t how = v->line[i].bad ? A_BOLD | COLOR_PAIR(1) : dim ? A_DIM : A_NORMAL;
        (void)attrset((int)how);
        (void)mvaddnwstr(i, 0, wide, (int)n < columns ? (int)n : columns);
    }
    (void)attrset(A_NORMAL);
    (void)refresh();
}

int screen_key(void)
{
    int c = getch();
    return c == ERR ? -1 : c;
}

#include "engine/xrt/folder.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

void folder_name(pid_t pid, char folder[FOLDER_BYTES])
{
    (void)snprintf(folder, FOLDER_BYTES, "/tmp/sparsed-xrt-%d", (int)pid);
}

bool folder_make(pid_t pid)
{
    char folder[FOLDER_BYTES];
    folder_name(pid, folder);
    if (mkdir(folder, 0700) == 0)
        return true;
    if (errno != EEXIST)
        return false;
    folder_remove(pid);
    return mkdir(folder, 0700) == 0;
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *where)
{
    (void)s, (void)type, (void)where;
    return remove(path);
}

void folder_remove(pid_t pid)
{
    char folder[FOLDER_BYTES];
    folder_name(pid, folder);
    (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

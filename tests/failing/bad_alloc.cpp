/* operator new of the daemon's one C++ file, which may fail as malloc does. */
#include <cstddef>
#include <new>

extern "C" {
bool calls_new_fails(void);
void *__real__Znwm(std::size_t bytes);
void *__wrap__Znwm(std::size_t bytes);

void *__wrap__Znwm(std::size_t bytes)
{
    if (calls_new_fails())
        throw std::bad_alloc();
    return __real__Znwm(bytes);
}
}

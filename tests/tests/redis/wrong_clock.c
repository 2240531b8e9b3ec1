/* Loaded into a process before its C library: shows it a wall clock that is wrong by so many seconds. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    const char *wrong_by = getenv("WRONG_BY_SECONDS");
    if (!failed && wrong_by && clock == CLOCK_REALTIME) now->tv_sec += atol(wrong_by);
    return failed;
}

// Makes every sync of a file take as long as SLOW_DISK_MICROS says more than it does: a slower disk for whoever is started
// with this in LD_PRELOAD. What has been written is as durable as before.
//
//   cc -shared -fPIC -O2 -o slow_disk.so slow_disk.c -ldl

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

static void wait_for_disk(void) {
    const char *micros = getenv("SLOW_DISK_MICROS");
    long rest = micros ? atol(micros) : 0;
    struct timespec pause = {rest / 1000000, rest % 1000000 * 1000};
    while (nanosleep(&pause, &pause) != 0 && errno == EINTR) {}
}

static int sync_by(const char *name, int descriptor) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    wait_for_disk();
    return real(descriptor);
}

int fdatasync(int descriptor) { return sync_by("fdatasync", descriptor); }
int fsync(int descriptor) { return sync_by("fsync", descriptor); }

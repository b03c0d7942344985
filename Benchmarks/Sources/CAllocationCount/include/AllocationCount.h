#ifndef ALLOCATION_COUNT_H
#define ALLOCATION_COUNT_H

#include <stdint.h>

/// How often this program has called malloc, calloc or realloc, on any thread.
uint64_t allocation_count(void);

#endif

#ifndef PANTRY_CPREFETCH_SHIM_H
#define PANTRY_CPREFETCH_SHIM_H

// Asks for the cache line at an address, to be written soon, without waiting for it. Any address may be asked for.
static inline void pantry_prefetch(const void *address) { __builtin_prefetch(address, 1, 3); }

#endif

#ifndef PANTRY_CEPOLL_SHIM_H
#define PANTRY_CEPOLL_SHIM_H

#if defined(__linux__)
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

// The union inside `struct epoll_event` and the casts in its constants do not come over into Swift.
static const uint32_t pantry_epoll_in = EPOLLIN;
static const uint32_t pantry_epoll_out = EPOLLOUT;
static const uint32_t pantry_epoll_hangup = EPOLLHUP | EPOLLERR | EPOLLRDHUP;

static inline int pantry_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

static inline int pantry_epoll_change(int epoll, int operation, int descriptor, uint32_t events, uint64_t data) {
    struct epoll_event event;
    event.events = events;
    event.data.u64 = data;
    return epoll_ctl(epoll, operation, descriptor, &event);
}
static inline int pantry_epoll_add(int epoll, int descriptor, uint32_t events, uint64_t data) {
    return pantry_epoll_change(epoll, EPOLL_CTL_ADD, descriptor, events, data);
}
static inline int pantry_epoll_modify(int epoll, int descriptor, uint32_t events, uint64_t data) {
    return pantry_epoll_change(epoll, EPOLL_CTL_MOD, descriptor, events, data);
}
static inline int pantry_epoll_remove(int epoll, int descriptor) {
    return pantry_epoll_change(epoll, EPOLL_CTL_DEL, descriptor, 0, 0);
}
static inline uint64_t pantry_epoll_data(const struct epoll_event *event) { return event->data.u64; }
static inline uint32_t pantry_epoll_events(const struct epoll_event *event) { return event->events; }

static inline int pantry_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }
#endif

#endif

#define _GNU_SOURCE
#include "next_function.h"

#ifdef INTERPOSES

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* Where the program's own code begins and ends, by the linker. */
extern const char __executable_start[], etext[];

/* A plugin that makes a descriptor for a child of its own gets what it asks for. */
static bool is_own_code(const void *address) {
    return (uintptr_t)address >= (uintptr_t)__executable_start && (uintptr_t)address < (uintptr_t)etext;
}

#define IS_OWN is_own_code(__builtin_return_address(0))

NEXT_FUNCTION(socket, int, (int, int, int))
NEXT_FUNCTION(accept, int, (int, struct sockaddr *, socklen_t *))
NEXT_FUNCTION(accept4, int, (int, struct sockaddr *, socklen_t *, int))
NEXT_FUNCTION(epoll_create, int, (int))

EXPORTED int socket(int domain, int type, int protocol) {
    return next_socket()(domain, IS_OWN ? type | SOCK_CLOEXEC : type, protocol);
}

/* The header declares the two with a type of its own for addresses. */
EXPORTED int program_accept(int listener, struct sockaddr *address, socklen_t *size) __asm__("accept");
EXPORTED int program_accept4(int listener, struct sockaddr *address, socklen_t *size, int flags) __asm__("accept4");

int program_accept(int listener, struct sockaddr *address, socklen_t *size) {
    return IS_OWN ? next_accept4()(listener, address, size, SOCK_CLOEXEC) : next_accept()(listener, address, size);
}

int program_accept4(int listener, struct sockaddr *address, socklen_t *size, int flags) {
    return next_accept4()(listener, address, size, IS_OWN ? flags | SOCK_CLOEXEC : flags);
}

EXPORTED int epoll_create(int size) {
    return IS_OWN ? epoll_create1(EPOLL_CLOEXEC) : next_epoll_create()(size);
}

#endif

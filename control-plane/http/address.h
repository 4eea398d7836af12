// A peer's address as what limits count by. Pure.
#pragma once

#include <sys/socket.h>

#include <string>

namespace perigee::control {

// "192.0.2.7" for IPv4 (mapped into IPv6 or not), "2001:db8:1:2::/64" for IPv6: who has
// one address of such a network has all of them. Empty for other families.
std::string LimitKey(const sockaddr_storage& peer);

}  // namespace perigee::control

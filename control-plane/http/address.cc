#include "control-plane/http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>

namespace perigee::control {
namespace {

std::string Print(int family, const void* address) {
  char text[INET6_ADDRSTRLEN] = {};
  return inet_ntop(family, address, text, sizeof text) != nullptr ? text : "";
}

}  // namespace

std::string LimitKey(const sockaddr_storage& peer) {
  if (peer.ss_family == AF_INET) {
    return Print(AF_INET, &reinterpret_cast<const sockaddr_in&>(peer).sin_addr);
  }
  if (peer.ss_family != AF_INET6) return "";
  in6_addr address = reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&address)) return Print(AF_INET, &address.s6_addr[12]);
  if (IN6_IS_ADDR_LOOPBACK(&address)) return "::1";
  std::memset(&address.s6_addr[8], 0, 8);
  return Print(AF_INET6, &address) + "/64";
}

}  // namespace perigee::control

#include "satellite/link/network.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>

namespace perigee::satellite {

bool IsLoopback(const std::string& endpoint) {
  std::string host = endpoint.substr(0, endpoint.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

bool MayReach(const std::string& endpoint) {
  if (IsLoopback(endpoint)) return true;
  ifaddrs* interfaces = nullptr;
  if (getifaddrs(&interfaces) != 0) return true;  // not known: try
  bool found = false;
  for (const ifaddrs* one = interfaces; one != nullptr; one = one->ifa_next) {
    const bool address = one->ifa_addr != nullptr &&
                         (one->ifa_addr->sa_family == AF_INET || one->ifa_addr->sa_family == AF_INET6);
    found |= address && (one->ifa_flags & IFF_UP) != 0 && (one->ifa_flags & IFF_LOOPBACK) == 0;
  }
  freeifaddrs(interfaces);
  return found;
}

}  // namespace perigee::satellite

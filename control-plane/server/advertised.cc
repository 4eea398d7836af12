#include "control-plane/server/advertised.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

namespace perigee::control {

std::string AdvertisedHost(const std::vector<std::string>& advertise, const std::string& listen,
                           const std::string& machine) {
  std::string host = "127.0.0.1";
  if (!advertise.empty()) {
    host = advertise.front();
  } else if (listen != "0.0.0.0" && listen != "::" && listen != "[::]") {
    host = listen;
  } else if (!machine.empty()) {
    host = machine;
  }
  const bool bare_v6 = host.find(':') != std::string::npos && host.front() != '[';
  return bare_v6 ? "[" + host + "]" : host;
}

std::string MachineAddress() {
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return "";
  std::string found;
  for (const ifaddrs* one = all; one != nullptr && found.empty(); one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) continue;
    if ((one->ifa_flags & IFF_LOOPBACK) != 0 || (one->ifa_flags & IFF_UP) == 0) continue;
    char text[INET_ADDRSTRLEN] = {};
    const auto* address = reinterpret_cast<const sockaddr_in*>(one->ifa_addr);
    if (inet_ntop(AF_INET, &address->sin_addr, text, sizeof(text)) != nullptr) found = text;
  }
  freeifaddrs(all);
  return found;
}

}  // namespace perigee::control

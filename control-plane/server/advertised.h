// By which host others reach this control plane.
#pragma once

#include <string>
#include <vector>

namespace perigee::control {

// The first that is advertised; else the address listened on when it is one; else `machine` (an address of this machine);
// else loopback. In brackets when it is IPv6.
std::string AdvertisedHost(const std::vector<std::string>& advertise, const std::string& listen,
                           const std::string& machine);

// The first IPv4 address of an interface that is up and not loopback; empty when there is none.
std::string MachineAddress();

}  // namespace perigee::control

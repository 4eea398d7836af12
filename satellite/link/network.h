// Whether it makes sense to dial at all: a host whose only interface is the
// loopback has no way to a control plane elsewhere, so nothing is attempted (no
// connect, no name lookup) until one comes up.
#pragma once

#include <string>

namespace perigee::satellite {

// `endpoint`: HOST:PORT. True for a host of the loopback, else when any other interface is up with an address.
bool MayReach(const std::string& endpoint);
// The host of HOST:PORT or [HOST]:PORT is a loopback address or "localhost".
bool IsLoopback(const std::string& endpoint);

}  // namespace perigee::satellite

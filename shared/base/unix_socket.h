// Local sockets between the parts of one host: SOCK_SEQPACKET, one record a packet.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shared/base/files.h"
#include "shared/base/spare_descriptor.h"

namespace perigee {

struct PeerCredentials {
  pid_t pid;
  uid_t uid;
  gid_t gid;
};

// Replaces a stale socket file. Close-on-exec, mode as given. Paths over 107 bytes go through a /proc/self/fd
// directory handle.
absl::StatusOr<Fd> ListenUnix(const std::string& path, uint32_t mode);
absl::StatusOr<Fd> ConnectUnix(const std::string& path);
// Does not block. One that cannot be had for want of a descriptor is refused.
absl::StatusOr<Fd> AcceptUnix(int listener, SpareDescriptor& spare);
absl::StatusOr<PeerCredentials> PeerOf(int socket);
// Larger packets than limits::kLocalPacketBytes are refused. DEADLINE_EXCEEDED, UNAVAILABLE when the peer has
// gone.
absl::Status SendPacket(int socket, std::string_view packet, absl::Duration timeout);
absl::StatusOr<std::string> ReceivePacket(int socket, absl::Duration timeout);

}  // namespace perigee
